//! Clients and events that wait for a job, and the results that they get.

use crate::answer::{Answer, Denial};
use crate::ids::{EventId, JobId};
use crate::input::JobCommand;
use crate::limits::{Full, WAIT_CIRCLE};
use crate::machine::Supervisor;
use crate::records::waiter::{WaitQueue, Waiter, WaiterKind};

/// The result of the wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitResult {
    /// The job has reached its goal.
    Reached,
    /// The job failed.
    Failed,
    /// Another command or event wants something else of the job. That counts as success; but the client gets the status
    /// that results from the new goal, and never those on the way to it (measured on Upstart 1.13.2).
    Released,
}

/// The denial of a command that failed while its client waited.
const fn failure(command: JobCommand) -> Denial {
    match command {
        JobCommand::Start => Denial::FailedToStart,
        JobCommand::Stop | JobCommand::Force | JobCommand::Reload => Denial::FailedToStop,
        JobCommand::Restart => Denial::FailedToRestart,
    }
}

impl Supervisor<'_> {
    /// Adds a waiter to a job.
    pub(crate) fn wait_for_job(&mut self, job: JobId, kind: WaiterKind) -> Result<(), Full> {
        let waiter = Waiter { kind, place: WaitQueue::Job(job), link: None };
        let waiter = match kind {
            // A place is reserved for every event that can ever wait for the job.
            WaiterKind::Event(_) if self.jobs.get_mut(job).is_some_and(|job| job.waiters_left > 0) => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.waiters_left = job.waiters_left.saturating_sub(1);
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

    /// Whether a job waits for an event, directly or by way of other jobs and their events. The search goes backwards:
    /// one job at most waits for an event, its owner. It gives up, with the answer no, after [`WAIT_CIRCLE`] jobs.
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    pub(crate) fn waits_for(&self, job: JobId, event: EventId) -> bool {
        let blocked_by = |event: EventId| {
            let owner = self.events.get(event)?.owner?;
            self.jobs.get(owner)?.blocker.is_some_and(|blocker| blocker == event).then_some(owner)
        };
        if self.jobs.get(job).is_none_or(|job| job.blocker.is_none()) {
            return false;
        }
        let mut found: heapless::Vec<JobId, WAIT_CIRCLE> = heapless::Vec::new();
        if blocked_by(event).is_some_and(|owner| found.push(owner).is_err()) {
            return false;
        }
        let mut place: usize = 0;
        while let Some(&next) = found.get(place) {
            if next == job {
                return true;
            }
            place = place.saturating_add(1);
            let mut at = self.jobs.get(next).and_then(|job| job.waiters.head());
            while let Some(waiter) = at.and_then(|at| self.waiters.get(at)) {
                at = waiter.link;
                let WaiterKind::Event(event) = waiter.kind else { continue };
                let other = blocked_by(event).filter(|other| !found.contains(other));
                if other.is_some_and(|other| found.push(other).is_err()) {
                    return false;
                }
            }
        }
        false
    }

    /// Ends the wait of every waiter of a job.
    pub(crate) fn answer_waiters(&mut self, id: JobId, outcome: WaitResult) {
        let failed = outcome == WaitResult::Failed;
        while let Some(waiter) = self.jobs.get_mut(id).and_then(|job| job.waiters.pop(&mut self.waiters)) {
            match self.waiters.get(waiter).map(|waiter| waiter.kind) {
                Some(WaiterKind::Client(client, command)) => {
                    let class = self.jobs.get(id).map(|job| job.class);
                    let answer = match class {
                        Some(class) if !failed => Answer::Job(id, class),
                        _ => Answer::Denied(failure(command)),
                    };
                    let last = outcome == WaitResult::Released;
                    self.settle(waiter, client, answer, last);
                }
                Some(WaiterKind::Event(event)) => {
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

    /// A waiting event is gone: reserves its place for another.
    fn take_back_reservation(&mut self, id: JobId) {
        if self.jobs.get(id).is_some()
            && self.waiters.reserve(1).is_ok()
            && let Some(job) = self.jobs.get_mut(id)
        {
            job.waiters_left = job.waiters_left.saturating_add(1);
        }
    }
}
