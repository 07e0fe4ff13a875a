//! The order in which events are seen to: all of them in the order of their creation, in rounds.
//!
//! A round goes from the oldest event to the newest, those that come meanwhile included, and offers what is pending and
//! finishes what is finished; what becomes finished behind it has its turn in the next round. Whatever comes from outside
//! begins a new round. Upstart works in rounds, and the order can be seen in its log and in which job is started first.

use crate::storage::EventId;
use crate::supervisor::Supervisor;

/// The list of events, and how far the round has come.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Agenda {
    pub first: Option<EventId>,
    pub last: Option<EventId>,
    /// Whose turn is next in the round; `None` at its end.
    next: Option<EventId>,
    under_way: bool,
    /// How many events are pending or finished.
    ready: u32,
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
        self.ready += 1;
    }
}

impl Supervisor<'_> {
    /// Enters a new event at the end of the list.
    pub(crate) fn enter_agenda(&mut self, id: EventId) {
        let last = self.core.agenda.last;
        if let Some(event) = self.events.get_mut(id) {
            (event.before, event.after) = (last, None);
        }
        match last.and_then(|last| self.events.get_mut(last)) {
            Some(last) => last.after = Some(id),
            None => self.core.agenda.first = Some(id),
        }
        let agenda = &mut self.core.agenda;
        agenda.last = Some(id);
        if agenda.under_way && agenda.next.is_none() {
            agenda.next = Some(id);
        }
    }

    /// Takes an event off the list.
    pub(crate) fn leave_agenda(&mut self, id: EventId) {
        let Some((before, after)) = self.events.get(id).map(|event| (event.before, event.after)) else { return };
        match before.and_then(|before| self.events.get_mut(before)) {
            Some(before) => before.after = after,
            None => self.core.agenda.first = after,
        }
        match after.and_then(|after| self.events.get_mut(after)) {
            Some(after) => after.before = before,
            None => self.core.agenda.last = before,
        }
        if self.core.agenda.next == Some(id) {
            self.core.agenda.next = after;
        }
    }

    /// The next event that is pending or finished, which counts as taken from now on.
    pub(crate) fn next_on_agenda(&mut self) -> Option<EventId> {
        while self.core.agenda.ready > 0 {
            let agenda = &mut self.core.agenda;
            if !agenda.under_way {
                (agenda.under_way, agenda.next) = (true, agenda.first);
            }
            let Some(id) = agenda.next else {
                agenda.under_way = false;
                continue;
            };
            let event = self.events.get(id)?;
            agenda.next = event.after;
            if event.is_ready() {
                agenda.ready -= 1;
                return Some(id);
            }
        }
        self.core.agenda.under_way = false;
        self.core.agenda.next = None;
        None
    }
}
