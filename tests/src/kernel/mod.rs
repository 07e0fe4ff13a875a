//! The simulated kernel: processes, tracing and clients.

mod perform;

use std::collections::VecDeque;

use uphold_core::{Exit, Input, JobId, Pid, Process, ShortName, Survivor};

use crate::child::{Child, Trace};
use crate::happening::{Outcome, Outcomes};
use crate::ledger::Ledger;
use crate::released::Released;
use crate::tally::Deed;

/// More processes than any test needs. Beyond this number something makes them without end.
const MOST_PROCESSES: usize = 1000;

/// The number of process ids of one job where they are numbered by jobs.
pub(crate) const IDS_PER_JOB: u32 = 100;

/// The most clients at a time.
pub const CLIENTS: usize = 8;

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
    pub children: Vec<Child>,
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
    pub journal: Option<Vec<String>>,
    /// Whether the log has every message, also those about goals, states, new processes and signals.
    pub verbose: bool,
    /// Whether a process that the supervisor does not watch stays alive; otherwise it exits at once, unnoticed.
    pub keeps: bool,
    /// Whether the kernel cannot list processes: only those that the supervisor launched are known then.
    pub hides: bool,
    /// Whether a process that is given up, since not even SIGKILL ends it, is gone from then on.
    pub drops: bool,
    /// Whether processes that job control stops stay stopped until they are let continue.
    pub pauses: bool,
    /// Whether the supervisor follows `expect` strictly.
    pub strict: bool,
    /// Whether a client may get an answer that did not ask: the clients of a restored supervisor are not known.
    pub answers_anyone: bool,
    /// Whether the process ids of a job begin with the number in its name. So they do not depend on other jobs, and a
    /// shorter sequence of happenings names the same processes.
    pub numbered: bool,
    /// The notes for the checks of whole systems.
    pub ledger: Ledger,
    /// The number of traced forks since a main process was last spawned.
    pub forks: u8,
    /// The number of children left behind since a main process was last spawned.
    pub left: u8,
    /// The number of effects that were more than a question.
    pub orders: usize,
    /// Processes to which SIGKILL was sent.
    pub killed: Vec<Pid>,
    /// The events of jobs that finished events released, which are to be handled in order.
    pub(crate) released: Released,
    /// The lowest process id of the job whose process is being spawned.
    pub(crate) lowest: u32,
    /// The process id that the latest process has taken over.
    pub(crate) reused: Option<Pid>,
    /// Inputs that are due before all others.
    pub(crate) ready: VecDeque<Input<'static>>,
}

impl Kernel {
    /// The process with an id.
    pub fn child(&mut self, pid: Pid) -> Option<&mut Child> {
        self.children.iter_mut().find(|child| child.pid == pid)
    }

    /// All process ids in use, in an order that does not depend on their values.
    pub fn numbers(&self) -> Vec<Pid> {
        let mut numbers = Vec::new();
        for number in self.children.iter().flat_map(|child| [child.pid, child.session]) {
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        }
        numbers
    }

    /// Removes a process. Its children become the supervisor's.
    pub fn forget(&mut self, pid: Pid) {
        self.children.retain(|child| child.pid != pid);
        self.children.iter_mut().filter(|child| child.parent == Some(pid)).for_each(|child| child.parent = None);
        self.killed.retain(|&killed| killed != pid);
        self.ledger.duties.gone(pid);
    }

    /// Marks the processes that the supervisor shows as watched, and removes those that belong to no job.
    pub(crate) fn look_around(&mut self, is_somebodys: impl Fn(Pid) -> bool) {
        let keeps = self.keeps;
        self.children.retain(|child| {
            let strange = child.trace == Trace::Off && !is_somebodys(child.pid);
            !strange || child.sleeps || (keeps && child.process == Process::Main && !child.vanished)
        });
        let live: Vec<Pid> = self.children.iter().map(|child| child.pid).collect();
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
                let child = *child;
                self.left = self.left.saturating_add(1);
                self.owe(&child);
            }
            None => self.wrong(|| "too many processes".into()),
        }
    }

    /// Notes the duty to a process that was forked without the supervisor's knowledge.
    fn owe(&mut self, child: &Child) {
        let hopeless = self.hides || !self.ledger.keeps;
        let declared = self.ledger.facts_of(child.job).map(|facts| facts.declared).filter(|_| !hopeless);
        if declared.is_some_and(|declared| self.ledger.duties.forked(child, declared)) {
            self.ledger.tally.note(Deed::ForkedLate);
        }
    }

    /// A process ends. If it was a daemon, notes whether it has left a successor.
    pub fn end(&mut self, pid: Pid, exit: Exit) {
        let facts = |child: &Child| self.ledger.facts_of(child.job).map(|facts| facts.declared);
        let hopeless = self.hides || self.strict || !self.ledger.keeps;
        let main = self.children.iter().find(|child| child.pid == pid && child.process == Process::Main).copied();
        if let Some((main, declared)) = main.filter(|_| !hopeless).and_then(|main| Some((main, facts(&main)?)))
            && self.ledger.duties.ends(&main, exit, &self.children, declared)
        {
            self.ledger.tally.note(Deed::Succeeded);
        }
        self.forget(pid);
    }

    /// A job's live processes, the oldest first, without those that its hooks made. While the kernel hides processes,
    /// only the launched one is known.
    pub fn survey(&self, job: JobId) -> Vec<Survivor> {
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

    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
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
        let lowest = match parent {
            Some(parent) if self.numbered => parent.pid.get() / IDS_PER_JOB * IDS_PER_JOB + 1,
            Some(parent) if self.journal.is_some() => parent.pid.get() + 1,
            Some(_) => 1,
            None => self.lowest + 1,
        };
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
        if self.children.len() == MOST_PROCESSES {
            return None;
        }
        self.ledger.traced.retain(|&other| other != pid);
        self.ledger.duties.gone(pid);
        self.children.push(child);
        Some(pid)
    }
}
