//! A simulated Linux in which everything succeeds: hooks and tasks end well, daemons do what their files say, and a
//! process ends when a signal asks it to.

use uphold_core::{Exit, Expect, JobId, Signal, State, Supervisor, WaitCause};
use uphold_tests::child::{Child, Trace};
use uphold_tests::happening::{Happening, Saying};
use uphold_tests::world::{Memory, Room, World};

/// The most happenings after a command.
const MOST: usize = 3000;
/// The most times that only the passing of time helps.
const MOST_WAITS: usize = 40;

/// Whether a job goes on without help from outside.
pub fn is_under_way(supervisor: &Supervisor<'_>, job: JobId) -> bool {
    !matches!(supervisor.cause(job), WaitCause::Goal(_) | WaitCause::Stop | WaitCause::Event(..))
}

/// Lets all that follows from the last command happen. Returns whether that has an end.
pub fn go_on(world: &mut World<Room>) -> bool {
    let mut waits = 0;
    for _ in 0..MOST {
        if world.kernel.ended || world.kernel.fault.is_some() {
            return true;
        }
        let next = match next(world) {
            Some(next) => next,
            None => {
                let supervisor = world.memory.supervisor();
                if !supervisor.jobs().any(|job| is_under_way(&supervisor, job)) || waits == MOST_WAITS {
                    return waits < MOST_WAITS;
                }
                waits += 1;
                let Some(deadline) = world.deadline() else { return true };
                Happening::Passes { milliseconds: deadline.0.saturating_sub(world.now.0) as u32 }
            }
        };
        world.happen(&next);
        world.check();
    }
    false
}

fn next(world: &mut World<Room>) -> Option<Happening> {
    if !world.is_calm() {
        return Some(Happening::Turn);
    }
    let at_once = |child: &Child| {
        let pid = child.pid;
        match child.trace {
            Trace::Launched => Some(Happening::Traps { pid }),
            Trace::Newborn => Some(Happening::Stops { pid, signal: Signal::STOP }),
            // The parent of a daemon.
            Trace::Off if child.has_forked && !child.watched => Some(Happening::Ends { pid, exit: Exit::Status(0) }),
            Trace::Off | Trace::Followed => None,
        }
    };
    if let Some(next) = world.kernel.children.iter().find_map(at_once) {
        return Some(next);
    }
    let supervisor = world.memory.supervisor();
    supervisor.jobs().find_map(|job| match supervisor.cause(job) {
        WaitCause::Ended(_, pid) => {
            let class = supervisor.class_of(job)?;
            let is_killed = supervisor.why(class, Some(job)).status.state == State::Killed;
            let exit = if is_killed { Exit::Signal(Signal::TERM.0) } else { Exit::Status(0) };
            Some(Happening::Ends { pid, exit })
        }
        WaitCause::Ready(pid, Expect::Stop | Expect::Auto) => Some(Happening::Stops { pid, signal: Signal::STOP }),
        WaitCause::Ready(pid, Expect::Fork | Expect::Daemon) => Some(Happening::Forks { pid, stillborn: false }),
        WaitCause::Ready(pid, Expect::Notify | Expect::Descriptor | Expect::PidFile) => {
            Some(Happening::Says { pid, saying: Saying::Ready })
        }
        _ => None,
    })
}
