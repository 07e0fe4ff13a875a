//! The pretend kernel: processes, tracing, clients; and what it does when it is ordered to.

use std::fmt::Write;

use heapless::{Deque, Vec};
use uphold_core::effect::{Answer, Effect, Scope};
use uphold_core::input::Input;
use uphold_core::notice::Notice;
use uphold_core::process::{Pid, Process, SpawnError, Stage};
use uphold_core::storage::{ClientId, JobId};
use uphold_core::supervisor::Supervisor;

use crate::happening::{Outcome, Outcomes, letter};

/// Processes that can live at one time.
const PROCESSES: usize = 12;

/// Clients that can be connected.
pub const CLIENTS: usize = 4;

/// A process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Child {
    /// Its number.
    pub pid: Pid,
    /// For which job it, or its parent, was made.
    pub job: JobId,
    /// As which of the job's processes.
    pub process: Process,
    /// What tracing reports of it.
    pub trace: Trace,
    /// Whether it stands still until it is told to go on.
    pub halted: bool,
    /// Whether it was forked by another, not spawned by the supervisor.
    pub forked: bool,
    /// Whether it has forked, so that its child may be the one to watch.
    pub has_forked: bool,
    /// Whether the supervisor takes it for the job's.
    pub watched: bool,
    /// Whether it is gone without the supervisor's having been told.
    pub vanished: bool,
}

/// What tracing reports of a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trace {
    /// Nothing.
    Off,
    /// Its first program is to come.
    Launched,
    /// Forks, programs and signals.
    Followed,
    /// It is a child whose first stop is to come.
    Newborn,
}

/// What a client is doing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Client {
    /// Nothing.
    #[default]
    Idle,
    /// It has asked, and is to be answered before the next input.
    Asked,
    /// It has asked to be answered when it is done.
    Waits,
}

/// Everything outside the supervisor.
#[derive(Clone, Default)]
pub struct Kernel {
    /// What lives.
    pub children: Vec<Child, PROCESSES>,
    /// Who is connected.
    pub clients: [Client; CLIENTS],
    /// How the next spawns go.
    pub outcomes: Outcomes,
    /// How many spawns have been asked for since the outcomes were told.
    pub spawns: usize,
    /// Whether the supervisor has said that it is over.
    pub ended: bool,
    /// What went wrong first.
    pub fault: Option<String>,
    /// What was done, if anybody wants to know.
    pub journal: Option<std::vec::Vec<String>>,
    /// Known facts that come before all others.
    pub(crate) ready: Deque<Input<'static>, 16>,
}

impl Kernel {
    /// The process of that number.
    pub fn child(&mut self, pid: Pid) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.pid == pid)
    }

    /// A process is no more.
    pub fn forget(&mut self, pid: Pid) {
        self.children.retain(|child| child.pid != pid);
    }

    /// Notes that something is wrong; the first time counts.
    pub fn wrong(&mut self, what: impl FnOnce() -> String) {
        self.fault.get_or_insert_with(what);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(journal) = &mut self.journal {
            journal.push(line());
        }
    }

    /// A new process with the lowest free number.
    pub fn make(&mut self, job: JobId, process: Process, trace: Trace, forked: bool) -> Option<Pid> {
        let taken = |number: u32| self.children.iter().any(|child| child.pid.get() == number);
        let pid = (1..).find(|&number| !taken(number)).and_then(Pid::new)?;
        let (halted, has_forked, vanished) = (false, false, false);
        let child = Child { pid, job, process, trace, halted, forked, has_forked, watched: !forked, vanished };
        self.children.push(child).ok()?;
        self.children.sort_unstable_by_key(|child| child.pid);
        Some(pid)
    }

    /// Does what the supervisor orders.
    pub fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> Option<Input<'static>> {
        match effect {
            Effect::Spawn { job, process, trace } => return self.spawn(supervisor, job, process, trace),
            Effect::Signal { pid, signal, scope } => {
                self.note(|| match scope {
                    Scope::Group => format!("{signal} to group {pid}"),
                    Scope::Process => format!("{signal} to {pid}"),
                });
                return self.signal(pid);
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
            Effect::Watch { .. }
            | Effect::Release { .. }
            | Effect::Sweep { .. }
            | Effect::Report { .. }
            | Effect::Rested { .. } => {}
            Effect::Survey { job } => return Some(Input::Survivors { job, survivors: &[] }),
            Effect::Reply { client, answer } => self.answer(supervisor, client, answer),
            Effect::Say(notice) => self.hear(supervisor, notice),
            Effect::Retired(_) => {}
            Effect::Ended => {
                if std::mem::replace(&mut self.ended, true) {
                    self.wrong(|| "the end is said twice".into());
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
        let outcome = self.outcomes.get(place).copied().unwrap_or(Outcome::Works);
        if supervisor.class_of(job).is_none() {
            self.wrong(|| format!("a {process} process for a job that is no more"));
        }
        let is_its = |child: &Child| child.job == job && child.process == process && child.watched;
        if self.children.iter().any(|child| is_its(child) && !child.vanished) {
            self.wrong(|| format!("a second {process} process"));
        }
        let error = SpawnError { stage: if outcome == Outcome::Fails { Stage::Fork } else { Stage::Execute }, code: 2 };
        if outcome == Outcome::Fails {
            return Some(Input::SpawnFailed { job, process, pid: None, error });
        }
        let Some(pid) = self.make(job, process, if trace { Trace::Launched } else { Trace::Off }, false) else {
            self.wrong(|| "too many processes".into());
            return Some(Input::SpawnFailed { job, process, pid: None, error });
        };
        let name = |id| String::from_utf8_lossy(supervisor.class_name(id)).into_owned();
        self.note(|| {
            let job = supervisor.class_of(job).map(name).unwrap_or_default();
            format!("spawn {job} {process}: {pid}{}", if trace { ", traced" } else { "" })
        });
        let next = match outcome {
            Outcome::NoProgram => Some(Input::SpawnFailed { job, process, pid: Some(pid), error }),
            _ if trace => None,
            _ => Some(Input::Executed { pid }),
        };
        if next.is_some_and(|next| self.ready.push_back(next).is_err()) {
            self.wrong(|| "too many spawns in one go".into());
        }
        Some(Input::Spawned { job, process, pid })
    }

    fn signal(&mut self, pid: Pid) -> Option<Input<'static>> {
        match self.child(pid) {
            Some(child) if !child.vanished => None,
            _ => {
                self.forget(pid);
                Some(Input::Gone { pid })
            }
        }
    }

    fn go_on(&mut self, pid: Pid, trace: Option<Trace>, order: &str) {
        self.note(|| format!("{order} {pid}"));
        let Some(child) = self.child(pid) else { return };
        let halted = std::mem::replace(&mut child.halted, false);
        child.trace = trace.unwrap_or(child.trace);
        // It was let go because its child is to be watched.
        child.watched &= !(child.trace == Trace::Off && child.has_forked);
        if !halted {
            self.wrong(|| format!("an order to {order} {pid}, which runs"));
        }
    }

    fn answer(&mut self, supervisor: &Supervisor<'_>, client: ClientId, answer: Answer) {
        let slot = client.slot as usize;
        let before = self.clients.get_mut(slot).map(std::mem::take);
        if !matches!(before, Some(Client::Asked | Client::Waits)) {
            self.wrong(|| format!("an answer to {}, who does not wait for one", letter(slot)));
        }
        if let Answer::Job(_, class) = answer
            && supervisor.class_name(class).is_empty()
        {
            self.wrong(|| "an answer about a job that is no more".into());
        }
        self.note(|| format!("{}: {}", letter(slot), words(&supervisor.reply(answer))));
    }

    fn hear(&mut self, supervisor: &Supervisor<'_>, notice: Notice) {
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
            let (_, words) = supervisor.say(notice, |_| "No such file or directory");
            self.note(|| words.to_string());
        }
    }
}

/// A reply as `initctl` prints it.
fn words(reply: &uphold_core::control::Reply<'_>) -> String {
    use uphold_core::control::Reply;
    let mut text = String::new();
    let written = match reply {
        Reply::Job(status) => write!(text, "{status}"),
        Reply::Error(refusal) => write!(text, "{refusal}"),
        _ => write!(text, "done"),
    };
    written.map_or_else(|_| String::new(), |()| text.replace("\n\t", "; "))
}
