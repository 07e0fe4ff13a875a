//! The end of a whole system. When nothing happens from outside any more, all comes to rest, or a reason is known. When
//! its jobs are stopped and its job files removed, nothing is left, and all works as before.

use uphold_core::{Exit, Goal, JobCommand, Pid, Process, Signal, WaitCause};

use crate::child::{Child, Trace};
use crate::happening::{Happening, Text};
use crate::kernel::{CLIENTS, Client};
use crate::memory::Memory;
use crate::names::name_of;
use crate::tally::Deed;
use crate::whole::{WaitEnd, end_of_wait};
use crate::world::World;

/// The most inputs of a drain. A system that takes longer goes round in a circle.
const MOST_INPUTS: usize = 300;

/// Of so many inputs, one is that time passes.
const TURNS: usize = 8;

/// The time that passes at once in a drain.
const STEP_MILLISECONDS: u32 = 20_000;

/// The steps of time after which nothing is left that only takes long.
const QUIET_STEPS: usize = 12;

/// How often all jobs are stopped before they must be at rest: the end of one may start another one.
const MOST_ROUNDS: usize = 4;

/// The job that shows at the end that all works as before.
const PROBE: (&str, &str) = ("probe999", "exec main\n");

/// Makes something happen, drains included, and checks the invariants.
pub fn play<M: Memory>(world: &mut World<M>, happening: &Happening) {
    match happening {
        Happening::Drains | Happening::Clears if world.kernel.ended => {}
        Happening::Drains => drain(world),
        Happening::Clears => clear(world),
        _ => {
            world.happen(happening);
            world.check();
        }
    }
}

/// The next thing that a process does, or that the kernel reports about it, without help from outside.
fn next_of_processes<M: Memory>(world: &mut World<M>) -> Option<Happening> {
    let ends = |child: &Child| Happening::Ends { pid: child.pid, exit: Exit::Signal(Signal::TERM.0) };
    let killed = world.kernel.killed.clone();
    let at_once = |child: &Child| {
        let pid = child.pid;
        match child.trace {
            _ if child.vanished => Some(Happening::Missed { pid }),
            _ if killed.contains(&pid) => Some(Happening::Ends { pid, exit: Exit::Signal(Signal::KILL.0) }),
            Trace::Launched => Some(Happening::Traps { pid }),
            Trace::Newborn => Some(Happening::Stops { pid, signal: Signal::STOP }),
            Trace::Off | Trace::Followed => None,
        }
    };
    if let Some(next) = world.kernel.children.iter().find_map(at_once) {
        return Some(next);
    }
    let supervisor = world.memory.supervisor();
    let awaited = |&job| match supervisor.cause(job) {
        WaitCause::Ended(process, pid) => Some((process, pid)),
        _ => None,
    };
    let (process, pid) = world.kernel.ledger.jobs.iter().find_map(awaited)?;
    let child = world.kernel.children.iter().find(|child| child.pid == pid)?;
    Some(if process == Process::Main { ends(child) } else { Happening::Ends { pid, exit: Exit::Status(0) } })
}

/// Resources are there again, and nothing sleeps.
fn recover<M: Memory>(world: &mut World<M>) {
    world.kernel.outcomes.clear();
    (world.kernel.always, world.kernel.hides) = (None, false);
    // A process that was given up while it slept has a signal that it dies of now.
    world.kernel.children.retain(|child| child.watched || !child.sleeps);
    world.kernel.children.iter_mut().for_each(|child| (child.sleeps, child.busy) = (false, false));
}

/// Whether time passes before this happens: the turns of processes may never end. No time passes before a process dies
/// of SIGKILL.
fn is_turn_of_time(input: usize, next: &Happening) -> bool {
    let dies = matches!(next, Happening::Ends { exit: Exit::Signal(signal), .. } if *signal == Signal::KILL.0);
    input % TURNS == TURNS - 1 && !dies
}

/// Lets everything go on that goes on by itself. Returns whether that has ended.
fn go_on<M: Memory>(world: &mut World<M>) -> bool {
    let (mut quiet, mut orders) = (0, world.kernel.orders);
    for input in 0..MOST_INPUTS {
        if world.kernel.ended || world.kernel.fault.is_some() {
            return true;
        }
        let time = Happening::Passes { milliseconds: STEP_MILLISECONDS };
        let has_deadline = world.deadline().is_some() && quiet < QUIET_STEPS;
        let happening = match next_of_processes(world) {
            _ if !world.is_calm() => Happening::Turn,
            Some(next) if has_deadline && is_turn_of_time(input, &next) => time,
            Some(next) => next,
            None if has_deadline => time,
            None => return true,
        };
        let passes = matches!(happening, Happening::Passes { .. });
        world.happen(&happening);
        world.check();
        quiet = if passes && orders == world.kernel.orders { quiet + 1 } else { 0 };
        orders = world.kernel.orders;
    }
    false
}

fn drain<M: Memory>(world: &mut World<M>) {
    recover(world);
    let ended = go_on(world);
    if world.kernel.ended || world.kernel.fault.is_some() {
        return;
    }
    world.kernel.ledger.tally.note(Deed::Rested);
    let circles = !ended || !world.kernel.ledger.circles.is_empty();
    let strict = world.kernel.strict;
    let supervisor = world.memory.supervisor();
    let stuck = world.kernel.ledger.jobs.iter().find_map(|&job| {
        let why = match end_of_wait(&supervisor, job) {
            // A job that runs as it should holds up no other.
            WaitEnd::Job(end, WaitCause::Goal(Goal::Stop)) if end == job => return None,
            WaitEnd::Job(_, WaitCause::Stop) | WaitEnd::Condition => return None,
            WaitEnd::Job(_, WaitCause::Ready(..)) if strict => return None,
            _ if circles => return None,
            end => end,
        };
        Some(format!("{} does not come to rest: {why:?}", name_of(&supervisor, job)))
    });
    if let Some(stuck) = stuck {
        world.kernel.wrong(|| stuck);
    }
}

fn clear<M: Memory>(world: &mut World<M>) {
    recover(world);
    let names: Vec<String> = {
        let supervisor = world.memory.supervisor();
        let name = |status: uphold_core::control::Status<'_>| String::from_utf8_lossy(status.job).into_owned();
        supervisor.statuses(0).map(|(status, _)| name(status)).collect()
    };
    names.iter().for_each(|name| world.write(name, None));
    for _ in 0..MOST_ROUNDS {
        stop_all(world);
        go_on(world);
        if world.kernel.ended || world.kernel.fault.is_some() {
            return;
        }
    }
    // The end of a job may start it again, as its file says; only the end of all ends that.
    let again = |status: &String| status.split_once(' ').is_some_and(|(_, rest)| rest.contains("start/"));
    let status = world.status();
    if !status.is_empty() && status.iter().all(again) {
        world.happen(&Happening::Shutdown);
        go_on(world);
        if !world.kernel.ended {
            world.kernel.wrong(|| "the end does not come".into());
        }
        return;
    }
    let left = world.memory.supervisor().occupancy();
    let waiting = world.kernel.clients.iter().filter(|client| **client != Client::Idle).count();
    let watched: Vec<Pid> = world.kernel.children.iter().filter(|child| child.watched).map(|child| child.pid).collect();
    if left != Default::default() || waiting > 0 || !watched.is_empty() {
        let status = world.status();
        world.kernel.wrong(|| format!("left when all is removed: {status:?} {watched:?} {waiting} clients, {left:?}"));
    }
    probe(world);
    world.kernel.ledger.tally.note(Deed::Cleared);
}

/// Forces every job to stop.
fn stop_all<M: Memory>(world: &mut World<M>) {
    const ASKER: usize = CLIENTS - 1;
    if world.kernel.clients[ASKER] != Client::Idle {
        world.happen(&Happening::HangsUp { client: ASKER });
    }
    let targets: Vec<String> = {
        let supervisor = world.memory.supervisor();
        let job = |job: &_| {
            let instance = String::from_utf8_lossy(supervisor.instance_name(*job)).into_owned();
            let name = name_of(&supervisor, *job);
            if instance.is_empty() { name } else { format!("{name} N={instance}") }
        };
        world.kernel.ledger.jobs.iter().map(job).collect()
    };
    for target in targets {
        if world.kernel.ended {
            return;
        }
        let (command, text) = (JobCommand::Force, Text::Owned(target));
        world.happen(&Happening::Ask { client: ASKER, command, wait: false, text });
        world.check();
    }
}

/// A job can be started and stopped.
fn probe<M: Memory>(world: &mut World<M>) {
    let (name, file) = PROBE;
    world.write(name, Some(file));
    for command in [JobCommand::Start, JobCommand::Stop] {
        world.happen(&Happening::Ask { client: 0, command, wait: true, text: Text::Borrowed(name) });
        world.check();
        if command == JobCommand::Start && world.kernel.clients[0] != Client::Idle {
            let status = world.status();
            return world.kernel.wrong(|| format!("a job cannot be started any more: {status:?}"));
        }
    }
    world.write(name, None);
    go_on(world);
    if world.kernel.clients[0] != Client::Idle {
        world.kernel.wrong(|| "a job cannot be stopped any more".into());
    }
}
