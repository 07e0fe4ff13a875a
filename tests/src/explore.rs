//! Explores every order in which things can happen, breadth first, until there is no new state.
//!
//! Two worlds with the same fingerprint are the same state. Every state is checked when it is first reached, so that a
//! violation comes with the shortest path to it. When all states are known, each must have a path back to rest, and a
//! path to a settled state without a request.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use uphold_core::{Instant, Pid};

use crate::child::Trace;
use crate::happening::{Happening, Outcome, Outcomes};
use crate::world::{Memory, World};

/// The time of every step. After each step all clocks are set back to it, which keeps the number of states finite.
pub const NOW: Instant = Instant(1_000_000);

/// More states than any kind of job has. Beyond this number something grows without bound.
const MOST_STATES: usize = 1_000_000;

/// Seconds after which late things happen: the windows of `respawn limit` have passed, and no daemon is new.
const LATE: u32 = 90;

/// A step from one state to another.
#[derive(Clone, Debug)]
pub struct Step {
    /// Whether it happens late: when the windows of `respawn limit` have passed.
    pub late: bool,
    /// The outcomes of the spawns that follow.
    pub outcomes: Outcomes,
    /// The process that is busy meanwhile.
    pub busy: Option<Pid>,
    /// The happening.
    pub happening: Happening,
}

impl From<Happening> for Step {
    fn from(happening: Happening) -> Step {
        Step { late: false, outcomes: Outcomes::new(), busy: None, happening }
    }
}

impl Step {
    /// Lets it happen in a world at the time [`NOW`].
    pub fn happen<M: Memory>(&self, world: &mut World<M>) {
        world.now = if self.late { NOW.after_seconds(LATE) } else { NOW };
        world.happen(&Happening::Spawns { outcomes: self.outcomes.clone() });
        if let Some(pid) = self.busy {
            world.happen(&Happening::Works { pid, busy: true });
        }
        world.happen(&self.happening);
        world.kernel.children.iter_mut().for_each(|child| child.busy = false);
    }

    /// Whether a user asks for it.
    fn is_asked_for(&self) -> bool {
        use Happening::{Ask, Emit, HangsUp, Shutdown};
        matches!(self.happening, Ask { .. } | Emit { .. } | HangsUp { .. } | Shutdown)
    }
}

impl fmt::Display for Step {
    /// The syntax of a scenario.
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

/// A violation of an invariant or a promise, with the shortest path to it.
#[derive(Debug)]
pub struct Violation {
    /// The description of the fault.
    pub what: String,
    /// The path.
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

/// The size of the explored space.
#[derive(Clone, Copy, Default, Debug)]
pub struct Seen {
    /// Different states.
    pub states: usize,
    /// Transitions between states.
    pub transitions: usize,
    /// The number of states without the distinctions of an exact world.
    pub alike: usize,
}

/// A hash function that mixes whole words. There are too many states for a slow one.
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

/// The number of a state, in the order of discovery.
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

/// Explores everything that can follow from a world. `choices` lists what can happen next in a world, and `promise`
/// checks what must follow from a world without help from outside.
///
/// # Errors
/// A state violates an invariant or a promise.
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
    /// Takes a step from a state, with every outcome of the spawns that follow.
    fn take(&mut self, from: Number, world: &World<M>, step: &Step) -> Result<(), Violation> {
        let mut next = world.clone();
        let next = &mut next;
        if catch_unwind(AssertUnwindSafe(|| step.happen(next))).is_err() {
            next.kernel.wrong(|| "panic".into());
        }
        next.rebase_time(NOW);
        let spawns = next.kernel.spawns;
        let refused = next.kernel.children.iter().any(|child| child.trace == Trace::Launched);
        let refused = refused.then_some(Outcome::Untraced);
        self.meet(from, step, next)?;
        let reuses = world.kernel.children.iter().any(|child| child.vanished).then_some(Outcome::Reuses);
        for place in step.outcomes.len()..spawns {
            let lacks = [Outcome::Delayed, Outcome::LacksMemory].into_iter().filter(|_| world.kernel.lacks);
            for outcome in [Outcome::Fails, Outcome::NoProgram].into_iter().chain(reuses).chain(lacks).chain(refused) {
                let mut other = step.clone();
                while other.outcomes.len() < place && other.outcomes.push(Outcome::Works).is_ok() {}
                if other.outcomes.push(outcome).is_ok() {
                    self.take(from, world, &other)?;
                }
            }
        }
        Ok(())
    }

    /// Reaches a state by a step. A new state is checked and queued.
    fn meet(&mut self, from: Number, step: &Step, world: &mut World<M>) -> Result<(), Violation> {
        let calm = world.check();
        // The check removed the processes that belong to no job, and their ids now mean nothing.
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

    /// Requires a path from every state to a wanted one; with `unasked`, a path without a request.
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
