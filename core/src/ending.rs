//! The end of the supervisor: every job is stopped, nothing starts any more, and in bounded time nothing is left.

use core::num::NonZeroU32;

use crate::bytes::Strings;
use crate::effect::{Effect, Scope};
use crate::lifecycle::Goal;
use crate::signal::Signal;
use crate::storage::JobId;
use crate::supervisor::Supervisor;
use crate::time::Instant;

/// The shortest time that jobs get to stop by themselves, in seconds (FACTS 10).
const PATIENCE: u32 = 5;

/// How long killed processes may take to be gone, in seconds.
const LAST_PATIENCE: u32 = 2;

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Ending {
    /// It has not begun.
    Off,
    /// As for `Stopping`, then the event session-end is emitted, and who it starts has until then.
    Leaving { slot: Option<NonZeroU32>, until: Instant },
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

    /// Whether nothing starts any more.
    pub(crate) const fn refuses_starts(self) -> bool {
        !matches!(self, Ending::Off | Ending::Leaving { .. })
    }

    pub(crate) const fn is_forced(self) -> bool {
        matches!(self, Ending::Killing { .. })
    }

    pub(crate) const fn deadline(self) -> Option<Instant> {
        match self {
            Ending::Leaving { until, .. } | Ending::Stopping { until, .. } | Ending::Killing { until, .. } => {
                Some(until)
            }
            Ending::Off | Ending::Said => None,
        }
    }
}

impl Supervisor<'_> {
    pub(crate) fn begin_ending(&mut self) {
        if self.core.ending.refuses_starts() {
            return;
        }
        let timeouts = self.jobs.ids().filter_map(|id| {
            let class = self.jobs.get(id)?.class;
            Some(self.classes.get(class)?.kill_timeout)
        });
        let seconds = timeouts.max().unwrap_or(0).max(PATIENCE);
        self.core.ending = Ending::Stopping { slot: 0, until: self.now.after_seconds(seconds) };
    }

    /// The session ends: those who wait for that get their turn before everything is stopped.
    pub(crate) fn begin_logout(&mut self) {
        if !self.core.ending.is_on() {
            self.core.ending = Ending::Leaving { slot: NonZeroU32::new(1), until: self.now.after_seconds(PATIENCE) };
        }
    }

    fn next_to_leave(&mut self, slot: Option<NonZeroU32>, until: Instant) -> bool {
        if let Some(slot) = slot {
            let job = self.jobs.id_from(slot.get() as usize - 1);
            let next = job.and_then(|job| NonZeroU32::new(job.index() as u32 + 2));
            self.core.ending = Ending::Leaving { slot: next, until };
            match job {
                Some(job) => self.end_job(job),
                // Should there be no room for it, nobody is started, and the session ends at once.
                None => self.emit(b"session-end", Strings(b"TYPE=logout\0"), None).unwrap_or_default(),
            }
            return true;
        }
        let over = self.jobs.is_empty() || self.now >= until;
        if over {
            self.begin_ending();
        }
        over
    }

    /// One job to stop, or one process to kill; false when there is none for now.
    pub(crate) fn next_to_end(&mut self) -> bool {
        match self.core.ending {
            Ending::Leaving { slot, until } => self.next_to_leave(slot, until),
            Ending::Stopping { slot, until } => {
                if let Some(job) = self.jobs.id_from(slot) {
                    self.core.ending = Ending::Stopping { slot: job.index() + 1, until };
                    self.end_job(job);
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

    fn end_job(&mut self, job: JobId) {
        if self.jobs.get(job).is_some_and(|job| job.goal != Goal::Stop) {
            self.answer_waiters(job, false);
            self.set_goal(job, Goal::Stop);
        }
    }

    /// Says once that it is over: when no job is left, or killed processes have outstayed the last patience.
    pub(crate) fn ended(&mut self) -> Option<Effect> {
        let outstayed = matches!(self.core.ending, Ending::Killing { until, .. } if self.now >= until);
        let over = self.core.ending.refuses_starts() && self.core.ending.deadline().is_some();
        let over = over && (self.jobs.is_empty() || outstayed);
        over.then(|| {
            self.core.ending = Ending::Said;
            Effect::Ended
        })
    }
}
