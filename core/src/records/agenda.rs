//! The list of events, and the state of the round over it.

use core::hash::Hash;

use crate::ids::EventId;

/// The list of events, and the state of the round.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Agenda {
    pub(crate) first: Option<EventId>,
    pub(crate) last: Option<EventId>,
    /// The next event of the round; `None` at its end.
    pub(crate) next: Option<EventId>,
    pub(crate) under_way: bool,
    /// The number of events that are pending or finished.
    pub(crate) ready: u32,
}

impl Agenda {
    pub(crate) const fn new() -> Self {
        Agenda { first: None, last: None, next: None, under_way: false, ready: 0 }
    }

    /// Whether no event is pending or finished.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ready == 0
    }

    /// Counts one more event that is pending or finished.
    pub(crate) fn add_ready(&mut self) {
        self.ready = self.ready.saturating_add(1);
    }
}
