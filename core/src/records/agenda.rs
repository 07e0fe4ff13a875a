//! The list of events, and how far the round over it has come.

use core::hash::Hash;

use crate::ids::EventId;

/// The list of events, and how far the round has come.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Agenda {
    pub(crate) first: Option<EventId>,
    pub(crate) last: Option<EventId>,
    /// Whose turn is next in the round; `None` at its end.
    pub(crate) next: Option<EventId>,
    pub(crate) under_way: bool,
    /// How many events are pending or finished.
    pub(crate) ready: u32,
}

impl Agenda {
    pub(crate) const fn new() -> Self {
        Agenda { first: None, last: None, next: None, under_way: false, ready: 0 }
    }

    /// Whether there is nothing to see to.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ready == 0
    }

    /// One more event is pending or finished.
    pub(crate) fn add_ready(&mut self) {
        self.ready = self.ready.saturating_add(1);
    }
}
