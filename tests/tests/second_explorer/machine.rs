//! The core in its simulated world as a machine for stateright.
//!
//! The possible happenings are listed here a second time, and states differ by all that they have: nothing of the
//! explorer's own lists, numbers and hashes is used. All clocks are set back after each step, as the explorer does:
//! otherwise no state would come again.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;

use stateright::{Model, Property};
use uphold_core::{Exit, JobCommand, Process, Signal};
use uphold_tests::child::Trace;
use uphold_tests::choices::PATIENCE;
use uphold_tests::explore::NOW;
use uphold_tests::happening::{Happening, Outcome, Outcomes, Text};
use uphold_tests::kernel::{Client, Kernel};
use uphold_tests::world::{Tiny, World};

/// Seconds after which no window of `respawn limit` is open.
const LATE: u32 = 90;

/// A signal without a meaning.
const USR1: Signal = Signal(10);

/// The bounds of a kind of job.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How many clients may wait.
    pub waiting: usize,
    /// How often a main process may fork, traced.
    pub forks: u8,
    /// Whether a main process may end after the window of `respawn limit`.
    pub late_ends: bool,
    /// Whether a shutdown may be ordered.
    pub shutdown: bool,
}

/// A job in a world.
pub struct Machine {
    pub file: String,
    pub limits: Limits,
    /// A part of a status that is not to come.
    pub forbidden: Option<&'static str>,
    /// All steps: from and to which state, and whether a user asks for it.
    pub steps: Mutex<HashSet<(u64, u64, bool)>>,
    /// The states at rest, and those in which every job is at rest or runs.
    pub rests: Mutex<HashSet<u64>>,
    pub settled: Mutex<HashSet<u64>>,
}

/// A state between two happenings.
#[derive(Clone)]
pub struct State {
    memory: Box<Tiny>,
    kernel: Kernel,
    rests: bool,
    settled: bool,
    fault: Option<String>,
}

/// One thing that happens.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    late: bool,
    outcomes: Outcomes,
    happening: Happening,
}

impl Hash for State {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let kernel = &self.kernel;
        self.memory.hash(hasher);
        kernel.children.hash(hasher);
        (kernel.clients, kernel.ended, kernel.left, kernel.forks).hash(hasher);
        self.fault.hash(hasher);
    }
}

impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.number() == other.number()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} processes, fault {:?}", self.kernel.children.len(), self.fault)
    }
}

impl State {
    fn number(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

thread_local! {
    /// A world with a job file loaded, from which all others are made.
    static EMPTY: RefCell<Option<(String, World<Tiny>)>> = const { RefCell::new(None) };
}

impl Machine {
    /// A kind of job.
    pub fn new(file: String, limits: Limits, forbidden: Option<&'static str>) -> Machine {
        let steps = Mutex::default();
        Machine { file, limits, forbidden, steps, rests: Mutex::default(), settled: Mutex::default() }
    }

    /// A world in which the job is at rest.
    pub fn empty_world(&self) -> World<Tiny> {
        EMPTY.with_borrow_mut(|empty| {
            if empty.as_ref().is_none_or(|(file, _)| *file != self.file) {
                let mut world = World::new(Tiny::new());
                world.load("a", &self.file).expect("a good job file");
                *empty = Some((self.file.clone(), world));
            }
            empty.as_ref().expect("it was made").1.clone()
        })
    }

    fn world(&self, state: &State) -> World<Tiny> {
        let mut world = self.empty_world();
        world.memory.clone_from(&state.memory);
        world.kernel = state.kernel.clone();
        world.now = NOW;
        world
    }

    /// The state of a world after something has happened, with all clocks set back.
    fn state(&self, mut world: World<Tiny>) -> State {
        world.rebase_time(NOW);
        let calm = world.check();
        world.rebase_time(NOW);
        let kernel = &mut world.kernel;
        (kernel.outcomes, kernel.spawns, kernel.orders) = (Outcomes::new(), 0, 0);
        kernel.killed.clear();
        let mut fault = kernel.fault.take();
        if let Some(forbidden) = self.forbidden
            && world.status().iter().any(|status| status.contains(forbidden))
        {
            fault = Some(forbidden.to_owned());
        }
        let memory = Box::new(world.memory);
        State { memory, kernel: world.kernel, rests: calm.rests, settled: calm.settled, fault }
    }

    fn happen(&self, state: &State, action: &Action) -> World<Tiny> {
        let mut world = self.world(state);
        if action.late {
            world.now = NOW.after_seconds(LATE);
        }
        world.happen(&Happening::Spawns { outcomes: action.outcomes.clone() });
        world.happen(&action.happening);
        world
    }

    /// The possible happenings, if all spawns work.
    fn happenings(&self, state: &State) -> Vec<Action> {
        let mut world = self.world(state);
        let has_deadline = world.deadline().is_some();
        let kernel = &state.kernel;
        let mut all = Vec::new();
        if let Some(at) = world.pass_until_ordered(NOW, PATIENCE) {
            all.push(Happening::Passes { milliseconds: (at.0 - NOW.0) as u32 });
        }
        let may_fork = kernel.children.len() < 2 && kernel.forks < self.limits.forks;
        let mut late = Vec::new();
        for child in &kernel.children {
            let pid = child.pid;
            if child.vanished {
                all.push(Happening::Missed { pid });
                continue;
            }
            let is_main = child.process == Process::Main;
            let ways = if is_main { &[Exit::Status(0), Exit::Status(1), Exit::Signal(15)][..] } else { &HOOK_ENDS };
            all.extend(ways.iter().map(|&exit| Happening::Ends { pid, exit }));
            if is_main && self.limits.late_ends && !has_deadline {
                late.push(Happening::Ends { pid, exit: Exit::Status(1) });
            }
            let stop = |signal| Happening::Stops { pid, signal };
            match child.trace {
                Trace::Off if is_main => {
                    all.push(stop(Signal::STOP));
                    all.extend(child.forked.then_some(Happening::Vanishes { pid }));
                }
                Trace::Off => {}
                Trace::Launched => all.extend([Happening::Traps { pid }, stop(USR1)]),
                Trace::Newborn => all.extend([stop(Signal::STOP), stop(USR1)]),
                Trace::Followed => {
                    all.extend([Happening::Execs { pid }, stop(Signal::STOP), stop(USR1)]);
                    if may_fork {
                        all.extend([false, true].map(|stillborn| Happening::Forks { pid, stillborn }));
                    }
                }
            }
        }
        if !kernel.children.iter().any(|child| child.trace == Trace::Newborn && !child.watched) {
            all.extend(self.requests(kernel));
        }
        all.extend(self.limits.shutdown.then_some(Happening::Shutdown));
        let action = |late| move |happening| Action { late, outcomes: Outcomes::new(), happening };
        all.into_iter().map(action(false)).chain(late.into_iter().map(action(true))).collect()
    }

    fn requests(&self, kernel: &Kernel) -> Vec<Happening> {
        use JobCommand::{Reload, Restart, Start, Stop};
        let mut all = Vec::new();
        let mut of = |client, wait, commands: &[JobCommand]| {
            let ask = |&command| Happening::Ask { client, command, wait, text: Text::Borrowed("a") };
            let emit = |event| Happening::Emit { client, wait, text: Text::Borrowed(event) };
            all.extend(commands.iter().map(ask).chain(["go", "halt"].map(emit)));
        };
        of(self.limits.waiting, false, &[Start, Stop, Restart, Reload]);
        if let Some(client) = (0..self.limits.waiting).find(|&client| kernel.clients[client] == Client::Idle) {
            of(client, true, &[Start, Stop, Restart]);
        }
        let waits = (0..self.limits.waiting).filter(|&client| kernel.clients[client] == Client::Waits);
        all.extend(waits.map(|client| Happening::HangsUp { client }));
        all
    }
}

const HOOK_ENDS: [Exit; 2] = [Exit::Status(0), Exit::Status(1)];

impl Model for Machine {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![self.state(self.empty_world())]
    }

    /// Everything that can happen, with every outcome of the spawns that follow.
    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        if state.kernel.ended {
            return;
        }
        let vanished = state.kernel.children.iter().any(|child| child.vanished);
        let mut open = self.happenings(state);
        while let Some(action) = open.pop() {
            let world = self.happen(state, &action);
            let traced = world.kernel.children.iter().any(|child| child.trace == Trace::Launched);
            let others = [vanished.then_some(Outcome::Reuses), traced.then_some(Outcome::Untraced)];
            let bad = [Some(Outcome::Fails), Some(Outcome::NoProgram)].into_iter().chain(others).flatten();
            for place in action.outcomes.len()..world.kernel.spawns {
                for outcome in bad.clone() {
                    let mut outcomes = action.outcomes.clone();
                    if outcomes.resize(place, Outcome::Works).is_ok() && outcomes.push(outcome).is_ok() {
                        open.push(Action { outcomes, ..action.clone() });
                    }
                }
            }
            actions.push(action);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        use Happening::{Ask, Emit, HangsUp, Shutdown};
        let next = self.state(self.happen(state, &action));
        let is_asked_for = matches!(action.happening, Ask { .. } | Emit { .. } | HangsUp { .. } | Shutdown);
        let number = next.number();
        self.steps.lock().expect("no panic").insert((state.number(), number, is_asked_for));
        if next.rests {
            self.rests.lock().expect("no panic").insert(number);
        }
        if next.settled {
            self.settled.lock().expect("no panic").insert(number);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always("nothing is wrong", |_, state: &State| state.fault.is_none())]
    }
}

impl Machine {
    /// The number of known states without a way to one of the good ones. With `unasked`, requests do not count.
    pub fn lost(&self, good: &Mutex<HashSet<u64>>, unasked: bool) -> usize {
        let steps = self.steps.lock().expect("no panic");
        let mut good = good.lock().expect("no panic").clone();
        loop {
            let more: Vec<u64> = steps
                .iter()
                .filter(|(from, to, asked)| !(unasked && *asked) && good.contains(to) && !good.contains(from))
                .map(|(from, ..)| *from)
                .collect();
            if more.is_empty() {
                return steps
                    .iter()
                    .flat_map(|(from, to, _)| [from, to])
                    .collect::<HashSet<_>>()
                    .iter()
                    .filter(|state| !good.contains(state))
                    .count();
            }
            good.extend(more);
        }
    }
}
