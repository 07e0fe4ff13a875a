//! A directed graph with named nodes and labelled edges: cycles and the longest chain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A directed graph. An edge keeps its first label when it is added twice.
#[derive(Default)]
pub struct Graph {
    edges: BTreeMap<String, BTreeMap<String, String>>,
}

impl Graph {
    pub fn add(&mut self, from: &str, to: &str, label: &str) {
        let targets = self.edges.entry(from.to_string()).or_default();
        targets.entry(to.to_string()).or_insert_with(|| label.to_string());
    }

    fn targets(&self, node: &str) -> impl Iterator<Item = &str> {
        self.edges.get(node).into_iter().flatten().map(|(target, _)| target.as_str())
    }

    /// The shortest path from a node back to itself.
    fn way_back<'a>(&'a self, node: &'a str) -> Option<Vec<&'a str>> {
        let (mut reached_from, mut front) = (BTreeMap::new(), VecDeque::from([node]));
        while let Some(at) = front.pop_front() {
            for target in self.targets(at) {
                if target == node {
                    let mut way = vec![node, at];
                    while let Some(&before) = reached_from.get(way[way.len() - 1]) {
                        way.push(before);
                    }
                    way.reverse();
                    return Some(way);
                }
                if !reached_from.contains_key(target) {
                    reached_from.insert(target, at);
                    front.push_back(target);
                }
            }
        }
        None
    }

    /// The shortest cycle of each knot (a set of nodes that all reach one another), as text: the edges with their
    /// labels, and the size of the knot.
    pub fn cycles(&self) -> Vec<String> {
        let mut knots: BTreeMap<BTreeSet<&str>, Vec<&str>> = BTreeMap::new();
        for node in self.edges.keys() {
            let Some(way) = self.way_back(node) else { continue };
            let knot = self.reached(node).into_iter().filter(|other| self.reached(other).contains(node.as_str()));
            let shortest = knots.entry(knot.collect()).or_insert_with(|| way.clone());
            if way.len() < shortest.len() {
                *shortest = way;
            }
        }
        let written = |(knot, way): (&BTreeSet<&str>, &Vec<&str>)| {
            let mut text = format!("a cycle (in a knot of {}):", knot.len());
            for pair in way.windows(2) {
                text += &format!("\n    {} → {}  ({})", pair[0], pair[1], self.edges[pair[0]][pair[1]]);
            }
            text
        };
        knots.iter().map(written).collect()
    }

    /// The nodes that can be reached from a node.
    fn reached<'a>(&'a self, node: &'a str) -> BTreeSet<&'a str> {
        let (mut found, mut front) = (BTreeSet::new(), vec![node]);
        while let Some(at) = front.pop() {
            front.extend(self.targets(at).filter(|target| found.insert(*target)));
        }
        found
    }

    /// The longest chain of nodes. The graph must have no cycle.
    pub fn longest_chain(&self) -> Vec<&str> {
        let mut known = BTreeMap::new();
        let chains = self.edges.keys().map(|node| self.chain_from(node, &mut known));
        chains.max_by_key(Vec::len).unwrap_or_default()
    }

    fn chain_from<'a>(&'a self, node: &'a str, known: &mut BTreeMap<&'a str, Vec<&'a str>>) -> Vec<&'a str> {
        if let Some(chain) = known.get(node) {
            return chain.clone();
        }
        let rests = self.targets(node).map(|target| self.chain_from(target, known));
        let mut chain = rests.max_by_key(Vec::len).unwrap_or_default();
        chain.insert(0, node);
        known.insert(node, chain.clone());
        chain
    }
}
