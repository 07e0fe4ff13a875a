//! Jobs and events as a graph.

use std::collections::{BTreeMap, BTreeSet};

use uphold_core::bytes::Printable;
use uphold_core::conf::glob;

use crate::condition::Event;
use crate::config::show_config::Config;

/// The kind of a node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum NodeKind {
    /// A job.
    Job,
    /// A job that conditions name, and that has no file.
    MissingJob,
    /// An event.
    Event,
}

/// The kind of an edge.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum EdgeKind {
    /// From an event to a job that it starts.
    StartOn,
    /// From an event to a job that it stops.
    StopOn,
    /// From a job to an event that its file lists under `emits`, or that is about its own states.
    Emits,
}

impl EdgeKind {
    /// The stanza.
    pub const fn stanza(self) -> &'static str {
        match self {
            EdgeKind::StartOn => "start on",
            EdgeKind::StopOn => "stop on",
            EdgeKind::Emits => "emits",
        }
    }
}

/// A node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// The kind.
    pub kind: NodeKind,
    /// The name.
    pub name: String,
    /// The conditions of a job, a line each.
    pub about: String,
}

/// An edge.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Edge {
    /// The place of the node at which it begins.
    pub from: usize,
    /// The place of the node at which it ends.
    pub to: usize,
    /// The kind.
    pub kind: EdgeKind,
    /// The event with its arguments, as the job file has it.
    pub event: String,
}

/// Jobs, events, and what connects them. Each node and each edge occurs once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Graph {
    /// The nodes, sorted by name.
    pub nodes: Vec<Node>,
    /// The edges, sorted.
    pub edges: Vec<Edge>,
}

/// The key of a node. Events come first, so that an event and a job of the same name are two nodes.
type Key = (bool, String);

fn job_key(name: &[u8]) -> Key {
    (true, Printable(name).to_string())
}

fn event_key(name: &[u8]) -> Key {
    (false, Printable(name).to_string())
}

/// The name of an event of a condition. The job is part of it if it is one of the four events of jobs.
fn event_name(event: &Event) -> Vec<u8> {
    match event.job().0 {
        Some(job) => [&event.name[..], b" ", job].concat(),
        None => event.name.clone(),
    }
}

/// The events of a job's conditions, each with the kind of the edge.
fn events(config: &Config) -> impl Iterator<Item = (EdgeKind, &Event)> {
    config.conditions().flat_map(|(word, condition)| {
        let kind = if word == "start" { EdgeKind::StartOn } else { EdgeKind::StopOn };
        condition.events().into_iter().map(move |event| (kind, event))
    })
}

impl Graph {
    /// The graph of these jobs.
    pub fn new(jobs: &[(Vec<u8>, Config)]) -> Graph {
        let mut edges: BTreeSet<(Key, Key, EdgeKind, Vec<u8>)> = BTreeSet::new();
        let mut awaited: BTreeSet<&[u8]> = BTreeSet::new();
        for (name, config) in jobs {
            for (kind, event) in events(config) {
                let named = event_name(event);
                edges.insert((event_key(&named), job_key(name), kind, event.text()));
                let Some(emitter) = event.job().0 else {
                    awaited.insert(&event.name);
                    continue;
                };
                let matching = jobs.iter().map(|(name, _)| &name[..]).filter(|name| glob(emitter, name));
                let mut emitters: Vec<&[u8]> = matching.collect();
                // The name of a job without a file, unless it is a pattern or a variable.
                if emitters.is_empty() && !emitter.iter().any(|byte| b"*?[$".contains(byte)) {
                    emitters.push(emitter);
                }
                let emitted = emitters.into_iter().map(job_key);
                edges.extend(emitted.map(|job| (job, event_key(&named), EdgeKind::Emits, named.clone())));
            }
        }
        for (name, config) in jobs {
            for pattern in &config.emits {
                let matching = awaited.iter().filter(|event| glob(pattern, event)).map(|event| event_key(event));
                let mut emitted: Vec<Key> = matching.collect();
                if emitted.is_empty() {
                    emitted.push(event_key(pattern));
                }
                edges.extend(emitted.into_iter().map(|to| (job_key(name), to, EdgeKind::Emits, pattern.clone())));
            }
        }
        // Maps that are collected are sorted first, by code that is larger than that which inserts.
        let (mut known, mut keys) = (BTreeMap::new(), BTreeSet::new());
        known.extend(jobs.iter().map(|(name, config)| (job_key(name), about(config))));
        keys.extend(known.keys().cloned());
        keys.extend(edges.iter().flat_map(|(from, to, ..)| [from.clone(), to.clone()]));
        let keys: Vec<Key> = keys.into_iter().collect();
        let place = |key: &Key| keys.binary_search(key).unwrap_or_default();
        let edges = edges.iter().map(|(from, to, kind, event)| Edge {
            from: place(from),
            to: place(to),
            kind: *kind,
            event: Printable(event).to_string(),
        });
        let mut edges: Vec<Edge> = edges.collect();
        edges.dedup();
        let nodes = keys.iter().map(|key| Node {
            kind: match (key.0, known.contains_key(key)) {
                (false, _) => NodeKind::Event,
                (true, true) => NodeKind::Job,
                (true, false) => NodeKind::MissingJob,
            },
            name: key.1.clone(),
            about: known.get(key).cloned().unwrap_or_default(),
        });
        Graph { nodes: nodes.collect(), edges }
    }

    /// The part around these jobs: the events and jobs that start or stop them and that they start or stop, and the
    /// jobs behind these events.
    pub fn around(&self, jobs: &[&str]) -> Graph {
        let is_event = |at: usize| self.nodes[at].kind == NodeKind::Event;
        let is_wanted = |at: usize| !is_event(at) && jobs.contains(&self.nodes[at].name.as_str());
        let mut kept = BTreeSet::new();
        kept.extend((0..self.nodes.len()).filter(|&at| is_wanted(at)));
        // The events that lead to one of the jobs, and those to which one of them leads.
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        for &Edge { from, to, .. } in &self.edges {
            if is_wanted(to) {
                before.insert(from);
            }
            if is_wanted(from) {
                after.insert(to);
            }
        }
        for &Edge { from, to, .. } in &self.edges {
            if before.contains(&to) && is_event(to) {
                kept.insert(from);
            }
            if after.contains(&from) && is_event(from) {
                kept.insert(to);
            }
        }
        kept.extend(before.iter().chain(&after));
        let concerns = |edge: &&Edge| {
            let ends = [edge.from, edge.to];
            let through_event =
                (is_event(edge.to) && before.contains(&edge.to)) || (is_event(edge.from) && after.contains(&edge.from));
            ends.iter().all(|end| kept.contains(end)) && (ends.iter().any(|&end| is_wanted(end)) || through_event)
        };
        let places: Vec<usize> = kept.iter().copied().collect();
        let place = |at: &usize| places.binary_search(at).unwrap_or_default();
        let edges = self.edges.iter().filter(concerns);
        let edges = edges.map(|edge| Edge { from: place(&edge.from), to: place(&edge.to), ..edge.clone() });
        Graph { edges: edges.collect(), nodes: kept.iter().map(|&at| self.nodes[at].clone()).collect() }
    }
}

/// The conditions and the events of a job, as `show-config` prints them.
fn about(config: &Config) -> String {
    let emits = config.emits.iter().map(|event| format!("emits {}", Printable(event)));
    let conditions = config.conditions();
    let conditions = conditions.map(|(word, condition)| format!("{word} on {}", Printable(&condition.infix())));
    emits.chain(conditions).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::Condition;

    fn event(name: &str, arguments: &[&str]) -> Condition {
        let arguments = arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect();
        Condition::Event(Event { name: name.into(), arguments })
    }

    fn jobs() -> Vec<(Vec<u8>, Config)> {
        let config = |start_on, stop_on, emits: &[&str]| Config {
            emits: emits.iter().map(|event| event.as_bytes().to_vec()).collect(),
            start_on,
            stop_on,
        };
        vec![
            (b"rc".to_vec(), config(Some(event("runlevel", &["[0123456]"])), None, &["leaving"])),
            (b"sysinit".to_vec(), config(Some(event("filesystem", &[])), None, &["run*"])),
            (b"mount".to_vec(), config(Some(event("startup", &[])), None, &["filesystem"])),
            (b"log".to_vec(), config(Some(event("started", &["mount"])), Some(event("stopped", &["gone"])), &[])),
        ]
    }

    fn text(graph: &Graph) -> Vec<String> {
        let name = |at: usize| graph.nodes[at].name.as_str();
        let of = |edge: &Edge| format!("{} {} {}", name(edge.from), edge.kind.stanza(), name(edge.to));
        graph.edges.iter().map(of).collect()
    }

    #[test]
    fn events_of_jobs_are_emitted_by_them() {
        let graph = Graph::new(&jobs());
        let expected = [
            "filesystem start on sysinit",
            "runlevel start on rc",
            "started mount start on log",
            "startup start on mount",
            "stopped gone stop on log",
            "gone emits stopped gone",
            "mount emits filesystem",
            "mount emits started mount",
            "rc emits leaving",
            "sysinit emits runlevel",
        ];
        assert_eq!(text(&graph), expected);
        let gone = graph.nodes.iter().find(|node| node.name == "gone").unwrap();
        assert_eq!((gone.kind, graph.nodes.len()), (NodeKind::MissingJob, 11));
    }

    #[test]
    fn the_neighbourhood_goes_through_events() {
        let around = Graph::new(&jobs()).around(&["sysinit"]);
        let expected =
            ["filesystem start on sysinit", "runlevel start on rc", "mount emits filesystem", "sysinit emits runlevel"];
        assert_eq!(text(&around), expected);
    }
}
