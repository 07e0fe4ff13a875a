//! The stages of the supervisor's end.

use core::hash::Hash;

use crate::time::Instant;

/// The event that announces the end of a session to jobs.
pub(crate) const SESSION_END: &[u8] = b"session-end";

/// The stages of the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum ShutdownStage {
    /// The end has not begun.
    Off,
    /// Every job is stopped, slot by slot; then the event session-end starts the jobs that wait for it, and only those.
    Leaving { slot: usize, last: bool, until: Instant },
    /// Every job is stopped, slot by slot, and no job starts any more.
    Stopping { slot: usize, until: Instant },
    /// The time is over: each job that is left is logged, slot by slot.
    Naming { slot: usize },
    /// The end was reported.
    Said,
}

impl ShutdownStage {
    /// Sets the deadline back.
    pub(crate) fn rebase_time(&mut self, milliseconds: u64) {
        if let ShutdownStage::Leaving { until, .. } | ShutdownStage::Stopping { until, .. } = self {
            *until = Instant(until.0.saturating_sub(milliseconds));
        }
    }

    pub(crate) const fn is_on(self) -> bool {
        !matches!(self, ShutdownStage::Off)
    }

    /// Whether clients can start no job any more.
    pub(crate) const fn refuses_starts(self) -> bool {
        !matches!(self, ShutdownStage::Off | ShutdownStage::Leaving { last: false, .. })
    }

    pub(crate) const fn deadline(self) -> Option<Instant> {
        match self {
            ShutdownStage::Leaving { until, .. } | ShutdownStage::Stopping { until, .. } => Some(until),
            ShutdownStage::Off | ShutdownStage::Naming { .. } | ShutdownStage::Said => None,
        }
    }
}
