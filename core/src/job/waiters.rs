//! Clients and events that wait for a job, and the results that they get.

use crate::answer::{Answer, Denial};
use crate::ids::JobId;
use crate::input::JobCommand;
use crate::limits::Full;
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
