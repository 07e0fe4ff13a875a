//! The world: a supervisor, and around it a simulated Linux with virtual time.

use std::fmt::Write;
use std::hash::{Hash, Hasher};

use uphold_core::bytes::Strings;
use uphold_core::{
    ClientId, DefineError, Effect, Goal, Input, Instant, JobCommand, Notification, Occupancy, Pid, Select, Signal,
    State, Supervisor, Target, Usage,
};

use crate::child::{Child, Trace};
use crate::happening::{Happening, Saying};
use crate::invariants::{self, JobStatus, View};
use crate::journal::Journal;
use crate::kernel::{CLIENTS, Client, Kernel};
pub use crate::memory::{Memory, Small, Tiny};

/// The most effects of one input.
const MOST_EFFECTS: usize = 2000;

/// The capacity for text (bytes, pieces) that stays free in a world without `heeds_texts`: more than one job's
/// variables need.
const SPARE: (usize, usize) = (128, 4);

/// The most bytes of a command's variables.
const WORDS: usize = 256;

/// A supervisor and its surroundings.
#[derive(Clone)]
pub struct World<M> {
    /// The supervisor's storage.
    pub memory: M,
    /// The kernel, which the supervisor sees through inputs only.
    pub kernel: Kernel,
    /// The current time.
    pub now: Instant,
    /// Whether the variables of events and jobs matter: a condition or the name of an instance uses them. Otherwise
    /// worlds that differ in variables only are the same state, and a check ensures that there is always room for them.
    pub heeds_texts: bool,
    /// Whether worlds that differ in anything are different states. With it a test proves that what is left out
    /// otherwise decides nothing.
    pub exact: bool,
    /// Whether every other input may come where a drain was cut short.
    pub interrupts: bool,
    /// The journal of the inputs, as the shim writes it; `None` to write none.
    pub inputs: Option<Journal>,
    /// The occupancy when no job lives and no client waits.
    idle: Occupancy,
}

/// The state of a world after an input and all its effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calm {
    /// No job lives and no event is unfinished, or the supervisor has ended.
    pub rests: bool,
    /// Every job is at rest or runs, or the supervisor has ended.
    pub settled: bool,
}

impl<M: Memory> World<M> {
    /// A world without jobs.
    pub fn new(memory: M) -> Self {
        let mut world = World {
            memory,
            kernel: Kernel::default(),
            now: Instant(1_000_000),
            heeds_texts: true,
            exact: false,
            interrupts: false,
            inputs: None,
            idle: Occupancy::default(),
        };
        world.idle = world.memory.supervisor().occupancy();
        world
    }

    /// Loads a job file.
    ///
    /// # Errors
    /// The file has an error, or the storage is full.
    pub fn load(&mut self, name: &str, file: &str) -> Result<(), DefineError> {
        let mut text = file.as_bytes().to_vec();
        let mut supervisor = self.memory.supervisor();
        supervisor.define(name.as_bytes(), &mut text, |_| {})?;
        self.idle = supervisor.occupancy();
        Ok(())
    }

    /// Makes something happen, and handles all that follows.
    pub fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Ask { client, wait, .. } | Happening::Emit { client, wait, .. } => {
                if self.kernel.clients[client] != Client::Idle {
                    return self.kernel.wrong(|| "a client that waits asks".into());
                }
                self.kernel.clients[client] = if wait { Client::Waits } else { Client::Asked };
                if matches!(happening, Happening::Ask { command: JobCommand::Force, .. }) {
                    self.kernel.released.force();
                }
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
            Happening::Lists { works } => self.kernel.hides = !works,
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
                self.kernel.leave(pid, false);
            }
            Happening::Doubles { pid } => {
                self.change(pid, |child| child.has_forked = true);
                self.kernel.leave(pid, true);
            }
            Happening::Leads { pid } => self.change(pid, |child| child.session = pid),
            Happening::Works { pid, busy } => self.change(pid, |child| child.busy = busy),
            Happening::Named { pid } => self.change(pid, |child| child.named = true),
            Happening::Sleeps { pid } => self.change(pid, |child| child.sleeps = true),
            Happening::Says { pid, ref saying } => self.say(pid, saying),
            Happening::Passes { milliseconds } => self.pass(milliseconds),
            Happening::Turn => self.give(Input::Tick),
            Happening::Shutdown => self.give(Input::Shutdown),
            Happening::Spawns { ref outcomes } => {
                self.kernel.outcomes.clone_from(outcomes);
                self.kernel.spawns = 0;
            }
            Happening::Shows { pid } => self.show(pid),
        }
    }

    fn change(&mut self, pid: Pid, change: impl FnOnce(&mut Child)) {
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
        let (mut traced, pauses) = (false, self.kernel.pauses);
        self.change(pid, |child| {
            traced = child.trace != Trace::Off;
            child.halted = traced;
            child.paused = !traced && pauses && signal == Signal::STOP;
            // A child inherits its parent's trace options.
            if child.trace == Trace::Newborn && matches!(signal, Signal::STOP | Signal::CONT) {
                child.trace = Trace::Followed;
            }
        });
        self.give(Input::Stopped { pid, signal, traced });
    }

    fn fork(&mut self, parent: Pid, stillborn: bool) {
        self.kernel.forks = self.kernel.forks.saturating_add(1);
        self.change(parent, |child| (child.halted, child.has_forked) = (true, true));
        let Some(of) = self.kernel.child(parent).copied() else { return };
        let made = self.kernel.make(of.job, of.process, Trace::Newborn, Some(&of));
        let Some(child) = made else { return self.kernel.wrong(|| "too many processes".into()) };
        if stillborn {
            self.kernel.forget(child);
            // The shim reports this when a process that it did not know has ended.
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
        let notification = match saying {
            Saying::Ready => Notification::Ready,
            Saying::Main(pid) => Notification::Main(*pid),
            Saying::Stopping => Notification::Stopping,
            Saying::Alive => Notification::Alive,
            Saying::Status(text) => Notification::Status(text.as_bytes()),
        };
        self.give(Input::Notified { job, notification });
    }

    fn pass(&mut self, milliseconds: u32) {
        let end = self.now.after_milliseconds(milliseconds);
        while let Some(deadline) = self.deadline().filter(|&deadline| deadline <= end) {
            self.now = deadline;
            self.give(Input::Tick);
            if self.kernel.ended {
                break;
            }
        }
        self.now = end;
    }

    /// Lets time pass from deadline to deadline until there is an effect that is more than a question. Returns the time
    /// of it, or none if no deadline is left or more than `most` have passed.
    pub fn pass_until_ordered(&mut self, from: Instant, most: usize) -> Option<Instant> {
        self.now = from;
        let orders = self.kernel.orders;
        for _ in 0..most {
            let deadline = self.deadline()?;
            self.pass((deadline.0 - self.now.0) as u32);
            if self.kernel.orders != orders {
                return Some(deadline);
            }
        }
        None
    }

    fn show(&mut self, pid: Pid) {
        let Some(child) = self.kernel.child(pid).copied() else { return };
        let supervisor = self.memory.supervisor();
        let Some(journal) = &mut self.kernel.journal else { return };
        for entry in supervisor.environment(child.job, child.process) {
            journal.push(String::from_utf8_lossy(&[entry.0, entry.1].concat()).into_owned());
        }
    }

    /// Sets all clocks back, as if everything so far had happened earlier.
    pub fn rebase_time(&mut self, time: Instant) {
        let passed = self.now.0.saturating_sub(time.0);
        let children = &self.kernel.children;
        let known = |pid| children.iter().any(|child| child.pid == pid || child.session == pid);
        self.memory.supervisor().rebase_time(self.now, passed, known);
        self.now = time;
    }

    /// Handles an input, and performs every effect.
    pub fn give(&mut self, input: Input<'_>) {
        let (now, mut inputs) = (self.now, self.inputs.as_mut());
        let handle = |supervisor: &mut Supervisor<'_>, inputs: &mut Option<&mut Journal>, input: Input<'_>| {
            inputs.iter_mut().for_each(|inputs| inputs.write(now, input));
            supervisor.handle(now, input);
        };
        let mut supervisor = self.memory.supervisor();
        handle(&mut supervisor, &mut inputs, input);
        let mut effects = 0;
        loop {
            while let Some(effect) = supervisor.poll_effect() {
                effects += 1;
                inputs.iter_mut().for_each(|inputs| inputs.polled += 1);
                if effects > MOST_EFFECTS {
                    return self.kernel.wrong(|| "it does not come to rest".into());
                }
                if let Some(input) = self.kernel.perform(&supervisor, effect) {
                    if let Some(pid) = self.kernel.reused.take() {
                        handle(&mut supervisor, &mut inputs, Input::Gone { pid });
                    }
                    handle(&mut supervisor, &mut inputs, input);
                }
                if let Effect::Survey { job, .. } = effect {
                    let survivors = self.kernel.survey(job);
                    let complete = !self.kernel.hides;
                    let input = Input::Survivors { job, survivors: &survivors, complete };
                    handle(&mut supervisor, &mut inputs, input);
                }
            }
            inputs.iter_mut().for_each(|inputs| inputs.drained = true);
            let input = match self.kernel.ready.pop_front() {
                Some(input) => input,
                None if supervisor.is_calm() || self.interrupts => break,
                // The drain was cut short, and no other input wants its turn.
                None => Input::Tick,
            };
            if let Input::SpawnFailed { pid: Some(pid), .. } = input {
                // The id is free again when the failure is reported.
                self.kernel.forget(pid);
            }
            handle(&mut supervisor, &mut inputs, input);
        }
        if supervisor.is_calm() && supervisor.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.kernel.wrong(|| "a deadline that has passed is still to come".into());
        }
    }

    /// The supervisor's next deadline.
    pub fn deadline(&mut self) -> Option<Instant> {
        // In the middle of a drain it is the time of the last input, which only the last supervisor knows.
        self.memory.supervisor().next_deadline().map(|deadline| deadline.max(self.now))
    }

    /// Whether everything that the last input led to is done.
    pub fn is_calm(&mut self) -> bool {
        self.memory.supervisor().is_calm()
    }

    /// Checks the [invariants](crate::invariants::broken), which hold between two inputs.
    pub fn check(&mut self) -> Calm {
        let mut supervisor = self.memory.supervisor();
        let occupancy = supervisor.occupancy();
        let mut jobs = Vec::new();
        for (status, _) in supervisor.statuses(0) {
            if status.state != State::Waiting || status.goal != Goal::Stop {
                jobs.push(JobStatus::of(&status));
            }
        }
        let room = |taken: Usage, all: usize| all - taken.used - taken.reserved;
        if !self.heeds_texts
            && (room(occupancy.text, M::TEXT.0) < SPARE.0 || room(occupancy.pieces, M::TEXT.1) < SPARE.1)
        {
            self.kernel.wrong(|| "there is so little room for text that it matters how long it is".into());
        }
        let rests = occupancy.jobs.used == 0 && occupancy.events.used == 0;
        let has_deadline = supervisor.next_deadline().is_some();
        let is_calm = supervisor.is_calm();
        let view = View { jobs: &jobs, occupancy, idle: self.idle, rests, has_deadline, is_calm };
        if let Some(what) = invariants::broken(&self.kernel, &view) {
            self.kernel.wrong(|| what);
        }
        if is_calm && let Some(effect) = supervisor.poll_effect() {
            self.kernel.wrong(|| format!("{effect:?} came late"));
        }
        self.kernel.look_around(|pid| jobs.iter().any(|job| job.has(pid)));
        let (over, settled) = (self.kernel.ended, jobs.iter().all(JobStatus::is_settled));
        Calm { rests: rests || over, settled: settled || over }
    }

    /// The status of every job that is not at rest.
    pub fn status(&mut self) -> Vec<String> {
        let supervisor = self.memory.supervisor();
        let mut all = Vec::new();
        for (status, _) in supervisor.statuses(0) {
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

impl<M: Memory + Clone> World<M> {
    /// Hashes all that matters of a world. Process ids serve as names only: the order of the processes says which is
    /// older.
    pub fn fingerprint(&mut self, hasher: &mut impl Hasher) {
        let mut memory = self.memory.clone();
        let mut supervisor = memory.supervisor();
        let mut occupancy = supervisor.occupancy();
        let known = self.kernel.numbers();
        let number = |pid: Pid| {
            let place = known.iter().position(|&known| known == pid);
            match self.exact {
                true => pid,
                false => place.and_then(|place| Pid::new(place as u32 + 1)).unwrap_or(Pid::MAX),
            }
        };
        supervisor.renumber_processes(number);
        if !self.heeds_texts && !self.exact {
            supervisor.erase_texts();
            (occupancy.text, occupancy.pieces) = Default::default();
        }
        memory.hash(hasher);
        occupancy.hash(hasher);
        for child in &self.kernel.children {
            child.renumbered(number).hash(hasher);
        }
        self.kernel.clients.hash(hasher);
        (self.kernel.ended, self.kernel.hides).hash(hasher);
        (self.kernel.left, self.kernel.forks).hash(hasher);
    }
}

fn id(client: usize) -> ClientId {
    assert!(client < CLIENTS, "no such client");
    ClientId { slot: client as u32, generation: 0 }
}
