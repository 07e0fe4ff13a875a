//! The processes of the pretend kernel.

use uphold_core::{JobId, Pid, Process};

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
    /// Who made it, if not the supervisor, and has not ended.
    pub parent: Option<Pid>,
    /// Who leads its session, which here is its process group too.
    pub session: Pid,
    /// Whether it computes, rather than wait for something to happen.
    pub busy: bool,
    /// Whether a pid file names it.
    pub named: bool,
    /// Whether it sleeps where not even SIGKILL ends it.
    pub sleeps: bool,
}

impl Child {
    /// The same one, if all had other numbers.
    pub fn renumbered(self, number: impl Fn(Pid) -> Pid) -> Child {
        Child { pid: number(self.pid), parent: self.parent.map(&number), session: number(self.session), ..self }
    }
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
