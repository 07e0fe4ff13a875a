//! Who waits for a job or an event: clients, events and jobs; and how each is told.

use crate::effect::{Answer, Denial, Effect};
use crate::input::Command;
use crate::limits::Full;
use crate::queue::Linked;
use crate::storage::{ClientId, EventId, Id, JobId};
use crate::supervisor::Supervisor;

/// Names a waiter.
pub(crate) type WaiterId = Id<Waiter>;

/// One who waits.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Waiter {
    pub(crate) who: Who,
    pub(crate) place: WaitQueue,
    pub(crate) link: Option<WaiterId>,
}

/// In whose queue a waiter stands.
#[derive(Clone, Copy, Debug, PartialEq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum WaitQueue {
    Job(JobId),
    Event(EventId),
    Answers,
    LastAnswers,
}

/// Who it is.
#[derive(Clone, Copy, Debug, PartialEq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Who {
    /// A client whose command is under way.
    Client(ClientId, Command),
    /// A client whose event is under way.
    Emitter(ClientId),
    /// An event that started or stopped the job.
    Event(EventId),
    /// A client whose answer is settled.
    Answered(ClientId, Answer),
}

impl Linked for Waiter {
    fn link(&mut self) -> &mut Option<WaiterId> {
        &mut self.link
    }
}

/// What became of what they wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The job got there.
    Reached,
    /// The job failed.
    Failed,
    /// Somebody wants something else of the job. That counts as success; but who asks then for its status sees what has
    /// come of the new goal, and never the goals on the way to it (measured on Upstart 1.13.2).
    Released,
}

/// The words for a command that failed while its client waited.
const fn failure(command: Command) -> Denial {
    match command {
        Command::Start => Denial::FailedToStart,
        Command::Stop | Command::Force | Command::Reload => Denial::FailedToStop,
        Command::Restart => Denial::FailedToRestart,
    }
}

impl Supervisor<'_> {
    /// Has somebody wait for a job.
    pub(crate) fn wait_for_job(&mut self, job: JobId, who: Who) -> Result<(), Full> {
        let waiter = Waiter { who, place: WaitQueue::Job(job), link: None };
        let waiter = match who {
            // A job set room aside for every event that can ever wait for it.
            Who::Event(_) if self.jobs.get_mut(job).is_some_and(|job| job.waiters_left > 0) => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.waiters_left -= 1;
                }
                self.waiters.insert_reserved(waiter)?
            }
            _ => self.waiters.insert(waiter)?,
        };
        if let Some(job) = self.jobs.get_mut(job) {
            job.waiters.push(&mut self.waiters, waiter);
        }
        Ok(())
    }

    /// Tells everybody who waits for a job what became of it.
    pub(crate) fn answer_waiters(&mut self, id: JobId, outcome: Outcome) {
        let failed = outcome == Outcome::Failed;
        while let Some(waiter) = self.jobs.get_mut(id).and_then(|job| job.waiters.pop(&mut self.waiters)) {
            match self.waiters.get(waiter).map(|waiter| waiter.who) {
                Some(Who::Client(client, command)) => {
                    let class = self.jobs.get(id).map(|job| job.class);
                    let answer = match class {
                        Some(class) if !failed => Answer::Job(id, class),
                        _ => Answer::Denied(failure(command)),
                    };
                    let last = outcome == Outcome::Released;
                    self.settle(waiter, client, answer, last);
                }
                Some(Who::Event(event)) => {
                    self.waiters.remove(waiter);
                    self.take_back_reservation(id);
                    if failed {
                        self.mark_failed(event);
                    }
                    self.unblock_event(event);
                }
                _ => {
                    self.waiters.remove(waiter);
                }
            }
        }
    }

    /// A waiting event has gone: the job may have another wait for it.
    fn take_back_reservation(&mut self, id: JobId) {
        if self.jobs.get(id).is_some()
            && self.waiters.reserve(1).is_ok()
            && let Some(job) = self.jobs.get_mut(id)
        {
            job.waiters_left += 1;
        }
    }

    /// A waiting client has its answer; it gets it before any job moves on, or `last`, when all jobs have.
    pub(crate) fn settle(&mut self, waiter: WaiterId, client: ClientId, answer: Answer, last: bool) {
        let (place, queue) = match last {
            false => (WaitQueue::Answers, &mut self.core.answers),
            true => (WaitQueue::LastAnswers, &mut self.core.last_answers),
        };
        if let Some(waiter) = self.waiters.get_mut(waiter) {
            waiter.who = Who::Answered(client, answer);
            waiter.place = place;
        }
        queue.push(&mut self.waiters, waiter);
    }

    /// A client that does not wait is answered when all that its command led to at once is done.
    pub(crate) fn answer_last(&mut self, client: ClientId, answer: Answer) {
        let waiter = Waiter { who: Who::Answered(client, answer), place: WaitQueue::LastAnswers, link: None };
        match self.waiters.insert(waiter) {
            Ok(waiter) => self.core.last_answers.push(&mut self.waiters, waiter),
            Err(_) => self.order(Effect::Reply { client, answer }),
        }
    }

    /// The next settled answer.
    pub(crate) fn next_answer(&mut self, last: bool) -> Option<Effect> {
        let queue = if last { &mut self.core.last_answers } else { &mut self.core.answers };
        loop {
            let waiter = queue.pop(&mut self.waiters)?;
            if let Some(Waiter { who: Who::Answered(client, answer), .. }) = self.waiters.remove(waiter) {
                return Some(Effect::Reply { client, answer });
            }
        }
    }

    /// Has somebody wait for an event.
    pub(crate) fn wait_for_event(&mut self, event: EventId, who: Who) -> Result<(), Full> {
        let waiter = self.waiters.insert(Waiter { who, place: WaitQueue::Event(event), link: None })?;
        if let Some(event) = self.events.get_mut(event) {
            event.waiters.push(&mut self.waiters, waiter);
        }
        Ok(())
    }

    /// A client has gone: nobody answers it.
    pub(crate) fn forget_client(&mut self, client: ClientId) {
        let is_it = |waiter: &Waiter| matches!(waiter.who, Who::Client(it, _) | Who::Emitter(it) | Who::Answered(it, _) if it == client);
        let Some(id) = self.waiters.ids().find(|&id| self.waiters.get(id).is_some_and(is_it)) else { return };
        let Some(place) = self.waiters.get(id).map(|waiter| waiter.place) else { return };
        let queue = match place {
            WaitQueue::Job(job) => self.jobs.get_mut(job).map(|job| &mut job.waiters),
            WaitQueue::Event(event) => self.events.get_mut(event).map(|event| &mut event.waiters),
            WaitQueue::Answers => Some(&mut self.core.answers),
            WaitQueue::LastAnswers => Some(&mut self.core.last_answers),
        };
        if let Some(queue) = queue {
            queue.remove(&mut self.waiters, id);
        }
        self.waiters.remove(id);
    }
}
