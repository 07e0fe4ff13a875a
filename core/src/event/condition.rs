//! `start on` and `stop on`: which events a condition holds, and whether they are enough.

use crate::bytes::split_variable;
use crate::conf::{ConditionText, EMPTY_WORD, Operator, expand, glob};
use crate::ids::{ClassId, EventId, JobId, LeafId};
use crate::limits::{ARGUMENT, Full, NESTING};
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::records::leaf::Leaf;

/// A condition: a class's `start on`, or one instance's `stop on`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ConditionOf {
    Start(ClassId),
    Stop(JobId),
}

/// The events that make a condition true, as bits in the order of its leaves; none if it is false.
pub(crate) type Held = u64;

/// Evaluates a condition: `holds` returns for each leaf whether it holds an event.
///
/// A false branch contributes nothing, so in `(a and b) or c` an `a` alone is not part of the reason.
pub(crate) fn evaluate(condition: ConditionText<'_>, mut holds: impl Iterator<Item = bool>) -> Held {
    let mut stack: heapless::Vec<Held, NESTING> = heapless::Vec::new();
    let mut bit: Held = 1;
    for operator in condition.operators() {
        let value = match operator {
            Operator::Event(..) => {
                let held = if holds.next().unwrap_or(false) { bit } else { 0 };
                bit = bit.wrapping_shl(1);
                held
            }
            Operator::And | Operator::Or => {
                let (right, left) = (stack.pop().unwrap_or(0), stack.pop().unwrap_or(0));
                let missing = left == 0 || right == 0;
                if operator == Operator::And && missing { 0 } else { left | right }
            }
        };
        if stack.push(value).is_err() {
            return 0;
        }
    }
    stack.pop().unwrap_or(0)
}

impl Supervisor<'_> {
    /// Makes the leaves of a condition that names so many events.
    pub(crate) fn make_leaves(&mut self, events: usize) -> Result<Option<LeafId>, Full> {
        let mut first = None;
        for _ in 0..events {
            match self.leaves.insert(Leaf { event: None, next: first }) {
                Ok(leaf) => first = Some(leaf),
                Err(full) => {
                    self.free_leaves(first);
                    return Err(full);
                }
            }
        }
        Ok(first)
    }

    /// Frees leaves that hold no event.
    pub(crate) fn free_leaves(&mut self, first: Option<LeafId>) {
        let mut at = first;
        while let Some(leaf) = at.and_then(|at| self.leaves.remove(at)) {
            at = leaf.next;
        }
    }

    /// Releases every event that the leaves hold.
    pub(crate) fn release_leaves(&mut self, first: Option<LeafId>) {
        let mut at = first;
        while let Some(leaf) = at.and_then(|at| self.leaves.get_mut(at)) {
            at = leaf.next;
            if let Some(event) = leaf.event.take() {
                self.unblock_event(event);
            }
        }
    }

    pub(crate) fn condition_of(&self, of: ConditionOf) -> (TextHandle, Option<LeafId>) {
        let found = match of {
            ConditionOf::Start(class) => self.classes.get(class).map(|class| (class.start_on, class.start_leaves)),
            ConditionOf::Stop(job) => self.jobs.get(job).and_then(|job| {
                let class = self.classes.get(job.class)?;
                Some((class.stop_on, job.stop_leaves))
            }),
        };
        found.unwrap_or((TextHandle::EMPTY, None))
    }

    /// Offers an event to a condition. Returns the events that make the condition true, if this one changed anything.
    pub(crate) fn offer(&mut self, of: ConditionOf, event: EventId) -> Held {
        let (text, first) = self.condition_of(of);
        let mut taken = false;
        let mut at = first;
        let mut place: usize = 0;
        while let Some(id) = at {
            let Some(leaf) = self.leaves.get(id) else { break };
            at = leaf.next;
            if leaf.event.is_none() && self.leaf_matches(text, place, of, event) {
                if let Some(leaf) = self.leaves.get_mut(id) {
                    leaf.event = Some(event);
                }
                self.block_event(event);
                taken = true;
            }
            place = place.saturating_add(1);
        }
        if taken { evaluate(ConditionText(self.text.get(text)), self.holds(first)) } else { 0 }
    }

    pub(crate) fn holds(&self, first: Option<LeafId>) -> impl Iterator<Item = bool> + '_ {
        self.leaf_events(first).map(|event| event.is_some())
    }

    /// The event that each leaf holds.
    pub(crate) fn leaf_events(&self, first: Option<LeafId>) -> impl Iterator<Item = Option<EventId>> + '_ {
        let mut at = first;
        core::iter::from_fn(move || {
            let leaf = self.leaves.get(at?)?;
            at = leaf.next;
            Some(leaf.event)
        })
    }

    /// The event that the leaf at a place holds, if it is one of those that count.
    pub(crate) fn held_event(&self, of: ConditionOf, held: Held, place: usize) -> Option<EventId> {
        let (_, first) = self.condition_of(of);
        self.leaf_events(first).nth(place).flatten().filter(|_| held & (1 << place) != 0)
    }

    /// Releases the events that a condition holds, once they have been acted on.
    pub(crate) fn reset_condition(&mut self, of: ConditionOf) {
        let (_, first) = self.condition_of(of);
        self.release_leaves(first);
    }

    fn leaf_matches(&self, text: TextHandle, place: usize, of: ConditionOf, event: EventId) -> bool {
        let condition = ConditionText(self.text.get(text));
        let operators = condition.operators();
        let mut events = operators.filter_map(|operator| match operator {
            Operator::Event(name, arguments) => Some((name, arguments)),
            _ => None,
        });
        let Some((name, arguments)) = events.nth(place) else { return false };
        if !self.event_is_named(event, name) {
            return false;
        }
        let mut position = 0;
        arguments.iter().all(|argument| self.argument_matches(argument, &mut position, of, event))
    }

    /// Matches one argument against an event's variables: by position until one is named, by name from then on
    /// (init(5), "Event definition"; that `!=` of a missing variable does not match was measured on Upstart 1.13.2).
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    fn argument_matches(&self, argument: &[u8], position: &mut usize, of: ConditionOf, event: EventId) -> bool {
        let argument = if argument == EMPTY_WORD { b"" } else { argument };
        let mut variables = self.event_environment(event).iter();
        let (key, value) = split_variable(argument);
        let (pattern, found, negated) = match value {
            None => {
                let found = variables.nth(*position);
                *position = position.saturating_add(1);
                (argument, found, false)
            }
            Some(pattern) => {
                let (name, negated) = if let [name @ .., b'!'] = key { (name, true) } else { (key, false) };
                (pattern, variables.find(|variable| split_variable(variable).0 == name), negated)
            }
        };
        let Some(found) = found else { return false };
        let actual = split_variable(found).1.unwrap_or(&[]);
        if !pattern.contains(&b'$') {
            return glob(pattern, actual) != negated;
        }
        let mut expanded: heapless::Vec<u8, ARGUMENT> = heapless::Vec::new();
        let lookup = |name: &[u8]| match of {
            ConditionOf::Start(_) => None,
            ConditionOf::Stop(job) => self.variable(job, name),
        };
        let expansion = expand(pattern, lookup, expanded.as_mut_view());
        expansion.is_ok() && glob(&expanded, actual) != negated
    }

    /// Moves the events that an old class holds to the new one of its name, where both have the same event operator. If
    /// they make the new condition true, they are released: the file was changed after they had been offered.
    pub(crate) fn inherit_matches(&mut self, old: ClassId, new: ClassId) {
        let (old_text, old_first) = self.condition_of(ConditionOf::Start(old));
        let (new_text, new_first) = self.condition_of(ConditionOf::Start(new));
        let (mut from, mut place) = (old_first, 0_usize);
        while let Some(source) = from.and_then(|id| self.leaves.get(id)) {
            let (event, source_id) = (source.event, from);
            from = source.next;
            if event.is_some() {
                let (mut to, mut other) = (new_first, 0_usize);
                while let Some(target) = to.and_then(|id| self.leaves.get(id)) {
                    let (target_id, free) = (to, target.event.is_none());
                    to = target.next;
                    if free && self.same_operator(old_text, place, new_text, other) {
                        self.move_match(source_id, target_id);
                        break;
                    }
                    other = other.saturating_add(1);
                }
            }
            place = place.saturating_add(1);
        }
        // No event is still to come that would let the new condition be acted on.
        if evaluate(ConditionText(self.text.get(new_text)), self.holds(new_first)) != 0 {
            self.release_leaves(new_first);
        }
    }

    fn same_operator(&self, a: TextHandle, a_place: usize, b: TextHandle, b_place: usize) -> bool {
        let nth = |text: TextHandle, place: usize| {
            let is_event = |operator: &Operator<'_>| matches!(operator, Operator::Event(..));
            ConditionText(self.text.get(text)).operators().filter(is_event).nth(place)
        };
        nth(a, a_place) == nth(b, b_place)
    }

    fn move_match(&mut self, from: Option<LeafId>, to: Option<LeafId>) {
        let event = from.and_then(|id| self.leaves.get_mut(id)).and_then(|leaf| leaf.event.take());
        if let Some(leaf) = to.and_then(|id| self.leaves.get_mut(id)) {
            leaf.event = event;
        }
    }
}
