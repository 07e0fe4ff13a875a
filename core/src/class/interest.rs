//! The index through which an event finds its conditions.
//!
//! A class has one interest for each distinct event name in its `start on` and `stop on`. A class that does not name
//! an event costs that event nothing.

use crate::conf::{ConditionText, Operator};
use crate::ids::{ClassId, InterestId};
use crate::limits::{EVENT_NAME, Full};
use crate::machine::Supervisor;
use crate::memory::arena::cost;
use crate::memory::index::Fnv;
use crate::records::interest::{Interest, Name};

/// The event names of a class's conditions, each once, in order.
pub(crate) fn event_names<'t>(
    start: ConditionText<'t>,
    stop: ConditionText<'t>,
) -> impl Iterator<Item = &'t [u8]> + Clone {
    let all = start.operators().chain(stop.operators()).filter_map(|operator| match operator {
        Operator::Event(name, _) => Some(name),
        _ => None,
    });
    let seen = all.clone();
    all.enumerate()
        .filter(move |&(place, name)| !seen.clone().take(place).any(|other| other == name))
        .map(|(_, name)| name)
}

impl Supervisor<'_> {
    fn measure_interests(&self, class: ClassId) -> (usize, usize) {
        let (start, stop) = self.conditions(class);
        event_names(start, stop).fold((0_usize, 0_usize), |(count, bytes), name| {
            (count.saturating_add(1), bytes.saturating_add(cost(name.len())))
        })
    }

    /// Reserves what [`enter_interests`](Self::enter_interests) needs, so that it cannot fail.
    pub(crate) fn reserve_interests(&mut self, class: ClassId) -> Result<(), Full> {
        let (count, bytes) = self.measure_interests(class);
        self.names.reserve(count)?;
        if let Err(full) = self.interests.reserve(count) {
            self.names.unreserve(count);
            return Err(full);
        }
        self.text.reserve(count, bytes).inspect_err(|_| {
            self.names.unreserve(count);
            self.interests.unreserve(count);
        })
    }

    pub(crate) fn unreserve_interests(&mut self, class: ClassId) {
        let (count, bytes) = self.measure_interests(class);
        self.names.unreserve(count);
        self.interests.unreserve(count);
        self.text.unreserve(count, bytes);
    }

    /// Enters a class under every event in its conditions. Room was reserved.
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    pub(crate) fn enter_interests(&mut self, class: ClassId) {
        self.unreserve_interests(class);
        let count = self.measure_interests(class).0;
        for place in 0..count {
            let (start, stop) = self.conditions(class);
            let Some(name) = event_names(start, stop).nth(place) else { continue };
            // The name is copied to the stack, since entering it moves the text that it is read from. No name is
            // longer: see `check_condition`.
            let mut copy: heapless::Vec<u8, EVENT_NAME> = heapless::Vec::new();
            if copy.extend_from_slice(name).is_ok() {
                self.enter_interest(class, &copy);
            }
        }
    }

    fn enter_interest(&mut self, class: ClassId, event: &[u8]) {
        let hash = Fnv::new().with(event).value();
        let found = self.name_index.find(&self.names, hash, |name| self.text.get(name.text) == event);
        let name = match found {
            Some(name) => name,
            None => {
                let Ok(text) = self.text.add(event) else { return };
                let Ok(name) = self.names.insert(Name { text, hash, chain: None, first: None, last: None }) else {
                    return;
                };
                self.name_index.insert(&mut self.names, name);
                name
            }
        };
        let before = self.names.get(name).and_then(|name| name.last);
        let sibling = self.classes.get(class).and_then(|class| class.interests);
        let Ok(interest) = self.interests.insert(Interest { class, name, before, after: None, sibling }) else {
            return;
        };
        if let Some(class) = self.classes.get_mut(class) {
            class.interests = Some(interest);
        }
        if let Some(before) = before.and_then(|before| self.interests.get_mut(before)) {
            before.after = Some(interest);
        }
        if let Some(name) = self.names.get_mut(name) {
            name.first.get_or_insert(interest);
            name.last = Some(interest);
        }
    }

    /// Removes a class from under every event.
    pub(crate) fn drop_interests(&mut self, class: ClassId) {
        let mut at = self.classes.get_mut(class).and_then(|class| class.interests.take());
        while let Some(interest) = at.and_then(|at| self.interests.remove(at)) {
            at = interest.sibling;
            if let Some(before) = interest.before.and_then(|before| self.interests.get_mut(before)) {
                before.after = interest.after;
            }
            if let Some(after) = interest.after.and_then(|after| self.interests.get_mut(after)) {
                after.before = interest.before;
            }
            let Some(name) = self.names.get_mut(interest.name) else { continue };
            if interest.before.is_none() {
                name.first = interest.after;
            }
            if interest.after.is_none() {
                name.last = interest.before;
            }
            if name.first.is_none() {
                self.name_index.remove(&mut self.names, interest.name);
                if let Some(name) = self.names.remove(interest.name) {
                    self.text.free(name.text);
                }
            }
        }
    }

    /// The first interest in an event of this name.
    pub(crate) fn first_interest(&self, hash: u32, is_it: impl Fn(&[u8]) -> bool) -> Option<InterestId> {
        let name = self.name_index.find(&self.names, hash, |name| is_it(self.text.get(name.text)))?;
        self.names.get(name)?.first
    }
}
