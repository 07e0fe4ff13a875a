//! How far the end of the supervisor has come.

use core::hash::Hash;

use crate::time::Instant;

/// The event by which jobs learn of the end of a session.
pub(crate) const SESSION_END: &[u8] = b"session-end";

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum ShutdownStage {
    /// It has not begun.
    Off,
    /// Every job is stopped, slot by slot; then the event session-end starts those that wait for it, and only those.
    Leaving { slot: usize, last: bool, until: Instant },
    /// Every job is stopped, slot by slot, and nothing starts any more.
    Stopping { slot: usize, until: Instant },
    /// The time is over: each job that is left is named, slot by slot.
    Naming { slot: usize },
    /// It has been said.
    Said,
}

impl ShutdownStage {
    /// As if it had all been so much earlier.
    pub(crate) fn rebase_time(&mut self, milliseconds: u64) {
        if let ShutdownStage::Leaving { until, .. } | ShutdownStage::Stopping { until, .. } = self {
            *until = Instant(until.0.saturating_sub(milliseconds));
        }
    }

    pub(crate) const fn is_on(self) -> bool {
        !matches!(self, ShutdownStage::Off)
    }

    /// Whether clients can start nothing any more.
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
