//! The form of a rule, and the rules that hold for several kinds of things.

use crate::conf::{ConditionText, Operator};
use crate::event::condition::{ConditionOf, evaluate};
use crate::ids::{EventId, Id, WaiterId};
use crate::machine::Supervisor;
use crate::records::waiter::{WaitQueue, WaiterKind};

/// A rule: the contradiction if it does not hold, and whether it holds for a thing.
pub(super) type Rule<T, K> = (&'static str, fn(&Supervisor<'_>, Id<K>, &T) -> bool);

impl Supervisor<'_> {
    /// A condition holds events that it names, and not enough of them.
    pub(super) fn holds_soundly(&self, of: ConditionOf, may_hold: bool) -> bool {
        let (text, first) = self.condition_of(of);
        let condition = ConditionText(self.text.get(text));
        let names = condition.operators().filter_map(|operator| match operator {
            Operator::Event(name, _) => Some(name),
            Operator::And | Operator::Or => None,
        });
        let fits = |(event, name): (Option<EventId>, &[u8])| match event {
            Some(event) => may_hold && self.event_is_named(event, name),
            None => true,
        };
        self.leaf_events(first).zip(names).all(fits) && evaluate(condition, self.holds(first)) == 0
    }

    /// In a job's queue are clients with a command and events; in an event's queue, clients that emitted it.
    pub(super) fn queue_is_sound(&self, place: WaitQueue, first: Option<WaiterId>) -> bool {
        let mut at = first;
        while let Some(waiter) = at.and_then(|at| self.waiters.get(at)) {
            at = waiter.link;
            let fits = match (place, waiter.kind) {
                (WaitQueue::Job(_), WaiterKind::Client(..)) | (WaitQueue::Event(_), WaiterKind::Emitter(_)) => true,
                // Neither would ever go on.
                (WaitQueue::Job(job), WaiterKind::Event(event)) => !self.waits_for(job, event),
                _ => false,
            };
            if !fits {
                return false;
            }
        }
        true
    }
}
