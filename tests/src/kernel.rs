//! The simulated kernel: processes, tracing and clients, and how each effect is performed.

use heapless::{Deque, Vec};
use uphold_core::{
    Answer, ClientId, Effect, Input, JobId, Notice, Pid, Process, Scope, ShortName, Signal, SpawnError, SpawnStage,
    State, Supervisor, Survivor,
};

use crate::child::{Child, Trace};
use crate::happening::{Outcome, Outcomes, letter};
use crate::names::{is_somebodys, name_of, words};
use crate::released::Released;

/// The most processes at a time.
const PROCESSES: usize = 12;

/// The most clients at a time.
pub const CLIENTS: usize = 4;

/// The state of a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Client {
    /// It is not waiting for a reply.
    #[default]
    Idle,
    /// It has sent a request, which gets its reply before the next input.
    Asked,
    /// It has sent a request, which gets its reply when it is done.
    Waits,
}

/// Everything outside the supervisor.
#[derive(Clone, Default)]
pub struct Kernel {
    /// The live processes, the oldest first.
    pub children: Vec<Child, PROCESSES>,
    /// The clients.
    pub clients: [Client; CLIENTS],
    /// The outcomes of the next spawns.
    pub outcomes: Outcomes,
    /// The outcome of all spawns that `outcomes` does not name.
    pub always: Option<Outcome>,
    /// Whether the search lets spawns fail for want of a resource.
    pub lacks: bool,
    /// The number of spawns since `outcomes` was set.
    pub spawns: usize,
    /// Whether the supervisor has ordered the end.
    pub ended: bool,
    /// The first fault.
    pub fault: Option<String>,
    /// A log of all effects, if one is kept.
    pub journal: Option<std::vec::Vec<String>>,
    /// Whether a process that the supervisor does not watch stays alive; otherwise it exits at once, unnoticed.
    pub keeps: bool,
    /// Whether the kernel cannot list processes: only those that the supervisor launched are known then.
    pub hides: bool,
    /// Whether processes that job control stops stay stopped until they are let continue.
    pub pauses: bool,
    /// Whether the supervisor follows `expect` strictly.
    pub strict: bool,
    /// Whether a client may get an answer that did not ask: the clients of a restored supervisor are not known.
    pub answers_anyone: bool,
    /// The number of traced forks since a main process was last spawned.
    pub forks: u8,
    /// The number of children left behind since a main process was last spawned.
    pub left: u8,
    /// The number of effects that were more than a question.
    pub orders: usize,
    /// Processes to which SIGKILL was sent.
    pub killed: Vec<Pid, PROCESSES>,
    /// Jobs that have come to rest.
    pub rested: std::vec::Vec<String>,
    /// The events of jobs that finished events released, which are to be handled in order.
    pub(crate) released: Released,
    /// The process id that the latest process has taken over.
    pub(crate) reused: Option<Pid>,
    /// Inputs that are due before all others.
    pub(crate) ready: Deque<Input<'static>, 16>,
}

impl Kernel {
    /// The process with an id.
    pub fn child(&mut self, pid: Pid) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.pid == pid)
    }

    /// All process ids in use, in an order that does not depend on their values.
    pub fn numbers(&self) -> Vec<Pid, { 2 * PROCESSES }> {
        let mut numbers = Vec::new();
        for number in self.children.iter().flat_map(|child| [child.pid, child.session]) {
            if !numbers.contains(&number) {
                numbers.extend([number]);
            }
        }
        numbers
    }

    /// Removes a process. Its children become the supervisor's.
    pub fn forget(&mut self, pid: Pid) {
        self.children.retain(|child| child.pid != pid);
        self.children.iter_mut().filter(|child| child.parent == Some(pid)).for_each(|child| child.parent = None);
        self.killed.retain(|&killed| killed != pid);
    }

    /// Marks the processes that the supervisor shows as watched, and removes those that belong to no job.
    pub(crate) fn look_around(&mut self, is_somebodys: impl Fn(Pid) -> bool) {
        let keeps = self.keeps;
        self.children.retain(|child| {
            let strange = child.trace == Trace::Off && !is_somebodys(child.pid);
            !strange || child.sleeps || (keeps && child.process == Process::Main && !child.vanished)
        });
        let live: std::vec::Vec<Pid> = self.children.iter().map(|child| child.pid).collect();
        for child in &mut self.children {
            child.watched = is_somebodys(child.pid);
            child.parent = child.parent.filter(|parent| live.contains(parent));
        }
    }

    /// A process leaves a child behind, and the supervisor does not see it.
    pub fn leave(&mut self, parent: Pid, twin: bool) {
        let Some(of) = self.child(parent).copied() else { return };
        let made = self.make(of.job, of.process, Trace::Off, Some(&of));
        match made.and_then(|pid| self.child(pid)) {
            Some(child) => {
                child.twin = twin;
                self.left = self.left.saturating_add(1);
            }
            None => self.wrong(|| "too many processes".into()),
        }
    }

    /// A job's live processes, the oldest first, without those that its hooks made. While the kernel hides processes,
    /// only the launched one is known.
    pub fn survey(&self, job: JobId) -> Vec<Survivor, PROCESSES> {
        let is_its = |child: &&Child| child.job == job && child.process == Process::Main && !child.vanished;
        let is_known = |child: &&Child| !self.hides || !child.forked;
        let survivor = |child: &Child| Survivor {
            pid: child.pid,
            name: ShortName::new(b"daemon"),
            session: Some(child.session),
            child: child.parent.is_none(),
            named: child.named,
            same_program: child.twin,
            earlier: child.earlier,
            idle: !child.busy,
        };
        self.children.iter().filter(is_its).filter(is_known).map(survivor).collect()
    }

    /// Notes a fault. Only the first fault is kept.
    pub fn wrong(&mut self, what: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(what);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(journal) = &mut self.journal {
            journal.push(line());
        }
    }

    /// Makes a process with the lowest free id, above the parent's id if another process forked it.
    pub fn make(&mut self, job: JobId, process: Process, trace: Trace, parent: Option<&Child>) -> Option<Pid> {
        // The id of a session is not reused while the session has members.
        let taken =
            |number: u32| self.children.iter().any(|child| child.pid.get() == number || child.session.get() == number);
        // Growing ids are easier to read in a log, but there is no bound on them.
        let lowest = parent.filter(|_| self.journal.is_some()).map_or(1, |parent| parent.pid.get() + 1);
        let pid = self.reused.or_else(|| (lowest..).find(|&number| !taken(number)).and_then(Pid::new))?;
        let child = Child {
            trace,
            forked: parent.is_some(),
            watched: parent.is_none(),
            parent: parent.map(|parent| parent.pid),
            session: parent.map_or(pid, |parent| parent.session),
            twin: parent.is_none_or(|parent| parent.twin),
            ..Child::new(pid, job, process)
        };
        self.children.push(child).ok()?;
        Some(pid)
    }

    /// Performs an effect.
    pub fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> Option<Input<'static>> {
        self.orders += usize::from(!matches!(effect, Effect::Survey { .. }));
        if !matches!(effect, Effect::Log(_)) {
            self.released.pauses();
        }
        match effect {
            Effect::Spawn { job, process, launch } => return self.spawn(supervisor, job, process, launch.trace),
            Effect::Signal { pid, signal, scope } => {
                self.note(|| match scope {
                    Scope::Group => format!("{signal} to group {pid}"),
                    Scope::Process => format!("{signal} to {pid}"),
                });
                return self.signal(supervisor, pid, signal, scope);
            }
            Effect::Follow { pid } => self.go_on(pid, Some(Trace::Followed), "follow"),
            Effect::Resume { pid, signal } => {
                let order = signal.map_or("resume".to_owned(), |signal| format!("resume with {signal}"));
                self.go_on(pid, None, &order);
            }
            Effect::Detach { pid, signal } => {
                let order = signal.map_or("detach".to_owned(), |signal| format!("detach with {signal}"));
                self.go_on(pid, Some(Trace::Off), &order);
            }
            Effect::Watch { pid, instead_of } => return self.watch(pid, instead_of),
            Effect::Release { pid } => self.release(pid),
            Effect::Sweep { job, signal } => self.sweep(supervisor, job, signal),
            Effect::Wake { job, pid, all } => self.wake(job, pid, all),
            Effect::Report { job } if self.survey(job).is_empty() => {}
            Effect::Report { job } => self.note(|| {
                let job = name_of(supervisor, job);
                format!("report who is left of {job}")
            }),
            Effect::Rested { job } => self.let_go(job),
            // The world gives the answer: it is too long to be kept here.
            Effect::Survey { .. } => {}
            Effect::Reply { client, answer } => self.answer(supervisor, client, answer),
            Effect::Log(notice) => self.hear(supervisor, notice),
            Effect::Retired(_) => {}
            Effect::Ended => {
                if std::mem::replace(&mut self.ended, true) {
                    self.wrong(|| "the end is reported twice".into());
                }
                self.note(|| "ended".into());
            }
        }
        None
    }

    fn spawn(
        &mut self,
        supervisor: &Supervisor<'_>,
        job: JobId,
        process: Process,
        trace: bool,
    ) -> Option<Input<'static>> {
        let place = self.spawns;
        self.spawns += 1;
        let outcome = self.outcomes.get(place).copied().or(self.always).unwrap_or(Outcome::Works);
        if supervisor.class_of(job).is_none() {
            self.wrong(|| format!("a {process} process for a job that is no more"));
        }
        let is_its = |child: &Child| child.job == job && child.process == process && child.watched;
        if process == Process::Main {
            (self.left, self.forks) = (0, 0);
            self.children.iter_mut().filter(|child| child.job == job).for_each(|child| child.earlier = true);
        }
        if self.children.iter().any(|child| is_its(child) && !child.vanished && !child.sleeps) {
            self.wrong(|| format!("a second {process} process"));
        }
        let refused = trace && outcome == Outcome::Untraced;
        let unmade = matches!(outcome, Outcome::Fails | Outcome::Delayed);
        let stage = match outcome {
            _ if unmade => SpawnStage::Fork,
            _ if refused => SpawnStage::Trace,
            _ => SpawnStage::Execute,
        };
        let error = SpawnError { stage, code: 2 };
        let passing = matches!(outcome, Outcome::Delayed | Outcome::LacksMemory);
        if unmade {
            return Some(Input::SpawnFailed { job, process, pid: None, error, passing });
        }
        // The id of a session is not reused while the session has members.
        let is_alone = |pid| !self.children.iter().any(|child| child.pid != pid && child.session == pid);
        let former = self.children.iter().find(|child| child.vanished && is_alone(child.pid));
        self.reused = former.filter(|_| outcome == Outcome::Reuses).map(|former| former.pid);
        self.reused.into_iter().for_each(|pid| self.forget(pid));
        let Some(pid) = self.make(job, process, if trace { Trace::Launched } else { Trace::Off }, None) else {
            self.wrong(|| "too many processes".into());
            return Some(Input::SpawnFailed { job, process, pid: None, error, passing });
        };
        self.note(|| {
            let job = name_of(supervisor, job);
            format!("spawn {job} {process}: {pid}{}", if trace { ", traced" } else { "" })
        });
        let next = match outcome {
            _ if refused => Some(Input::SpawnFailed { job, process, pid: Some(pid), error, passing }),
            Outcome::NoProgram | Outcome::LacksMemory => {
                Some(Input::SpawnFailed { job, process, pid: Some(pid), error, passing })
            }
            _ if trace => None,
            _ => Some(Input::Executed { pid }),
        };
        if next.is_some_and(|next| self.ready.push_back(next).is_err()) {
            self.wrong(|| "too many spawns in one go".into());
        }
        Some(Input::Spawned { job, process, pid })
    }

    fn signal(
        &mut self,
        supervisor: &Supervisor<'_>,
        pid: Pid,
        signal: Signal,
        scope: Scope,
    ) -> Option<Input<'static>> {
        if !is_somebodys(supervisor, pid) {
            self.wrong(|| format!("{signal} to {pid}, a stranger"));
        }
        let group = |child: &Child| scope == Scope::Group && child.session == pid;
        self.note_killed(signal, |child| child.pid == pid || group(child));
        self.children.iter_mut().filter(|child| child.pid == pid || group(child)).for_each(|child| child.take(signal));
        match self.child(pid) {
            Some(child) if !child.vanished => (signal == Signal::CONT).then_some(Input::Continued { pid }),
            _ => {
                self.forget(pid);
                Some(Input::Gone { pid })
            }
        }
    }

    fn sweep(&mut self, supervisor: &Supervisor<'_>, job: JobId, signal: Signal) {
        self.note(|| format!("{signal} to all of {}", name_of(supervisor, job)));
        if supervisor.class_of(job).is_none() {
            self.wrong(|| format!("{signal} to all of a job that is no more"));
        }
        self.note_killed(signal, |child| child.job == job && child.process == Process::Main);
        let own = |child: &&mut Child| child.job == job && child.process == Process::Main;
        self.children.iter_mut().filter(own).for_each(|child| child.take(signal));
    }

    /// Lets stopped processes continue.
    fn wake(&mut self, job: JobId, pid: Pid, all: bool) {
        let own = |child: &Child| child.job == job && child.process == Process::Main;
        let is_meant = |child: &Child| if all { own(child) } else { child.pid == pid || child.session == pid };
        let stopped: Vec<Pid, PROCESSES> =
            self.children.iter().filter(|child| child.paused && is_meant(child)).map(|child| child.pid).collect();
        for pid in stopped {
            self.child(pid).into_iter().for_each(|child| child.take(Signal::CONT));
            self.note(|| format!("wake {pid}"));
            if self.ready.push_back(Input::Continued { pid }).is_err() {
                self.wrong(|| "too many facts at one time".into());
            }
        }
    }

    fn note_killed(&mut self, signal: Signal, is_meant: impl Fn(&Child) -> bool) {
        if signal != Signal::KILL {
            return;
        }
        for child in self.children.iter().filter(|child| is_meant(child) && !child.vanished) {
            if !self.killed.contains(&child.pid) && self.killed.push(child.pid).is_err() {
                break;
            }
        }
    }

    /// Another process takes the place of a watched one.
    fn watch(&mut self, pid: Pid, instead_of: Pid) -> Option<Input<'static>> {
        self.note(|| format!("watch {pid}"));
        if let Some(old) = self.child(instead_of).filter(|old| old.pid != pid) {
            (old.watched, old.has_forked) = (false, true);
        }
        match self.child(pid).filter(|child| !child.vanished) {
            Some(child) => {
                child.watched = true;
                None
            }
            None => {
                self.forget(pid);
                // The process is reported as gone once, not twice.
                for _ in 0..self.ready.len() {
                    let fact = self.ready.pop_front().filter(|fact| *fact != Input::Gone { pid });
                    let _room = fact.map(|fact| self.ready.push_back(fact));
                }
                Some(Input::Gone { pid })
            }
        }
    }

    fn release(&mut self, pid: Pid) {
        self.note(|| format!("release {pid}"));
        match self.child(pid) {
            Some(child) if child.trace != Trace::Off && !child.halted => child.trace = Trace::Off,
            _ => self.wrong(|| format!("an order to release {pid}, which is not traced or does not run")),
        }
    }

    /// A job came to rest: the processes that it left belong to no job.
    fn let_go(&mut self, job: JobId) {
        let is_lost =
            |child: &&Child| child.job == job && !child.forked && !child.has_forked && !child.vanished && !child.sleeps;
        if let Some(lost) = self.children.iter().find(is_lost).copied() {
            self.wrong(|| format!("{} {} was lost when its job came to rest", lost.process, lost.pid));
        }
        self.children.retain(|child| child.job != job || child.trace != Trace::Off);
    }

    fn go_on(&mut self, pid: Pid, trace: Option<Trace>, order: &str) {
        self.note(|| format!("{order} {pid}"));
        let Some(child) = self.child(pid) else { return };
        let halted = std::mem::replace(&mut child.halted, false);
        child.trace = trace.unwrap_or(child.trace);
        // The process was detached because its child is to be watched.
        child.watched &= !(child.trace == Trace::Off && child.has_forked);
        if !halted {
            self.wrong(|| format!("an order to {order} {pid}, which runs"));
        }
    }

    fn answer(&mut self, supervisor: &Supervisor<'_>, client: ClientId, answer: Answer) {
        let slot = client.slot as usize;
        let before = self.clients.get_mut(slot).map(std::mem::take);
        if !self.answers_anyone && !matches!(before, Some(Client::Asked | Client::Waits)) {
            self.wrong(|| format!("an answer to {}, which does not wait for one", letter(slot)));
        }
        if let Answer::Job(_, class) = answer
            && supervisor.class_name(class).is_empty()
        {
            self.wrong(|| "an answer about a job that is no more".into());
        }
        self.note(|| format!("{}: {}", letter(slot), words(&supervisor.reply(answer))));
    }

    fn hear(&mut self, supervisor: &Supervisor<'_>, notice: Notice) {
        if let Notice::StateChanged { job, to: State::Waiting, .. } = notice {
            self.rested.push(name_of(supervisor, job));
        }
        if let Some(fault) = self.released.hear(supervisor, notice) {
            self.wrong(|| fault);
        }
        if self.journal.is_none() {
            return;
        }
        let quiet = matches!(
            notice,
            Notice::GoalChanged { .. }
                | Notice::StateChanged { .. }
                | Notice::ProcessStarted { .. }
                | Notice::Signalling { .. }
        );
        if !quiet {
            let (_, words) = supervisor.message(notice, |_| "No such file or directory");
            self.note(|| words.to_string());
        }
    }
}
