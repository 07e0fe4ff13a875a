//! The processes of the simulated kernel.

use uphold_core::{JobId, Pid, Process, Signal};

/// A process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Child {
    /// Process id.
    pub pid: Pid,
    /// The job that it, or its parent, was spawned for.
    pub job: JobId,
    /// The role in the job. A forked process has its parent's role.
    pub process: Process,
    /// The tracing state.
    pub trace: Trace,
    /// Whether it is in a ptrace stop.
    pub halted: bool,
    /// Whether another process forked it. The supervisor spawned the others.
    pub forked: bool,
    /// Whether it has forked, so that its child may be the process to watch.
    pub has_forked: bool,
    /// Whether the supervisor shows it as a process of the job.
    pub watched: bool,
    /// Whether it has exited without a report to the supervisor.
    pub vanished: bool,
    /// The parent, unless that is the supervisor or has exited.
    pub parent: Option<Pid>,
    /// The session leader. Session and process group are the same in the simulation.
    pub session: Pid,
    /// Whether it is busy computing; otherwise it is idle and waits.
    pub busy: bool,
    /// Whether it runs the program that the job's main process runs.
    pub twin: bool,
    /// Whether it is older than the last main process that was spawned for its job.
    pub earlier: bool,
    /// Whether a signal has stopped it (job control).
    pub paused: bool,
    /// Whether it was sent a signal to end it while it was stopped, which it has not taken yet.
    pub doomed: bool,
    /// Whether a pid file contains its id.
    pub named: bool,
    /// Whether it is in uninterruptible sleep, so that not even SIGKILL ends it.
    pub sleeps: bool,
}

impl Child {
    /// A process that was spawned for a job, and leads its session.
    pub fn new(pid: Pid, job: JobId, process: Process) -> Child {
        Child {
            pid,
            job,
            process,
            trace: Trace::Off,
            halted: false,
            forked: false,
            has_forked: false,
            watched: true,
            vanished: false,
            parent: None,
            session: pid,
            busy: false,
            twin: true,
            earlier: false,
            paused: false,
            doomed: false,
            named: false,
            sleeps: false,
        }
    }

    /// Takes a signal, which may be meant to end it. A process that is stopped takes none but SIGCONT and SIGKILL.
    pub(crate) fn take(&mut self, signal: Signal, ends: bool) {
        self.paused &= signal != Signal::CONT;
        self.doomed = self.paused && (self.doomed || (ends && signal != Signal::KILL));
    }

    /// The same process with its process ids mapped to others.
    pub fn renumbered(self, number: impl Fn(Pid) -> Pid) -> Child {
        Child { pid: number(self.pid), parent: self.parent.map(&number), session: number(self.session), ..self }
    }
}

/// The tracing state of a process.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Trace {
    /// Not traced.
    Off,
    /// Traced; its first exec is still to come.
    Launched,
    /// Traced; forks, execs and signals are reported.
    Followed,
    /// A traced child; its first stop is still to come.
    Newborn,
}
