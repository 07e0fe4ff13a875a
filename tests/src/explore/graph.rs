//! The states that were seen, the ways to them, and what can be reached from each.

use super::step::Step;

/// The number of a state, in the order of discovery.
pub(super) type Number = u32;

/// A mark on the target of an edge: a user asks for the step.
const ASKED_FOR: u32 = 1 << 31;

/// A state.
pub(super) struct Node {
    pub(super) parent: Number,
    /// The number of steps from the start.
    pub(super) depth: u32,
    pub(super) step: Step,
    /// No job lives and no event is unfinished.
    pub(super) rests: bool,
    /// Every job is at rest or runs.
    pub(super) settled: bool,
    /// Nothing that follows from it is explored.
    pub(super) cut: bool,
}

/// All states with their edges. States are expanded in the order of their numbers.
#[derive(Default)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    /// The targets of the edges, state by state.
    targets: Vec<u32>,
    /// Where the edges of each state begin that was expanded.
    begins: Vec<usize>,
    /// The number of edges, with those that lead back to their own state.
    pub(super) transitions: usize,
}

impl Graph {
    /// Begins the edges of the next state.
    pub(super) fn expand(&mut self, number: Number) {
        self.begins.resize(number as usize + 1, self.targets.len());
    }

    /// Adds an edge of the state that is being expanded.
    pub(super) fn join(&mut self, from: Number, to: Number, asked_for: bool) {
        self.transitions += 1;
        if from != to {
            self.targets.push(to | if asked_for { ASKED_FOR } else { 0 });
        }
    }

    /// The states that follow from the one that was expanded last.
    pub(super) fn targets_of_last(&self) -> impl Iterator<Item = Number> + '_ {
        let begin = self.begins.last().copied().unwrap_or_default();
        self.targets[begin..].iter().map(|to| to & !ASKED_FOR)
    }

    /// The shortest way to a state.
    pub(super) fn way_to(&self, mut at: Number) -> Vec<Step> {
        let mut steps = Vec::new();
        while at != 0 {
            let node = &self.nodes[at as usize];
            steps.push(node.step.clone());
            at = node.parent;
        }
        steps.reverse();
        steps
    }

    /// Every edge that counts.
    fn edges(&self, unasked: bool) -> impl Iterator<Item = (Number, Number)> + '_ {
        let ends = self.begins.iter().skip(1).copied().chain([self.targets.len()]);
        let ranges = self.begins.iter().copied().zip(ends).enumerate();
        ranges.flat_map(move |(from, (begin, end))| {
            let counts = move |target: &&u32| !unasked || **target & ASKED_FOR == 0;
            self.targets[begin..end].iter().filter(counts).map(move |to| (from as Number, to & !ASKED_FOR))
        })
    }

    /// The first state without a path to a wanted one; with `unasked`, a path without a request. A state that was cut
    /// is taken for a good one, since nothing is known of its future.
    pub(super) fn lost(&self, unasked: bool, is_wanted: impl Fn(&Node) -> bool) -> Option<Number> {
        let mut ends = vec![0_u32; self.nodes.len() + 1];
        self.edges(unasked).for_each(|(_, to)| ends[to as usize + 1] += 1);
        for place in 1..ends.len() {
            ends[place] += ends[place - 1];
        }
        let mut sources: Vec<Number> = vec![0; ends[self.nodes.len()] as usize];
        let mut free = ends.clone();
        for (from, to) in self.edges(unasked) {
            sources[free[to as usize] as usize] = from;
            free[to as usize] += 1;
        }
        let mut good: Vec<bool> = self.nodes.iter().map(|node| node.cut || is_wanted(node)).collect();
        let mut queue: Vec<usize> = (0..good.len()).filter(|&number| good[number]).collect();
        while let Some(number) = queue.pop() {
            for &source in &sources[ends[number] as usize..ends[number + 1] as usize] {
                if !std::mem::replace(&mut good[source as usize], true) {
                    queue.push(source as usize);
                }
            }
        }
        good.iter().position(|&good| !good).map(|lost| lost as Number)
    }
}
