//! The next thing that happens in a simulated system, by chance.

use uphold_core::{Exit, JobCommand, Signal, SpawnStage};

use super::dice::Dice;
use super::recipe::of_process;
use super::shapes::{BROKEN, EMITTED};
use super::town;
use crate::child::Trace;
use crate::happening::{Happening, Outcome, Outcomes, Text};
use crate::kernel::Client;
use crate::memory::Room;
use crate::world::World;

/// The subjects of what happens, each with its weight.
const SUBJECTS: &[(usize, Subject)] = &[
    (25, Subject::Client),
    (45, Subject::Process),
    (13, Subject::Time),
    (6, Subject::File),
    (5, Subject::Spawns),
    (4, Subject::Resources),
    (3, Subject::Snapshot),
    (1, Subject::End),
];

#[derive(Clone, Copy)]
enum Subject {
    Client,
    Process,
    Time,
    File,
    Spawns,
    Resources,
    Snapshot,
    End,
}

const COMMANDS: &[(usize, JobCommand)] = &[
    (30, JobCommand::Start),
    (25, JobCommand::Stop),
    (12, JobCommand::Restart),
    (4, JobCommand::Reload),
    (10, JobCommand::Force),
];

const OUTCOMES: &[(usize, Outcome)] = &[
    (3, Outcome::Works),
    (2, Outcome::Fails),
    (3, Outcome::NoProgram),
    (3, Outcome::Delayed),
    (3, Outcome::LacksMemory),
    (2, Outcome::Untraced),
    (3, Outcome::Reuses),
    (1, Outcome::FailsAt(SpawnStage::Pipe)),
    (1, Outcome::FailsAt(SpawnStage::Cgroup)),
    (1, Outcome::FailsAt(SpawnStage::Directory)),
    (1, Outcome::FailsAt(SpawnStage::FindUser)),
    (1, Outcome::FailsAt(SpawnStage::Helper)),
];

/// The sizes of storages that a snapshot may be restored into.
const SIZES: &[&str] = &["medium", "other", "large", "few-events", "little-text"];

/// The state of the job files of a system, as the disk has them.
pub struct Life {
    /// The number of jobs.
    pub jobs: usize,
    /// The last good text of each job's file.
    pub files: Vec<String>,
}

impl Life {
    /// Something that can happen now.
    pub fn next(&mut self, world: &mut World<Room>, dice: &mut Dice) -> Happening {
        if !world.is_calm() && dice.chance(60) {
            return Happening::Turn;
        }
        match dice.weigh(SUBJECTS) {
            Subject::Client => self.client(world, dice),
            Subject::Process if !world.kernel.children.is_empty() => process(world, dice),
            Subject::Process | Subject::Time => time(world, dice),
            Subject::File => self.file(dice),
            Subject::Spawns => {
                let mut outcomes = Outcomes::new();
                for _ in 0..1 + dice.roll(3) {
                    outcomes.extend([dice.weigh(OUTCOMES)]);
                }
                Happening::Spawns { outcomes }
            }
            Subject::Resources if dice.chance(50) => Happening::Spares { works: world.kernel.always.is_some() },
            Subject::Resources => Happening::Lists { works: world.kernel.hides },
            Subject::Snapshot => {
                let size = dice.chance(50).then(|| Text::Borrowed(*dice.pick(SIZES)));
                Happening::Restores { size }
            }
            // Once in a few systems.
            Subject::End if !dice.chance(30) => time(world, dice),
            Subject::End if dice.chance(50) => Happening::Logout,
            Subject::End => Happening::Shutdown,
        }
    }

    fn client(&self, world: &World<Room>, dice: &mut Dice) -> Happening {
        let client = dice.roll(world.kernel.clients.len());
        if world.kernel.clients[client] == Client::Waits {
            return if dice.chance(40) { Happening::HangsUp { client } } else { emit(dice, client, world) };
        }
        if dice.chance(30) {
            return emit(dice, client, world);
        }
        let job = town::some_name(dice, self.jobs);
        let text = match dice.roll(6) {
            0 => format!("{job} N=1"),
            1 => format!("{job} N=eth0"),
            _ => job,
        };
        Happening::Ask { client, command: dice.weigh(COMMANDS), wait: dice.chance(60), text: Text::Owned(text) }
    }

    fn file(&mut self, dice: &mut Dice) -> Happening {
        let number = dice.roll(self.jobs);
        let name = Text::Owned(town::name(number + 1));
        let text = match dice.roll(10) {
            0..4 => {
                self.files[number] = town::file(dice, self.jobs);
                Some(Text::Owned(self.files[number].clone()))
            }
            4..7 => Some(Text::Owned(self.files[number].clone())),
            7 => Some(Text::Borrowed(*dice.pick(BROKEN))),
            _ => None,
        };
        Happening::File { name, text }
    }
}

/// An event of a client that is free; of another one if this one waits.
fn emit(dice: &mut Dice, client: usize, world: &World<Room>) -> Happening {
    let clients = &world.kernel.clients;
    let free = (0..clients.len()).map(|more| (client + more) % clients.len()).find(|&it| clients[it] == Client::Idle);
    match free {
        Some(client) => Happening::Emit { client, wait: dice.chance(60), text: Text::Borrowed(dice.weigh(EMITTED)) },
        None => Happening::HangsUp { client },
    }
}

fn process(world: &World<Room>, dice: &mut Dice) -> Happening {
    let any = dice.roll(world.kernel.children.len());
    // A traced process takes its steps at once, and others have days for theirs.
    let traced = world.kernel.children.iter().position(|child| child.trace != Trace::Off);
    let place = traced.filter(|_| dice.chance(40)).unwrap_or(any);
    let child = &world.kernel.children[place];
    let pid = child.pid;
    if world.kernel.killed.contains(&pid) && !child.sleeps && dice.chance(60) {
        return Happening::Ends { pid, exit: Exit::Signal(Signal::KILL.0) };
    }
    match dice.roll(40) {
        0 => Happening::Works { pid, busy: !child.busy },
        1 if child.watched => Happening::Sleeps { pid },
        _ => {
            let mut steps = of_process(world, place);
            if child.trace == Trace::Followed && dice.chance(50) {
                steps.retain(|step| matches!(step, Happening::Forks { stillborn: false, .. }));
            }
            if steps.is_empty() { Happening::Works { pid, busy: false } } else { dice.pick(&steps).clone() }
        }
    }
}

fn time(world: &mut World<Room>, dice: &mut Dice) -> Happening {
    let now = world.now;
    let milliseconds = match (dice.roll(10), world.deadline()) {
        (0..6, Some(deadline)) => deadline.0.saturating_sub(now.0) as u32,
        (9, _) => 90_000,
        _ => dice.roll(6000) as u32,
    };
    Happening::Passes { milliseconds }
}
