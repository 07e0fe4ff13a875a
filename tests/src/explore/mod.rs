//! Explores every order in which things can happen, breadth first, until there is no new state or a bound is reached.
//!
//! Two worlds with the same fingerprint are the same state. Every state is checked when it is first reached, so that a
//! violation comes with the shortest path to it. When all states are known, each must have a path back to rest, and a
//! path to a settled state without a request.

mod alike;
mod graph;
mod mixer;
mod refused;
mod step;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::child::Trace;
use crate::happening::{Happening, Outcome};
use crate::world::{Memory, World};
use alike::Alike;
use graph::{Graph, Node, Number};
pub use mixer::Mixer;
use refused::Goals;
pub use step::{NOW, Step};

/// How far a search goes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The number of states after which no further one is expanded; without an end to the states it is a violation.
    pub states: usize,
    /// Whether there may be more states than that.
    pub may_cut: bool,
    /// Whether requests are left out that are refused. They must be alone: in the middle of a drain a request changes
    /// something, even if it is refused.
    pub skips_refused: bool,
}

impl Bounds {
    /// To a fixed point, with more states than any kind of job has. Beyond this number something grows without bound.
    pub const NONE: Bounds = Bounds { states: 3_000_000, may_cut: false, skips_refused: true };

    /// Until about so many states are known.
    pub const fn most(states: usize) -> Bounds {
        Bounds { states, may_cut: true, ..Bounds::NONE }
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
    /// The number of steps that are refused, most of which were left out.
    pub refused: usize,
    /// The number of states without the distinctions of an exact world.
    pub alike: usize,
    /// The most steps from the start to a state.
    pub depth: u32,
    /// The number of states from which nothing was explored, because of the bounds.
    pub cut: usize,
    /// The sum of all fingerprints, by which two searches can be compared.
    pub sum: u64,
}

/// Checks what must follow from a world that a step has led to.
pub type Promise<M> = dyn Fn(&World<M>, &Step) -> Result<(), String>;

/// The step to the first state, which is never printed.
const FIRST: Happening = Happening::Shutdown;

struct Search<'c, M> {
    known: HashMap<u64, Number, BuildHasherDefault<Mixer>>,
    alike: Alike,
    graph: Graph,
    /// The worlds of the states that are to be expanded. Of one that will not be, none is kept.
    queue: VecDeque<Option<Box<World<M>>>>,
    /// Worlds that are of no use any more, but for their memory.
    spare: Vec<Box<World<M>>>,
    bounds: Bounds,
    cut: usize,
    refused: usize,
    sum: u64,
    promise: &'c Promise<M>,
}

/// Explores everything that can follow from a world. `choices` lists what can happen next in a world, and `promise`
/// checks what must follow without help from outside from a world that a step has led to.
///
/// # Errors
/// A state violates an invariant or a promise.
pub fn explore<M: Memory + Clone>(
    mut world: World<M>,
    bounds: Bounds,
    choices: &dyn Fn(&mut World<M>, &mut Vec<Step>),
    promise: &Promise<M>,
) -> Result<Seen, Violation> {
    let (known, alike) = (HashMap::default(), Alike::default());
    let (graph, queue) = (Graph::default(), VecDeque::new());
    let mut search =
        Search { known, alike, graph, queue, spare: Vec::new(), bounds, cut: 0, refused: 0, sum: 0, promise };
    search.meet(0, &FIRST.into(), &mut world)?;
    let (mut number, mut steps) = (0, Vec::new());
    while let Some(world) = search.queue.pop_front() {
        search.graph.expand(number);
        if search.may_expand(number)?
            && let Some(mut world) = world.filter(|world| !world.kernel.ended)
        {
            steps.clear();
            choices(&mut world, &mut steps);
            search.expand(number, &mut world, &steps)?;
            search.spare.push(world);
        }
        number += 1;
    }
    search.seen()
}

fn fingerprint<M: Memory + Clone>(world: &mut World<M>) -> u64 {
    let mut mixer = Mixer::default();
    world.fingerprint(&mut mixer);
    mixer.finish()
}

impl<M: Memory + Clone> Search<'_, M> {
    /// Whether the bounds let a state be expanded.
    fn may_expand(&mut self, number: Number) -> Result<bool, Violation> {
        let all = self.graph.nodes.len();
        if all < self.bounds.states {
            return Ok(true);
        }
        if !self.bounds.may_cut {
            let what = "the states do not come to an end".into();
            return Err(Violation { what, steps: self.graph.way_to(number) });
        }
        self.graph.nodes[number as usize].cut = true;
        self.cut += 1;
        Ok(false)
    }

    /// Takes the possible steps from a state.
    fn expand(&mut self, number: Number, world: &mut World<M>, steps: &[Step]) -> Result<(), Violation> {
        let goals = self.bounds.skips_refused.then(|| Goals::of(world));
        for step in steps {
            if goals.as_ref().is_none_or(|goals| !goals.refuse(step)) {
                self.take(number, world, step)?;
                continue;
            }
            self.refused += 1;
            if self.refused.is_multiple_of(refused::SAMPLE) {
                self.take_refused(number, world, step)?;
            }
        }
        self.compare_futures(number)
    }

    /// Takes a step that is refused: it must change nothing.
    fn take_refused(&mut self, from: Number, world: &mut World<M>, step: &Step) -> Result<(), Violation> {
        match self.take(from, world, step)? == from {
            true => Ok(()),
            false => Err(self.violation(from, step, "it was to be refused, and changes something".into())),
        }
    }

    /// Takes a step from a state, with every outcome of the spawns that follow. Returns the state that it leads to if
    /// every spawn works.
    fn take(&mut self, from: Number, world: &mut World<M>, step: &Step) -> Result<Number, Violation> {
        let mut next = self.copy_of(world);
        if catch_unwind(AssertUnwindSafe(|| step.happen(&mut next))).is_err() {
            next.kernel.wrong(|| "panic".into());
        }
        let spawns = next.kernel.spawns;
        let refused = next.kernel.children.iter().any(|child| child.trace == Trace::Launched);
        let refused = refused.then_some(Outcome::Untraced);
        let to = self.meet(from, step, &mut next)?;
        self.spare.push(next);
        let reuses = world.kernel.children.iter().any(|child| child.vanished).then_some(Outcome::Reuses);
        for place in step.outcomes.len()..spawns {
            let short = world.kernel.lacks;
            let lacks = [Outcome::Delayed, Outcome::LacksMemory].into_iter().filter(|_| short);
            for outcome in [Outcome::Fails, Outcome::NoProgram].into_iter().chain(reuses).chain(lacks).chain(refused) {
                let mut other = step.clone();
                while other.outcomes.len() < place && other.outcomes.push(Outcome::Works).is_ok() {}
                if other.outcomes.push(outcome).is_ok() {
                    self.take(from, world, &other)?;
                }
            }
        }
        Ok(to)
    }

    fn copy_of(&mut self, world: &World<M>) -> Box<World<M>> {
        let Some(mut copy) = self.spare.pop() else { return Box::new(world.clone()) };
        copy.copy_from(world);
        copy
    }

    /// Reaches a state by a step. A new state is checked and queued.
    fn meet(&mut self, from: Number, step: &Step, world: &mut World<M>) -> Result<Number, Violation> {
        let calm = world.check();
        // The check removed the processes that belong to no job, and their ids now mean nothing.
        world.rebase_time(NOW);
        if let Some(what) = world.kernel.fault.take() {
            return Err(self.violation(from, step, what));
        }
        world.kernel.outcomes.clear();
        world.kernel.spawns = 0;
        let new = self.graph.nodes.len() as Number;
        let print = fingerprint(world);
        let to = *self.known.entry(print).or_insert(new);
        if to == new {
            if let Err(what) = (self.promise)(world, step) {
                return Err(self.violation(from, step, what));
            }
            world.kernel.killed.clear();
            if std::mem::take(&mut world.exact) {
                self.alike.of_states.push(fingerprint(world));
                world.exact = true;
            }
            self.sum = self.sum.wrapping_add(print);
            let depth = self.graph.nodes.get(from as usize).map_or(0, |node| node.depth + 1);
            let (rests, settled) = (calm.rests, calm.settled);
            self.graph.nodes.push(Node { parent: from, depth, step: step.clone(), rests, settled, cut: false });
            let is_kept = !self.bounds.may_cut || self.graph.nodes.len() < self.bounds.states;
            let kept = is_kept.then(|| self.copy_of(world));
            self.queue.push_back(kept);
        }
        if new > 0 {
            self.graph.join(from, to, step.is_asked_for());
        }
        Ok(to)
    }

    /// Compares what follows from a state of an exact world with what follows from one that is alike.
    fn compare_futures(&mut self, number: Number) -> Result<(), Violation> {
        match self.alike.compare(number, self.graph.targets_of_last()) {
            None => Ok(()),
            Some((other, future)) => {
                let words =
                    |number| self.graph.way_to(number).iter().map(|step| format!("\n  {step}")).collect::<String>();
                let what = format!("less may follow than from{}\n  namely{}", words(other), words(future));
                Err(Violation { what, steps: self.graph.way_to(number) })
            }
        }
    }

    fn violation(&self, from: Number, step: &Step, what: String) -> Violation {
        let mut steps = self.graph.way_to(from);
        steps.push(step.clone());
        Violation { what, steps }
    }

    /// Checks what must hold of all states together.
    fn seen(self) -> Result<Seen, Violation> {
        let graph = &self.graph;
        let lost = |what: &str, lost: Option<Number>| match lost {
            Some(lost) => Err(Violation { what: what.to_owned(), steps: graph.way_to(lost) }),
            None => Ok(()),
        };
        lost("there is no way back to rest", graph.lost(false, |node| node.rests))?;
        lost("it settles only if somebody asks for it", graph.lost(true, |node| node.settled))?;
        Ok(Seen {
            states: graph.nodes.len(),
            transitions: graph.transitions,
            alike: self.alike.number(),
            depth: graph.nodes.last().map_or(0, |node| node.depth),
            cut: self.cut,
            refused: self.refused,
            sum: self.sum,
        })
    }
}
