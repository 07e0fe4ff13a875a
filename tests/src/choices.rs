//! Everything that users, programs and the kernel can do next in a state of the world.

use uphold_core::{Exit, JobCommand, Pid, Process, Signal};

use crate::child::{Child, Trace};
use crate::explore::{NOW, Step};
use crate::happening::{Happening, Saying, Text};
use crate::kernel::Client;
use crate::world::{Memory, World};

/// The kinds of happenings to explore.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// The jobs for commands, each with the variables that select the instance.
    pub jobs: &'static [&'static str],
    /// The events for `emit`, each with its variables.
    pub events: &'static [&'static str],
    /// The ways in which a main process may end.
    pub ends: &'static [Exit],
    /// Whether a main process may also end after the respawn window has passed.
    pub late_ends: bool,
    /// The number of clients that may wait at the same time. One more client never waits.
    pub waiting: usize,
    /// Whether that one asks always. Otherwise it asks only if no client is free to wait: where its request leads to,
    /// one that waits and hangs up leads too.
    pub always: bool,
    /// Whether a shutdown may be ordered.
    pub shutdown: bool,
    /// Whether the session may end.
    pub logout: bool,
    /// Whether a stop may be forced.
    pub force: bool,
    /// The job files that may be written at any time, each with the name of its job; `None` removes the file.
    pub files: &'static [(&'static str, Option<&'static str>)],
    /// The most traced forks in one run of a job.
    pub forks: u8,
    /// The number of children that a main process may leave behind unnoticed. With 0, processes that are not watched
    /// exit at once.
    pub orphans: u8,
    /// Whether a main process may send notifications.
    pub speaks: bool,
    /// Whether a pid file may be written.
    pub writes: bool,
    /// Whether the kernel may hide processes, and show them again.
    pub hides: bool,
    /// Whether a main process may be busy when it is checked.
    pub busy: bool,
    /// Whether a spawn may fail for want of a resource.
    pub lacks: bool,
}

/// The most deadlines in a row that may pass without an effect: forty checks, and three times that with helper
/// processes.
pub const PATIENCE: usize = 130;

/// The number of processes from which none forks any more: one and its child. With orphans it is one more.
const PROCESSES: usize = 2;

/// A process that does not exist.
const NOBODY: Pid = Pid::new(99).expect("not zero");

/// A signal without a meaning to the supervisor.
const USR1: Signal = Signal(10);

impl Choices {
    /// One client that never waits, and nothing else that need not be.
    pub const PLAIN: Choices = Choices {
        jobs: &["a"],
        events: &["go", "halt"],
        ends: &[Exit::Status(0), Exit::Status(1), Exit::Status(3), Exit::Signal(15)],
        late_ends: false,
        waiting: 0,
        always: true,
        shutdown: false,
        logout: false,
        force: false,
        files: &[],
        forks: 2,
        orphans: 0,
        speaks: false,
        writes: false,
        busy: false,
        lacks: false,
        hides: false,
    };

    /// Adds everything that can happen next to `steps`.
    pub fn list<M: Memory + Clone>(&self, world: &mut World<M>, steps: &mut Vec<Step>) {
        let deadline = world.deadline();
        match world.is_calm() {
            true => self.time(world, steps),
            false => steps.push(Happening::Turn.into()),
        }
        let most = PROCESSES + usize::from(self.orphans > 0);
        let (has_deadline, room) = (deadline.is_some(), world.kernel.children.len() < most);
        let forks = room && world.kernel.forks < self.forks;
        let leaves = room && world.kernel.left < self.orphans;
        for child in &world.kernel.children {
            self.of_process(&world.kernel.children, child, has_deadline, (forks, leaves), steps);
        }
        // A new child stops or dies at once: no client is quick enough to send a request before that.
        let is_newborn = |child: &Child| child.trace == Trace::Newborn && !child.watched;
        if !world.kernel.children.iter().any(is_newborn) {
            self.clients(&world.kernel.clients, steps);
        }
        if self.hides {
            steps.push(Happening::Lists { works: world.kernel.hides }.into());
        }
        if self.shutdown {
            steps.push(Happening::Shutdown.into());
        }
        if self.logout {
            steps.push(Happening::Logout.into());
        }
        for &(name, text) in self.files {
            let (name, text) = (Text::Borrowed(name), text.map(Text::Borrowed));
            steps.push(Happening::File { name, text }.into());
        }
    }

    /// Adds everything that a process can do next, and that the kernel can report about it. It may fork traced, and
    /// leave a child behind, if `room` says so.
    pub fn of_process(
        &self,
        all: &[Child],
        child: &Child,
        has_deadline: bool,
        room: (bool, bool),
        steps: &mut Vec<Step>,
    ) {
        if !child.watched && child.trace == Trace::Off {
            return steps.push(Happening::Ends { pid: child.pid, exit: Exit::Status(0) }.into());
        }
        if child.paused {
            return steps.push(Happening::Ends { pid: child.pid, exit: Exit::Signal(Signal::KILL.0) }.into());
        }
        self.process(child, has_deadline, steps);
        if self.is_free(child) && room.1 {
            steps.push(Happening::Leaves { pid: child.pid }.into());
            steps.push(Happening::Doubles { pid: child.pid }.into());
        }
        self.words(all, child, steps);
        if child.trace == Trace::Followed && room.0 {
            steps.push(Happening::Forks { pid: child.pid, stillborn: false }.into());
            steps.push(Happening::Forks { pid: child.pid, stillborn: true }.into());
        }
    }

    /// Whether a process is a watched main process that runs.
    fn is_free(&self, child: &Child) -> bool {
        let runs = matches!(child.trace, Trace::Off | Trace::Followed);
        child.process == Process::Main && child.watched && runs && !child.vanished
    }

    /// Adds the notifications that a main process may send, and the pid files that may be written.
    fn words(&self, children: &[Child], child: &Child, steps: &mut Vec<Step>) {
        let pid = child.pid;
        if !self.is_free(child) || child.trace != Trace::Off {
            return;
        }
        if self.speaks {
            let sayings = [Saying::Ready, Saying::Alive, Saying::Stopping, Saying::Main(NOBODY)];
            let is_of_job = |other: &&Child| other.process == Process::Main && other.job == child.job;
            let others = children.iter().filter(is_of_job).filter(|other| other.pid != pid);
            for saying in sayings.into_iter().chain(others.map(|other| Saying::Main(other.pid))) {
                steps.push(Happening::Says { pid, saying }.into());
            }
        }
        if self.writes && !children.iter().any(|child| child.named) {
            let its = children.iter().filter(|child| child.process == Process::Main && child.trace == Trace::Off);
            steps.extend(its.map(|child| Step::from(Happening::Named { pid: child.pid })));
        }
    }

    /// Adds the passing of time until the next effect. The checks before it change nothing.
    fn time<M: Memory + Clone>(&self, world: &mut World<M>, steps: &mut Vec<Step>) {
        let Some(first) = world.deadline() else { return };
        if let Some(at) = world.clone().pass_until_ordered(NOW, PATIENCE) {
            steps.push(Happening::Passes { milliseconds: (at.0 - NOW.0) as u32 }.into());
        }
        let looked_at = world.kernel.children.iter().find(|child| self.is_free(child)).map(|child| child.pid);
        // A second check of a busy process would show nothing new.
        if self.busy && first <= NOW.after_seconds(1) && looked_at.is_some() {
            let happening = Happening::Passes { milliseconds: (first.0 - NOW.0) as u32 };
            steps.push(Step { busy: looked_at, ..happening.into() });
        }
    }

    fn clients(&self, clients: &[Client], steps: &mut Vec<Step>) {
        use JobCommand::{Force, Reload, Restart, Start, Stop};
        let free = clients.iter().take(self.waiting).position(|&client| client == Client::Idle);
        let hasty = (self.always || free.is_none()).then_some((self.waiting, false));
        let askers = [hasty, free.map(|client| (client, true))];
        for (client, wait) in askers.into_iter().flatten() {
            for &job in self.jobs {
                let commands = [Start, Stop, Restart].into_iter().chain(self.force.then_some(Force));
                for command in commands {
                    steps.push(Happening::Ask { client, command, wait, text: Text::Borrowed(job) }.into());
                }
                if !wait || hasty.is_none() {
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
        if main && self.orphans > 0 && !has_deadline {
            let happening = Happening::Ends { pid, exit: Exit::Status(0) };
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
