//! The end of the supervisor: every job is stopped, nothing starts any more, and in bounded time nothing is left.

use crate::effect::{Effect, Scope};
use crate::lifecycle::Goal;
use crate::signal::Signal;
use crate::supervisor::Supervisor;
use crate::time::Instant;

/// The shortest time that jobs get to stop by themselves, in seconds (FACTS 10).
const PATIENCE: u32 = 5;

/// How long killed processes may take to be gone, in seconds.
const LAST_PATIENCE: u32 = 2;

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Ending {
    /// It has not begun.
    Off,
    /// Every job's goal becomes stop, slot by slot; they have until then.
    Stopping { slot: usize, until: Instant },
    /// What lives is killed, and nothing is spawned any more.
    Killing { slot: usize, until: Instant },
    /// It has been said.
    Said,
}

impl Ending {
    pub(crate) const fn is_on(self) -> bool {
        !matches!(self, Ending::Off)
    }

    pub(crate) const fn is_forced(self) -> bool {
        matches!(self, Ending::Killing { .. })
    }

    pub(crate) const fn deadline(self) -> Option<Instant> {
        match self {
            Ending::Stopping { until, .. } | Ending::Killing { until, .. } => Some(until),
            Ending::Off | Ending::Said => None,
        }
    }
}

impl Supervisor<'_> {
    pub(crate) fn begin_ending(&mut self) {
        if self.core.ending.is_on() {
            return;
        }
        let timeouts = self.jobs.ids().filter_map(|id| {
            let class = self.jobs.get(id)?.class;
            Some(self.classes.get(class)?.kill_timeout)
        });
        let seconds = timeouts.max().unwrap_or(0).max(PATIENCE);
        self.core.ending = Ending::Stopping { slot: 0, until: self.now.after_seconds(seconds) };
    }

    /// One job to stop, or one process to kill; false when there is none for now.
    pub(crate) fn next_to_end(&mut self) -> bool {
        match self.core.ending {
            Ending::Stopping { slot, until } => {
                if let Some(job) = self.jobs.id_from(slot) {
                    self.core.ending = Ending::Stopping { slot: job.index() + 1, until };
                    self.answer_waiters_if_started(job);
                    self.set_goal(job, Goal::Stop);
                    return true;
                }
                let late = self.now >= until && !self.jobs.is_empty();
                if late {
                    let until = self.now.after_seconds(LAST_PATIENCE);
                    self.core.ending = Ending::Killing { slot: 0, until };
                }
                late
            }
            Ending::Killing { slot, until } => {
                let Some(process) = self.running.id_from(slot) else { return false };
                self.core.ending = Ending::Killing { slot: process.index() + 1, until };
                if let Some(pid) = self.running.get(process).map(|process| process.pid) {
                    self.order(Effect::Signal { pid, signal: Signal::KILL, scope: Scope::Group });
                }
                true
            }
            Ending::Off | Ending::Said => false,
        }
    }

    fn answer_waiters_if_started(&mut self, job: crate::storage::JobId) {
        if self.jobs.get(job).is_some_and(|job| job.goal != Goal::Stop) {
            self.answer_waiters(job, false);
        }
    }

    /// Says once that it is over: when no job is left, or killed processes have outstayed the last patience.
    pub(crate) fn ended(&mut self) -> Option<Effect> {
        let outstayed = matches!(self.core.ending, Ending::Killing { until, .. } if self.now >= until);
        let over = self.core.ending.deadline().is_some() && (self.jobs.is_empty() || outstayed);
        over.then(|| {
            self.core.ending = Ending::Said;
            Effect::Ended
        })
    }
}
