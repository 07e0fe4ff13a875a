//! The order in which events are handled: in the order of their creation, in rounds.
//!
//! A round goes from the oldest event to the newest, including those that are emitted meanwhile. It offers pending
//! events and finishes those that nothing blocks any more; an event that becomes finished behind it has its turn in the
//! next round. Every input begins a new round, and so does a table of events that finished ones have left hardly
//! any room in: a circle of jobs never reaches the end of a round. Upstart works in rounds too, and the order can be
//! seen in its log and in which job starts first.

use crate::ids::EventId;
use crate::limits::EVENTS_PER_JOB;
use crate::machine::Supervisor;

impl Supervisor<'_> {
    /// Adds a new event at the end of the list.
    pub(crate) fn enter_agenda(&mut self, id: EventId) {
        let last = self.globals.agenda.last;
        if let Some(event) = self.events.get_mut(id) {
            (event.before, event.after) = (last, None);
        }
        match last.and_then(|last| self.events.get_mut(last)) {
            Some(last) => last.after = Some(id),
            None => self.globals.agenda.first = Some(id),
        }
        let agenda = &mut self.globals.agenda;
        agenda.last = Some(id);
        if agenda.under_way && agenda.next.is_none() {
            agenda.next = Some(id);
        }
    }

    /// Removes an event from the list.
    pub(crate) fn leave_agenda(&mut self, id: EventId) {
        let Some((before, after)) = self.events.get(id).map(|event| (event.before, event.after)) else { return };
        match before.and_then(|before| self.events.get_mut(before)) {
            Some(before) => before.after = after,
            None => self.globals.agenda.first = after,
        }
        match after.and_then(|after| self.events.get_mut(after)) {
            Some(after) => after.before = before,
            None => self.globals.agenda.last = before,
        }
        if self.globals.agenda.next == Some(id) {
            self.globals.agenda.next = after;
        }
    }

    /// Takes the next event that is pending or finished.
    pub(crate) fn next_on_agenda(&mut self) -> Option<EventId> {
        // An event may start a job, which reserves room for events of its own.
        if self.events.room() < EVENTS_PER_JOB && self.globals.agenda.finished > 0 {
            self.globals.agenda.end_round();
        }
        while self.globals.agenda.ready > 0 {
            let agenda = &mut self.globals.agenda;
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
                agenda.take(event.is_finished());
                return Some(id);
            }
        }
        self.globals.agenda.end_round();
        None
    }
}
