//! How far the end of the supervisor has come.

use core::hash::Hash;

use crate::time::Instant;

/// How far the end has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Ending {
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

impl Ending {
    /// As if it had all been so much earlier.
    pub(crate) fn turn_back(&mut self, milliseconds: u64) {
        if let Ending::Leaving { until, .. } | Ending::Stopping { until, .. } = self {
            *until = Instant(until.0.saturating_sub(milliseconds));
        }
    }

    pub(crate) const fn is_on(self) -> bool {
        !matches!(self, Ending::Off)
    }

    /// Whether clients can start nothing any more.
    pub(crate) const fn refuses_starts(self) -> bool {
        !matches!(self, Ending::Off | Ending::Leaving { last: false, .. })
    }

    pub(crate) const fn deadline(self) -> Option<Instant> {
        match self {
            Ending::Leaving { until, .. } | Ending::Stopping { until, .. } => Some(until),
            Ending::Off | Ending::Naming { .. } | Ending::Said => None,
        }
    }
}
