//! The world: a supervisor, and a pretend Linux with virtual time around it.

use std::fmt::Write;
use std::hash::{Hash, Hasher};

use uphold_core::bytes::Strings;
use uphold_core::conf::{ConfError, Parser};
use uphold_core::control::{Select, Status, Target};
use uphold_core::effect::Effect;
use uphold_core::input::{Input, Word};
use uphold_core::lifecycle::{Goal, State, Wait};
use uphold_core::occupancy::Occupancy;
use uphold_core::process::{Pid, Process};
use uphold_core::signal::Signal;
use uphold_core::storage::ClientId;
use uphold_core::supervisor::{Storage, Supervisor};
use uphold_core::time::Instant;

use crate::happening::{Happening, Saying};
use crate::kernel::{CLIENTS, Client, Kernel, Trace};

/// A storage of whatever size.
pub trait Memory: Hash {
    /// Lends itself to the machine.
    fn supervisor(&mut self) -> Supervisor<'_>;
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
> Memory for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS>
{
    fn supervisor(&mut self) -> Supervisor<'_> {
        Storage::supervisor(self)
    }
}

/// Room for the systems of the scenarios.
pub type Small = Storage<16, 16, 32, 48, 48, 64, 64, 16384, 256, 16>;

/// Room for one job at a time, one command and one event.
pub type Tiny = Storage<1, 1, 2, 4, 6, 2, 2, 768, 16, 4>;

/// The most orders that one input may lead to.
const MOST_EFFECTS: usize = 2000;

/// The most words of a command: variables as the kernel has them.
const WORDS: usize = 256;

/// A supervisor and all that is around it.
#[derive(Clone)]
pub struct World<M> {
    /// What the supervisor knows.
    pub memory: M,
    /// What it cannot know but by being told.
    pub kernel: Kernel,
    /// What time it is.
    pub now: Instant,
    /// How full the memory is when no job lives and nobody waits.
    idle: Occupancy,
}

/// How a world is, after an input and all that followed from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calm {
    /// No job lives and no event is unfinished, or all is over.
    pub rests: bool,
    /// No job is on its way anywhere.
    pub settled: bool,
}

impl<M: Memory> World<M> {
    /// A world without jobs.
    pub fn new(memory: M) -> Self {
        let mut world =
            World { memory, kernel: Kernel::default(), now: Instant(1_000_000), idle: Occupancy::default() };
        world.idle = world.memory.supervisor().occupancy();
        world
    }

    /// Loads a job file.
    ///
    /// # Errors
    /// The file is wrong.
    pub fn load(&mut self, name: &str, file: &str) -> Result<(), ConfError> {
        let mut text = file.as_bytes().to_vec();
        let mut supervisor = self.memory.supervisor();
        let class = supervisor.begin_class(name.as_bytes()).expect("room for a class");
        let mut parser = Parser::new(&mut text);
        while let Some(stanza) = parser.next() {
            supervisor.apply(class, &stanza?).expect("room for a stanza");
        }
        supervisor.commit_class(class).expect("room for a class");
        self.idle = supervisor.occupancy();
        Ok(())
    }

    /// Has something happen, and all that follows from it.
    pub fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Ask { client, wait, .. } | Happening::Emit { client, wait, .. } => {
                if self.kernel.clients[client] != Client::Idle {
                    return self.kernel.wrong(|| "a client that waits asks".into());
                }
                self.kernel.clients[client] = if wait { Client::Waits } else { Client::Asked };
                self.ask(happening);
            }
            Happening::HangsUp { client } => {
                self.kernel.clients[client] = Client::Idle;
                self.give(Input::Hangup { client: id(client) });
            }
            Happening::Ends { pid, exit } => {
                self.kernel.forget(pid);
                self.give(Input::Exited { pid, exit });
            }
            Happening::Vanishes { pid } => self.change(pid, |child| child.vanished = true),
            Happening::Missed { pid } => {
                self.kernel.forget(pid);
                self.give(Input::Gone { pid });
            }
            Happening::Traps { pid } => self.stop(pid, Signal::TRAP),
            Happening::Stops { pid, signal } => self.stop(pid, signal),
            Happening::Execs { pid } => {
                self.change(pid, |child| child.halted = true);
                self.give(Input::Replaced { pid });
            }
            Happening::Forks { pid, stillborn } => self.fork(pid, stillborn),
            Happening::Leaves { pid } => {
                self.change(pid, |child| child.has_forked = true);
                self.kernel.leave(pid);
            }
            Happening::Leads { pid } => self.change(pid, |child| child.session = pid),
            Happening::Works { pid, busy } => self.change(pid, |child| child.busy = busy),
            Happening::Named { pid } => self.change(pid, |child| child.named = true),
            Happening::Sleeps { pid } => self.change(pid, |child| child.sleeps = true),
            Happening::Says { pid, ref saying } => self.say(pid, saying),
            Happening::Passes { milliseconds } => self.pass(milliseconds),
            Happening::Shutdown => self.give(Input::Shutdown),
            Happening::Spawns { ref outcomes } => {
                self.kernel.outcomes.clone_from(outcomes);
                self.kernel.spawns = 0;
            }
            Happening::Shows { pid } => self.show(pid),
        }
    }

    fn change(&mut self, pid: Pid, change: impl FnOnce(&mut crate::kernel::Child)) {
        match self.kernel.child(pid) {
            Some(child) => change(child),
            None => self.kernel.wrong(|| format!("there is no process {pid}")),
        }
    }

    fn ask(&mut self, happening: &Happening) {
        let mut environment: heapless::Vec<u8, WORDS> = heapless::Vec::new();
        let mut list = |text: &str| {
            for word in text.split_whitespace().skip(1) {
                environment.extend_from_slice(word.as_bytes()).expect("room for words");
                environment.push(0).expect("room for words");
            }
        };
        match happening {
            Happening::Ask { client, command, wait, text } => {
                list(text);
                let job = text.split_whitespace().next().unwrap_or_default().as_bytes();
                let target = Target { job, select: Select::Environment(Strings(&environment)) };
                self.give(Input::Command { client: id(*client), command: *command, target, wait: *wait });
            }
            Happening::Emit { client, wait, text } => {
                list(text);
                let event = text.split_whitespace().next().unwrap_or_default().as_bytes();
                let environment = Strings(&environment);
                self.give(Input::Emit { client: Some(id(*client)), event, environment, wait: *wait });
            }
            _ => {}
        }
    }

    fn stop(&mut self, pid: Pid, signal: Signal) {
        let mut traced = false;
        self.change(pid, |child| {
            traced = child.trace != Trace::Off;
            child.halted = traced;
            // A child inherits what its parent's tracing reports.
            if child.trace == Trace::Newborn && signal == Signal::STOP {
                child.trace = Trace::Followed;
            }
        });
        self.give(Input::Stopped { pid, signal, traced });
    }

    fn fork(&mut self, parent: Pid, stillborn: bool) {
        self.change(parent, |child| (child.halted, child.has_forked) = (true, true));
        let Some(of) = self.kernel.child(parent).copied() else { return };
        let made = self.kernel.make(of.job, of.process, Trace::Newborn, Some(&of));
        let Some(child) = made else { return self.kernel.wrong(|| "too many processes".into()) };
        if stillborn {
            self.kernel.forget(child);
            // As the shim says it, having heard of the end of a process that it did not know.
            if self.kernel.ready.push_back(Input::Gone { pid: child }).is_err() {
                self.kernel.wrong(|| "too many facts at one time".into());
            }
        }
        self.give(Input::Forked { parent, child });
    }

    fn say(&mut self, pid: Pid, saying: &Saying) {
        let Some(job) = self.kernel.child(pid).map(|child| child.job) else {
            return self.kernel.wrong(|| format!("there is no process {pid}"));
        };
        let word = match saying {
            Saying::Ready => Word::Ready,
            Saying::Main(pid) => Word::Main(*pid),
            Saying::Stopping => Word::Stopping,
            Saying::Alive => Word::Alive,
            Saying::Status(text) => Word::Status(text.as_bytes()),
        };
        self.give(Input::Told { job, word });
    }

    fn pass(&mut self, milliseconds: u32) {
        let end = self.now.after_milliseconds(milliseconds);
        while let Some(deadline) = self.memory.supervisor().next_deadline().filter(|&deadline| deadline <= end) {
            self.now = self.now.max(deadline);
            self.give(Input::Tick);
            if self.kernel.ended {
                break;
            }
        }
        self.now = end;
    }

    fn show(&mut self, pid: Pid) {
        let Some(child) = self.kernel.child(pid).copied() else { return };
        let supervisor = self.memory.supervisor();
        let Some(journal) = &mut self.kernel.journal else { return };
        for entry in supervisor.environment(child.job, child.process) {
            journal.push(String::from_utf8_lossy(&[entry.0, entry.1].concat()).into_owned());
        }
    }

    /// One input in, every effect out.
    pub fn give(&mut self, input: Input<'_>) {
        let mut supervisor = self.memory.supervisor();
        supervisor.handle(self.now, input);
        let mut effects = 0;
        loop {
            while let Some(effect) = supervisor.poll_effect() {
                effects += 1;
                if effects > MOST_EFFECTS {
                    return self.kernel.wrong(|| "it does not come to rest".into());
                }
                if let Some(input) = self.kernel.perform(&supervisor, effect) {
                    supervisor.handle(self.now, input);
                }
                if let Effect::Survey { job } = effect {
                    let survivors = self.kernel.survey(job);
                    supervisor.handle(self.now, Input::Survivors { job, survivors: &survivors });
                }
            }
            let Some(input) = self.kernel.ready.pop_front() else { break };
            if let Input::SpawnFailed { pid: Some(pid), .. } = input {
                // Its number is free once the supervisor knows that it is gone.
                self.kernel.forget(pid);
            }
            supervisor.handle(self.now, input);
        }
        if supervisor.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.kernel.wrong(|| "a deadline that has passed is still to come".into());
        }
    }

    /// When the supervisor next wants to be woken.
    pub fn deadline(&mut self) -> Option<Instant> {
        self.memory.supervisor().next_deadline()
    }

    /// What two worlds have in common that differ in nothing that matters.
    pub fn fingerprint(&mut self, hasher: &mut impl Hasher) {
        self.memory.hash(hasher);
        self.memory.supervisor().occupancy().hash(hasher);
        self.kernel.children.hash(hasher);
        self.kernel.clients.hash(hasher);
        self.kernel.ended.hash(hasher);
        self.kernel.left.hash(hasher);
    }

    /// Looks whether all is as it must be between two inputs.
    pub fn check(&mut self) -> Calm {
        let mut supervisor = self.memory.supervisor();
        let occupancy = supervisor.occupancy();
        let over = self.kernel.ended;
        let (mut settled, mut jobs, mut pids) = (true, 0, heapless::Vec::<Pid, 32>::new());
        let mut from = 0;
        while let Some((status, next)) = supervisor.next_status(from) {
            from = next;
            jobs += usize::from(status.state != State::Waiting || status.goal != Goal::Stop);
            settled &= is_at_rest(&status);
            if let Some(wrong) = self.kernel.reason_to_doubt(&status) {
                self.kernel.wrong(|| format!("{status}: {wrong}"));
            }
            pids.extend(status.processes.iter().filter_map(|&(_, pid)| Pid::new(pid)));
        }
        if jobs != occupancy.jobs.used || pids.len() != occupancy.processes.used {
            self.kernel.wrong(|| format!("{jobs} jobs with {} processes, but {occupancy:?}", pids.len()));
        }
        self.kernel.look_around(&pids);
        let rests = occupancy.jobs.used == 0 && occupancy.events.used == 0;
        if rests && occupancy != self.idle {
            let idle = self.idle;
            self.kernel.wrong(|| format!("at rest, but not all is given back:\n{occupancy:?}\nwas\n{idle:?}"));
        }
        if rests && self.kernel.clients.contains(&Client::Waits) {
            self.kernel.wrong(|| "a client waits for nothing".into());
        }
        let _unused = supervisor.poll_effect().map(|effect| self.kernel.wrong(|| format!("{effect:?} came late")));
        Calm { rests: rests || over, settled: settled || over }
    }

    /// The status of every job that does not rest.
    pub fn status(&mut self) -> Vec<String> {
        let supervisor = self.memory.supervisor();
        let (mut all, mut from) = (Vec::new(), 0);
        while let Some((status, next)) = supervisor.next_status(from) {
            from = next;
            if status.state != State::Waiting || status.goal != Goal::Stop {
                let mut line = String::new();
                if write!(line, "{status}").is_ok() {
                    all.push(line.replace("\n\t", "; "));
                }
            }
        }
        all
    }
}

fn id(client: usize) -> ClientId {
    assert!(client < CLIENTS, "no such client");
    ClientId { slot: client as u32, generation: 0 }
}

fn is_at_rest(status: &Status<'_>) -> bool {
    matches!((status.goal, status.state), (Goal::Stop, State::Waiting) | (Goal::Start, State::Running))
}

impl Kernel {
    /// Why a job could not come out of its state, if it could not.
    fn reason_to_doubt(&self, status: &Status<'_>) -> Option<&'static str> {
        let lives = |process: Process| {
            let pid = status.processes.iter().find(|(its, _)| *its == process).map(|(_, pid)| *pid);
            pid.is_some_and(|pid| self.children.iter().any(|child| child.pid.get() == pid))
        };
        match status.state.row().wait {
            Wait::Goal(goal) if status.goal == goal => Some("it has its goal and does not go"),
            Wait::Goal(_) | Wait::Event => None,
            Wait::Nothing => Some("there is nothing to wait for"),
            Wait::Spawned(_) => Some("the spawn was answered"),
            Wait::Readiness if lives(Process::Main) => None,
            Wait::End(process) if lives(process) => None,
            Wait::Readiness | Wait::End(_) => Some("what it waits for does not live"),
        }
    }

    /// Compares what lives to what the supervisor knows; processes that are nobody's any more are left to themselves.
    fn look_around(&mut self, pids: &[Pid]) {
        let dead = pids.iter().find(|&&pid| !self.children.iter().any(|child| child.pid == pid));
        if let Some(pid) = dead.copied() {
            self.wrong(|| format!("{pid} is dead, and the supervisor was told"));
        }
        if let Some(halted) = self.children.iter().find(|child| child.halted).copied() {
            self.wrong(|| format!("{} stands still for ever", halted.pid));
        }
        let nobodys = |child: &crate::kernel::Child| child.trace == Trace::Off && !pids.contains(&child.pid);
        let lost = self
            .children
            .iter()
            .find(|child| nobodys(child) && !child.forked && !child.has_forked && !child.sleeps)
            .copied();
        if let Some(lost) = lost {
            self.wrong(|| format!("{} {} was lost", lost.process, lost.pid));
        }
        let keeps = self.keeps;
        self.children.retain(|child| !nobodys(child) || child.sleeps || (keeps && child.process == Process::Main));
        self.children.iter_mut().for_each(|child| child.watched = pids.contains(&child.pid));
        if let Some(client) = self.clients.iter().position(|&client| client == Client::Asked) {
            self.wrong(|| format!("{} was not answered", crate::happening::letter(client)));
        }
    }
}
