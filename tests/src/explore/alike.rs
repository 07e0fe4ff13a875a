//! States of an exact world that a search would take for one: the same must follow from all of them.

use std::collections::{BTreeMap, HashMap};

use super::graph::Number;

/// The states of a search in an exact world, without the distinctions of such a world.
#[derive(Default)]
pub(super) struct Alike {
    /// The fingerprint of each state without the distinctions.
    pub(super) of_states: Vec<u64>,
    /// For each such fingerprint, the first state that was expanded, and what follows from it: fingerprints, each with
    /// a state.
    futures: HashMap<u64, (Number, BTreeMap<u64, Number>)>,
}

impl Alike {
    /// The number of different fingerprints.
    pub(super) fn number(&self) -> usize {
        let mut all = self.of_states.clone();
        all.sort_unstable();
        all.dedup();
        all.len()
    }

    /// Compares what follows from a state with what follows from the first one with its fingerprint. If they differ,
    /// returns that one, and a state that follows from one of the two only.
    pub(super) fn compare(
        &mut self,
        number: Number,
        targets: impl Iterator<Item = Number>,
    ) -> Option<(Number, Number)> {
        let own = *self.of_states.get(number as usize)?;
        let print = |to: Number| (self.of_states[to as usize], to);
        // A step that changes nothing here may have been left out there.
        let futures: BTreeMap<u64, Number> = targets.map(print).filter(|its| its.0 != own).collect();
        let (first, known) = self.futures.entry(own).or_insert_with(|| (number, futures.clone()));
        let missing = known.iter().find(|(print, _)| !futures.contains_key(print));
        let more = futures.iter().find(|(print, _)| !known.contains_key(print));
        missing.or(more).map(|(_, &to)| (*first, to))
    }
}
