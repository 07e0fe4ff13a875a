//! Jobs whose main process has exited, and the processes that they may have left.

use heapless::Vec as Few;
use uphold_core::{Instant, JobId, Pid};

use super::process::ClaimedName;
use crate::capacity::{GUESSES, LEAVINGS};
use crate::watch::proc_stat::Stat;

/// A job that may have left processes.
pub(super) struct Leaving {
    pub(super) job: JobId,
    pub(super) name: ClaimedName,
    /// The main process that was launched last. Processes of a later one are not left.
    pub(super) launched: Option<Pid>,
    /// Whether the job is at rest, so that nothing is kept of it after the search.
    pub(super) rested: bool,
}

/// An orphan of which nothing tells whose it is, but that came when a job's main process had ended.
#[derive(Clone, Copy)]
pub(super) struct Guess {
    pub(super) job: JobId,
    pub(super) pid: Pid,
    pub(super) start: u64,
}

/// The processes that a job has left.
pub(crate) struct Left<'l> {
    /// The class and the instance.
    pub(crate) name: &'l ClaimedName,
    /// The processes that live.
    pub(crate) processes: &'l [Stat],
    /// Processes that may be the job's, with their start times.
    pub(crate) guesses: &'l [(Pid, u64)],
}

/// The jobs whose processes are still to be searched.
pub(super) struct Leavings {
    pub(super) jobs: Vec<Leaving>,
    pub(super) guesses: Few<Guess, GUESSES>,
    /// Whether there may be new orphans.
    pub(super) look: bool,
    /// The time of the next search, since nothing could be seen in the last one.
    pub(super) not_before: Option<Instant>,
}

impl Leavings {
    pub(super) fn new() -> Self {
        Leavings { jobs: Vec::with_capacity(LEAVINGS), guesses: Few::new(), look: false, not_before: None }
    }

    pub(super) fn want_look(&mut self) {
        self.look = true;
    }

    /// Notes a guess; one too many is not logged.
    pub(super) fn guess(&mut self, guess: Guess) {
        self.guesses.push(guess).unwrap_or_default();
    }

    /// A job is at rest. Returns whether the search for its processes is still to come.
    pub(super) fn rested(&mut self, job: JobId) -> bool {
        let leaving = self.jobs.iter_mut().find(|leaving| leaving.job == job);
        leaving.map(|leaving| leaving.rested = true).is_some()
    }
}
