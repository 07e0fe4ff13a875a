//! What can happen next: everything that people, programs and the kernel can do as things stand.

use uphold_core::input::Command;
use uphold_core::process::{Exit, Process};
use uphold_core::signal::Signal;

use crate::explore::Step;
use crate::happening::{Happening, Text};
use crate::kernel::{Child, Client, Trace};
use crate::world::{Memory, World};

/// What people may ask for, and how processes may end.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// Jobs, with the variables that choose their instance.
    pub jobs: &'static [&'static str],
    /// Events, with their variables.
    pub events: &'static [&'static str],
    /// How a main process may end.
    pub ends: &'static [Exit],
    /// Whether a main process may also end after a respawn window has passed.
    pub late_ends: bool,
    /// How many clients may wait at the same time; the one after them never does.
    pub waiting: usize,
    /// Whether everything may be told to end.
    pub shutdown: bool,
}

/// With so many processes none forks any more: one, its child, and one of which the supervisor knows nothing.
const PROCESSES: usize = 3;

/// The signal that nobody sends in the normal course of things.
const USR1: Signal = Signal(10);

impl Choices {
    /// Everything that can happen next.
    pub fn list<M: Memory>(&self, world: &mut World<M>, steps: &mut Vec<Step>) {
        let deadline = world.deadline();
        if let Some(deadline) = deadline {
            let milliseconds = (deadline.0 - 1_000_000) as u32;
            steps.push(Happening::Passes { milliseconds }.into());
        }
        let (has_deadline, room) = (deadline.is_some(), world.kernel.children.len() < PROCESSES);
        for child in &world.kernel.children {
            self.process(child, has_deadline, steps);
            if child.trace == Trace::Followed && room {
                steps.push(Happening::Forks { pid: child.pid, stillborn: false }.into());
                steps.push(Happening::Forks { pid: child.pid, stillborn: true }.into());
            }
        }
        self.clients(&world.kernel.clients, steps);
        if self.shutdown {
            steps.push(Happening::Shutdown.into());
        }
    }

    fn clients(&self, clients: &[Client], steps: &mut Vec<Step>) {
        use Command::{Reload, Restart, Start, Stop};
        let free = clients.iter().take(self.waiting).position(|&client| client == Client::Idle);
        let askers = [Some((self.waiting, false)), free.map(|client| (client, true))];
        for (client, wait) in askers.into_iter().flatten() {
            for &job in self.jobs {
                for command in [Start, Stop, Restart] {
                    steps.push(Happening::Ask { client, command, wait, text: Text::Borrowed(job) }.into());
                }
                if !wait {
                    steps.push(Happening::Ask { client, command: Reload, wait, text: Text::Borrowed(job) }.into());
                }
            }
            for &event in self.events {
                steps.push(Happening::Emit { client, wait, text: Text::Borrowed(event) }.into());
            }
        }
        for client in (0..self.waiting).filter(|&client| clients[client] == Client::Waits) {
            steps.push(Happening::HangsUp { client }.into());
        }
    }

    fn process(&self, child: &Child, has_deadline: bool, steps: &mut Vec<Step>) {
        let pid = child.pid;
        if child.vanished {
            steps.push(Happening::Missed { pid }.into());
            return;
        }
        let main = child.process == Process::Main;
        let ends = if main { self.ends } else { &[Exit::Status(0), Exit::Status(1)] };
        for &exit in ends {
            steps.push(Happening::Ends { pid, exit }.into());
        }
        if main && self.late_ends && !has_deadline {
            let happening = Happening::Ends { pid, exit: Exit::Status(1) };
            steps.push(Step { late: true, ..happening.into() });
        }
        let mut can = |happening: Happening| steps.push(happening.into());
        let stop = |signal| Happening::Stops { pid, signal };
        match child.trace {
            Trace::Off if main => {
                can(stop(Signal::STOP));
                if child.forked {
                    can(Happening::Vanishes { pid });
                }
            }
            Trace::Off => {}
            Trace::Launched => {
                can(Happening::Traps { pid });
                can(stop(USR1));
            }
            Trace::Newborn => {
                can(stop(Signal::STOP));
                can(stop(USR1));
            }
            Trace::Followed => {
                can(Happening::Execs { pid });
                can(stop(USR1));
                can(stop(Signal::STOP));
            }
        }
    }
}
