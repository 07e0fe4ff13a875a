//! What can happen next: everything that people, programs and the kernel can do as things stand.

use uphold_core::{Exit, JobCommand, Pid, Process, Signal};

use crate::child::{Child, Trace};
use crate::explore::{NOW, Step};
use crate::happening::{Happening, Saying, Text};
use crate::kernel::Client;
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
    /// How often the processes of one run fork in all, traced.
    pub forks: u8,
    /// How many children a main process may leave behind unseen; with none, who is not watched ends at once, unseen.
    pub orphans: u8,
    /// Whether a main process may say something of itself.
    pub speaks: bool,
    /// Whether a pid file may name a process.
    pub writes: bool,
    /// Whether a main process may compute when it is looked at.
    pub busy: bool,
}

/// How often in a row a deadline may pass without an order, at most: forty looks, and three times that with helpers.
pub const PATIENCE: usize = 130;

/// With so many processes none forks any more: one, and its child; with orphans, one more.
const PROCESSES: usize = 2;

/// A process that there is not.
const NOBODY: Pid = Pid::new(99).expect("not zero");

/// The signal that nobody sends in the normal course of things.
const USR1: Signal = Signal(10);

impl Choices {
    /// Everything that can happen next.
    pub fn list<M: Memory + Clone>(&self, world: &mut World<M>, steps: &mut Vec<Step>) {
        let deadline = world.deadline();
        self.time(world, steps);
        let most = PROCESSES + usize::from(self.orphans > 0);
        let (has_deadline, room) = (deadline.is_some(), world.kernel.children.len() < most);
        for child in &world.kernel.children {
            if !child.watched && child.trace == Trace::Off {
                steps.push(Happening::Ends { pid: child.pid, exit: Exit::Status(0) }.into());
                continue;
            }
            self.process(child, has_deadline, steps);
            if self.is_free(child) && world.kernel.left < self.orphans && room {
                steps.push(Happening::Leaves { pid: child.pid }.into());
            }
            self.words(&world.kernel.children, child, steps);
            if child.trace == Trace::Followed && room && world.kernel.forks < self.forks {
                steps.push(Happening::Forks { pid: child.pid, stillborn: false }.into());
                steps.push(Happening::Forks { pid: child.pid, stillborn: true }.into());
            }
        }
        // A child that nobody watches stops or dies at once: nobody is so quick as to ask for something before that.
        let is_newborn = |child: &Child| child.trace == Trace::Newborn && !child.watched;
        if !world.kernel.children.iter().any(is_newborn) {
            self.clients(&world.kernel.clients, steps);
        }
        if self.shutdown {
            steps.push(Happening::Shutdown.into());
        }
    }

    /// Whether a main process can do as it likes.
    fn is_free(&self, child: &Child) -> bool {
        let runs = matches!(child.trace, Trace::Off | Trace::Followed);
        child.process == Process::Main && child.watched && runs && !child.vanished
    }

    /// What a main process may say, and whose number may be written down.
    fn words(&self, children: &[Child], child: &Child, steps: &mut Vec<Step>) {
        let pid = child.pid;
        if !self.is_free(child) || child.trace != Trace::Off {
            return;
        }
        if self.speaks {
            let sayings = [Saying::Ready, Saying::Alive, Saying::Stopping, Saying::Main(NOBODY)];
            let others = children.iter().filter(|other| other.process == Process::Main && other.pid != pid);
            for saying in sayings.into_iter().chain(others.map(|other| Saying::Main(other.pid))) {
                steps.push(Happening::Says { pid, saying }.into());
            }
        }
        if self.writes && !children.iter().any(|child| child.named) {
            let its = children.iter().filter(|child| child.process == Process::Main && child.trace == Trace::Off);
            steps.extend(its.map(|child| Step::from(Happening::Named { pid: child.pid })));
        }
    }

    /// Time passes until something is ordered; what is only looked at in between changes nothing.
    fn time<M: Memory + Clone>(&self, world: &mut World<M>, steps: &mut Vec<Step>) {
        let Some(first) = world.deadline() else { return };
        if let Some(at) = world.clone().pass_until_ordered(NOW, PATIENCE) {
            steps.push(Happening::Passes { milliseconds: (at.0 - NOW.0) as u32 }.into());
        }
        let looked_at = world.kernel.children.iter().find(|child| self.is_free(child)).map(|child| child.pid);
        // A second look at one that computes would show nothing new.
        if self.busy && first <= NOW.after_seconds(1) && looked_at.is_some() {
            let happening = Happening::Passes { milliseconds: (first.0 - NOW.0) as u32 };
            steps.push(Step { busy: looked_at, ..happening.into() });
        }
    }

    fn clients(&self, clients: &[Client], steps: &mut Vec<Step>) {
        use JobCommand::{Reload, Restart, Start, Stop};
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
                if if self.orphans > 0 { child.parent.is_some() } else { child.forked } {
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
