//! Every order in which things can happen, breadth first, until nothing new is found.
//!
//! Two worlds with the same fingerprint are the same state, however they came about. Every state is checked when it is
//! first seen, so that what is found wrong comes with the shortest way to it; and when all are known, every one of them
//! must have a way back to rest, and a way to settle without anybody's asking for it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use uphold_core::{Instant, Pid};

use crate::happening::{Happening, Outcome, Outcomes};
use crate::world::{Memory, World};

/// When everything happens: after each step all clocks are set back, which keeps the number of states finite.
pub const NOW: Instant = Instant(1_000_000);

/// More states than any kind of job has: something grows without bound.
const MOST_STATES: usize = 1_000_000;

/// When late things happen: the windows of `respawn limit` have passed, and no daemon is fresh.
const LATE: u32 = 90;

/// One step of a way through the states.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whether it happens late.
    pub late: bool,
    /// How the spawns go that it leads to.
    pub outcomes: Outcomes,
    /// Who computes meanwhile.
    pub busy: Option<Pid>,
    /// What happens.
    pub happening: Happening,
}

impl From<Happening> for Step {
    fn from(happening: Happening) -> Step {
        Step { late: false, outcomes: Outcomes::new(), busy: None, happening }
    }
}

impl Step {
    /// Whether it is a person's doing.
    fn is_asked_for(&self) -> bool {
        use Happening::{Ask, Emit, HangsUp, Shutdown};
        matches!(self.happening, Ask { .. } | Emit { .. } | HangsUp { .. } | Shutdown)
    }
}

impl fmt::Display for Step {
    /// As a scenario has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.late {
            writeln!(f, "{}", Happening::Passes { milliseconds: LATE * 1000 })?;
        }
        if !self.outcomes.is_empty() {
            writeln!(f, "{}", Happening::Spawns { outcomes: self.outcomes.clone() })?;
        }
        if let Some(pid) = self.busy {
            writeln!(f, "{}", Happening::Works { pid, busy: true })?;
        }
        write!(f, "{}", self.happening)?;
        self.busy.map_or(Ok(()), |pid| write!(f, "\n{}", Happening::Works { pid, busy: false }))
    }
}

/// Something that must never be, and the shortest way there.
#[derive(Debug)]
pub struct Violation {
    /// What is wrong.
    pub what: String,
    /// The way there.
    pub steps: Vec<Step>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{step}")?;
        }
        write!(f, "=> {}", self.what)
    }
}

/// How much was seen.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Different states.
    pub states: usize,
    /// Ways from one to another.
    pub transitions: usize,
    /// Of an exact world: how many states there are when it is looked at less exactly.
    pub alike: usize,
}

/// Mixes whole words; the states are too many for a slow hash.
#[derive(Default)]
pub struct Mixer(u64);

impl Hasher for Mixer {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.write_u64(u64::from_le_bytes(word));
        }
    }
    #[inline]
    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }
    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }
    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }
    #[inline]
    fn write_u64(&mut self, word: u64) {
        let wide = u128::from(self.0 ^ word ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
        self.0 = (wide ^ (wide >> 64)) as u64;
    }
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A state is known by its number, in the order of discovery.
type Number = u32;

struct Node {
    parent: Number,
    step: Step,
    rests: bool,
    settled: bool,
}

struct Edge {
    from: Number,
    to: Number,
    asked_for: bool,
}

struct Search<'c, M> {
    known: HashMap<u64, Number, BuildHasherDefault<Mixer>>,
    alike: HashSet<u64, BuildHasherDefault<Mixer>>,
    nodes: Vec<Node>,
    edges: Vec<Edge>,
    queue: VecDeque<(Number, Box<World<M>>)>,
    choices: &'c dyn Fn(&mut World<M>, &mut Vec<Step>),
    promise: &'c dyn Fn(&World<M>) -> Result<(), String>,
}

/// Explores everything that can follow from a world, `choices` saying what can happen next in each, and `promise` what must
/// come of each if nobody does anything.
///
/// # Errors
/// Something is wrong somewhere.
pub fn explore<M: Memory + Clone>(
    mut world: World<M>,
    choices: &dyn Fn(&mut World<M>, &mut Vec<Step>),
    promise: &dyn Fn(&World<M>) -> Result<(), String>,
) -> Result<Seen, Violation> {
    let (known, alike, nodes, edges) = (HashMap::default(), HashSet::default(), Vec::new(), Vec::new());
    let mut search = Search { known, alike, nodes, edges, queue: VecDeque::new(), choices, promise };
    search.meet(0, &Happening::Shutdown.into(), &mut world)?;
    while let Some((number, mut world)) = search.queue.pop_front() {
        if world.kernel.ended {
            continue;
        }
        let mut steps = Vec::new();
        (search.choices)(&mut world, &mut steps);
        for step in steps {
            search.take(number, &world, &step)?;
        }
    }
    search.require(false, |node| node.rests, "there is no way back to rest")?;
    search.require(true, |node| node.settled, "it settles only if somebody asks for it")?;
    Ok(Seen { states: search.nodes.len(), transitions: search.edges.len(), alike: search.alike.len() })
}

fn fingerprint<M: Memory + Clone>(world: &mut World<M>) -> u64 {
    let mut mixer = Mixer::default();
    world.fingerprint(&mut mixer);
    mixer.finish()
}

impl<M: Memory + Clone> Search<'_, M> {
    /// Takes a step from a state, with every way in which the spawns can go that it leads to.
    fn take(&mut self, from: Number, world: &World<M>, step: &Step) -> Result<(), Violation> {
        let mut next = world.clone();
        let next = &mut next;
        next.now = if step.late { NOW.after_seconds(LATE) } else { NOW };
        next.happen(&Happening::Spawns { outcomes: step.outcomes.clone() });
        if let Some(pid) = step.busy {
            next.happen(&Happening::Works { pid, busy: true });
        }
        if catch_unwind(AssertUnwindSafe(|| next.happen(&step.happening))).is_err() {
            next.kernel.wrong(|| "panic".into());
        }
        next.kernel.children.iter_mut().for_each(|child| child.busy = false);
        next.rebase_time(NOW);
        let spawns = next.kernel.spawns;
        self.meet(from, step, next)?;
        let reuses = world.kernel.children.iter().any(|child| child.vanished).then_some(Outcome::Reuses);
        for place in step.outcomes.len()..spawns {
            for outcome in [Outcome::Fails, Outcome::NoProgram].into_iter().chain(reuses) {
                let mut other = step.clone();
                while other.outcomes.len() < place && other.outcomes.push(Outcome::Works).is_ok() {}
                if other.outcomes.push(outcome).is_ok() {
                    self.take(from, world, &other)?;
                }
            }
        }
        Ok(())
    }

    /// Comes to a state by a step: one that is known, or one to look at.
    fn meet(&mut self, from: Number, step: &Step, world: &mut World<M>) -> Result<(), Violation> {
        let calm = world.check();
        // Who was let go of by the supervisor is no more, and its number means nothing.
        world.rebase_time(NOW);
        let asked_for = step.is_asked_for();
        if let Some(what) = world.kernel.fault.take() {
            let mut steps = self.way_to(from);
            steps.push(step.clone());
            return Err(Violation { what, steps });
        }
        (world.kernel.outcomes, world.kernel.spawns) = (Outcomes::new(), 0);
        (world.kernel.killed, world.kernel.rested) = Default::default();
        let new = self.nodes.len() as Number;
        let to = *self.known.entry(fingerprint(world)).or_insert(new);
        self.edges.push(Edge { from, to, asked_for });
        if to == new {
            if self.nodes.len() > MOST_STATES {
                return Err(Violation { what: "the states do not come to an end".into(), steps: self.way_to(from) });
            }
            if let Err(what) = (self.promise)(world) {
                let mut steps = self.way_to(from);
                steps.push(step.clone());
                return Err(Violation { what, steps });
            }
            if std::mem::take(&mut world.exact) {
                self.alike.insert(fingerprint(world));
                world.exact = true;
            }
            self.nodes.push(Node { parent: from, step: step.clone(), rests: calm.rests, settled: calm.settled });
            self.queue.push_back((new, Box::new(world.clone())));
        }
        Ok(())
    }

    fn way_to(&self, mut at: Number) -> Vec<Step> {
        let mut steps = Vec::new();
        while at != 0 {
            let node = &self.nodes[at as usize];
            steps.push(node.step.clone());
            at = node.parent;
        }
        steps.reverse();
        steps
    }

    /// From every state one of the wanted ones must be in reach, if need be without anybody's asking.
    fn require(&self, unasked: bool, is_wanted: impl Fn(&Node) -> bool, what: &str) -> Result<(), Violation> {
        let edges = || self.edges.iter().filter(|edge| !unasked || !edge.asked_for);
        let mut ends = vec![0; self.nodes.len() + 1];
        edges().for_each(|edge| ends[edge.to as usize + 1] += 1);
        for place in 1..ends.len() {
            ends[place] += ends[place - 1];
        }
        let mut sources = vec![0; ends[self.nodes.len()]];
        let mut free = ends.clone();
        for edge in edges() {
            sources[free[edge.to as usize]] = edge.from;
            free[edge.to as usize] += 1;
        }
        let mut good: Vec<bool> = self.nodes.iter().map(is_wanted).collect();
        let mut queue: Vec<usize> = (0..good.len()).filter(|&number| good[number]).collect();
        while let Some(number) = queue.pop() {
            for &source in &sources[ends[number]..ends[number + 1]] {
                if !std::mem::replace(&mut good[source as usize], true) {
                    queue.push(source as usize);
                }
            }
        }
        match good.iter().position(|&good| !good) {
            Some(lost) => Err(Violation { what: what.to_owned(), steps: self.way_to(lost as Number) }),
            None => Ok(()),
        }
    }
}
