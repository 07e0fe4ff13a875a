//! A simulated system and what happens to it, written down so that it can be played again.

use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

use uphold_core::{Exit, Notice, Process, RespawnBudget, Signal};

use crate::child::Trace;
use crate::choices::Choices;
use crate::drain::play;
use crate::happening::Happening;
use crate::kernel::Client;
use crate::memory::{Memory, Room};
use crate::scenario;
use crate::world::World;

/// Job files and happenings.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// The name of the storage's size.
    pub size: &'static str,
    /// The most events of a drain; 0 is the default.
    pub bound: u32,
    /// Whether `expect` is followed strictly.
    pub strict: bool,
    /// The respawn budget of all jobs.
    pub budget: RespawnBudget,
    /// A message that counts as a fault: a test plants one.
    pub forbidden: Option<fn(&Notice) -> bool>,
    /// The job files, each with its name.
    pub files: Vec<(String, String)>,
    /// The happenings.
    pub steps: Vec<Happening>,
}

impl Recipe {
    /// The world before anything happens. Files for which there is no room are taken out.
    pub fn world(&mut self) -> World<Room> {
        let mut world = World::new(Room::named(self.size).expect("a size that exists"));
        (world.kernel.keeps, world.kernel.pauses, world.kernel.numbered) = (true, true, true);
        world.kernel.strict = self.strict;
        world.memory.supervisor().set_strict(self.strict);
        world.memory.supervisor().set_respawn_budget(self.budget);
        world.check_whole(self.bound);
        world.kernel.ledger.forbidden = self.forbidden;
        self.files.retain(|(name, file)| world.load(name, file).is_ok());
        world
    }

    /// Plays it. Steps that are impossible now, because others were left out, are skipped. Returns the first fault.
    pub fn fault(&self) -> Option<String> {
        let mut recipe = self.clone();
        let played = catch_unwind(AssertUnwindSafe(|| {
            let mut world = recipe.world();
            for step in &self.steps {
                if world.kernel.fault.is_none() && !world.kernel.ended && is_possible(&mut world, step) {
                    play(&mut world, step);
                }
            }
            world.kernel.fault.take()
        }));
        played.unwrap_or_else(|panic| Some(panic_words(&*panic)))
    }

    /// The text of the scenario.
    pub fn scenario(&self) -> String {
        let mut text = format!("# Found by the simulation.\nstorage {}\nwhole {}\n", self.size, self.bound);
        if self.strict {
            text.push_str("strict\n");
        }
        if self.budget != RespawnBudget::default() {
            writeln!(text, "budget {} {}", self.budget.count, self.budget.seconds).expect("text grows");
        }
        for (name, file) in &self.files {
            writeln!(text, "job {name}").expect("text grows");
            file.lines().for_each(|line| writeln!(text, "    {line}").expect("text grows"));
        }
        text.push_str("\ninput | effects | status\n");
        self.steps.iter().for_each(|step| writeln!(text, "{step} |").expect("text grows"));
        // With its effects, unless the supervisor panics.
        catch_unwind(|| scenario::play(&text)).ok().and_then(Result::ok).unwrap_or(text)
    }
}

/// The words of a panic.
pub fn panic_words(panic: &(dyn std::any::Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().cloned();
    let words = words.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
    format!("panic: {}", words.unwrap_or_default())
}

/// Everything that the processes of a simulated system may do.
pub const CHOICES: Choices = Choices {
    jobs: &[],
    events: &[],
    ends: &[
        Exit::Status(0),
        Exit::Status(1),
        Exit::Status(3),
        Exit::Signal(Signal::TERM.0),
        Exit::Signal(Signal::KILL.0),
        Exit::Unknown,
    ],
    late_ends: false,
    waiting: 0,
    shutdown: false,
    forks: 2,
    orphans: 2,
    speaks: true,
    writes: true,
    busy: true,
    lacks: true,
    hides: true,
    ..Choices::PLAIN
};

/// The most processes that a job has before it forks no more.
const MOST_OF_A_JOB: usize = 5;

/// Everything that the process at a place in the kernel's list can do next.
pub fn of_process(world: &World<Room>, place: usize) -> Vec<Happening> {
    let all = &world.kernel.children;
    let child = &all[place];
    if child.sleeps {
        return vec![Happening::Ends { pid: child.pid, exit: Exit::Signal(Signal::KILL.0) }];
    }
    let its: Vec<_> = all.iter().filter(|other| other.job == child.job).copied().collect();
    let room = its.len() < MOST_OF_A_JOB;
    let facts = world.kernel.ledger.facts_of(child.job);
    let [speaks, writes] = facts.map_or([false; 2], |facts| [facts.speaks, facts.writes]);
    let choices = Choices { speaks, writes, ..CHOICES };
    let mut steps = Vec::new();
    choices.of_process(&its, child, true, (room, room), &mut steps);
    let is_daemons = child.process == Process::Main && child.trace == Trace::Off && !child.vanished;
    // A process that a daemon has left goes on by itself: it forks, and writes itself into the pid file.
    if is_daemons && room && !child.watched {
        steps.push(Happening::Leaves { pid: child.pid }.into());
    }
    if is_daemons && writes && !child.named {
        steps.push(Happening::Named { pid: child.pid }.into());
    }
    let dies = world.kernel.killed.contains(&child.pid);
    let can = |step: &Happening| match step {
        Happening::Ends { exit, .. } => *exit == Exit::Signal(Signal::KILL.0),
        // It may have said that before.
        Happening::Says { .. } | Happening::Vanishes { .. } | Happening::Missed { .. } => true,
        _ => false,
    };
    steps.into_iter().map(|step| step.happening).filter(|step| !dies || can(step)).collect()
}

/// Whether something can happen now.
pub fn is_possible(world: &mut World<Room>, happening: &Happening) -> bool {
    use Happening::*;
    let pid = match *happening {
        Ask { client, .. } | Emit { client, .. } => return world.kernel.clients[client] == Client::Idle,
        HangsUp { client } => return world.kernel.clients[client] == Client::Waits,
        Turn => return !world.is_calm(),
        Sleeps { pid } | Works { pid, .. } | Leads { pid } => return world.kernel.child(pid).is_some(),
        Ends { pid, .. } | Vanishes { pid } | Missed { pid } | Traps { pid } | Forks { pid, .. } => pid,
        Execs { pid } | Stops { pid, .. } | Leaves { pid } | Doubles { pid } => pid,
        Named { pid } | Says { pid, .. } => pid,
        _ => return true,
    };
    let place = world.kernel.children.iter().position(|child| child.pid == pid);
    place.is_some_and(|place| of_process(world, place).contains(happening))
}
