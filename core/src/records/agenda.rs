//! The list of events, and the state of the round over it.

use core::hash::Hash;

use crate::ids::EventId;

/// The list of events, and the state of the round.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Agenda {
    pub(crate) first: Option<EventId>,
    pub(crate) last: Option<EventId>,
    /// The next event of the round; `None` at its end.
    #[serde(skip)]
    pub(crate) next: Option<EventId>,
    #[serde(skip)]
    pub(crate) under_way: bool,
    /// The number of events that are pending or finished.
    #[serde(skip)]
    pub(crate) ready: u32,
    /// The number of those that are finished.
    #[serde(skip)]
    pub(crate) finished: u32,
}

impl Agenda {
    pub(crate) const fn new() -> Self {
        Agenda { first: None, last: None, next: None, under_way: false, ready: 0, finished: 0 }
    }

    /// Whether no event is pending or finished.
    pub(crate) const fn is_empty(&self) -> bool {
        self.ready == 0
    }

    /// Counts one more event that is pending.
    pub(crate) fn add_pending(&mut self) {
        self.ready = self.ready.saturating_add(1);
    }

    /// Counts one more event that is finished.
    pub(crate) fn add_finished(&mut self) {
        self.ready = self.ready.saturating_add(1);
        self.finished = self.finished.saturating_add(1);
    }

    /// Counts off an event that is taken.
    pub(crate) fn take(&mut self, is_finished: bool) {
        self.ready = self.ready.saturating_sub(1);
        self.finished = self.finished.saturating_sub(u32::from(is_finished));
    }

    /// Ends the round: the next event is the oldest one.
    pub(crate) fn end_round(&mut self) {
        (self.under_way, self.next) = (false, None);
    }
}
