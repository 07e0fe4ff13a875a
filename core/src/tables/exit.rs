//! The exit table: which process ended, in which state, and what follows.

use crate::process::{Exit, Process};
use crate::signal::Signal;
use crate::state::State;

/// What the end of a process means for its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// Nothing: how it ended does not matter.
    Ignored,
    /// Unless it ended with status 0, the job has failed and its goal is stop.
    MustSucceed,
    /// While the goal is start: see [`judge`].
    Judged,
}

/// One row: a process that ends in a state.
#[derive(Clone, Copy, Debug)]
pub struct ExitRow {
    /// Which process.
    pub process: Process,
    /// In which state.
    pub state: State,
    /// What its end means.
    pub consequence: Consequence,
    /// Whether the job goes on from that state now.
    pub goes_on: bool,
}

/// init(5) "Services, tasks and respawning" and `normal exit`; what a hook's end means was measured on Upstart 1.13.2. A pair
/// that is not in the table cannot happen; its end would be ignored.
#[rustfmt::skip]
pub static EXITS: [ExitRow; 13] = {
    use Consequence::*;
    const fn row(process: Process, state: State, consequence: Consequence, goes_on: bool) -> ExitRow {
        ExitRow { process, state, consequence, goes_on }
    }
    [
        //  process             in state             means        goes on
        row(Process::PreStart,  State::PreStart,     MustSucceed, true),
        row(Process::Main,      State::Spawning,     Judged,      false), // its answer to the spawn is still to come
        row(Process::Main,      State::Spawned,      Judged,      true),
        row(Process::Main,      State::PostStarting, Judged,      false),
        row(Process::Main,      State::PostStart,    Judged,      false),
        row(Process::PostStart, State::PostStart,    Ignored,     true),
        row(Process::Main,      State::Running,      Judged,      true),
        row(Process::Main,      State::PreStopping,  Judged,      false),
        row(Process::Main,      State::PreStop,      Judged,      false),
        row(Process::PreStop,   State::PreStop,      Ignored,     true),
        row(Process::Main,      State::Stopping,     Ignored,     false),
        row(Process::Main,      State::Killed,       Ignored,     true),
        row(Process::PostStop,  State::PostStop,     MustSucceed, true),
    ]
};

/// The row of a process that ends in a state.
pub fn row(process: Process, state: State) -> Option<&'static ExitRow> {
    EXITS.iter().find(|row| row.process == process && row.state == state)
}

/// A process that cannot be set up.
#[derive(Clone, Copy, Debug)]
pub struct SpawnFailureRow {
    /// The process.
    pub process: Process,
    /// What that means: [`MustSucceed`](Consequence::MustSucceed) fails the job.
    pub consequence: Consequence,
}

/// What it means for its job that a process cannot be set up (measured on Upstart 1.13.2).
#[rustfmt::skip]
pub static SPAWN_FAILURES: [SpawnFailureRow; Process::COUNT] = {
    use Consequence::*;
    const fn row(process: Process, consequence: Consequence) -> SpawnFailureRow {
        SpawnFailureRow { process, consequence }
    }
    [
        //  process             means
        row(Process::Main,      MustSucceed),
        row(Process::PreStart,  MustSucceed),
        row(Process::PostStart, Ignored),
        row(Process::PreStop,   Ignored),
        row(Process::PostStop,  MustSucceed),
    ]
};

/// Whether a process that cannot be set up fails its job.
pub fn spawn_failure_fails(process: Process) -> bool {
    SPAWN_FAILURES.iter().any(|row| row.process == process && row.consequence == Consequence::MustSucceed)
}

/// What a main process's end leads to while the goal is start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// It has done its work: goal stop.
    Done,
    /// It is to run again.
    Respawn,
    /// The job has failed: goal stop.
    Failed,
}

/// Judges a main process's end (init(5): `respawn`, `normal exit`, `task`).
pub fn judge(exit: Exit, respawn: bool, task: bool, normal: bool) -> Judgement {
    let success = exit == Exit::Status(0);
    match () {
        () if success && (task || !respawn) => Judgement::Done,
        () if normal => Judgement::Done,
        () if respawn => Judgement::Respawn,
        () => Judgement::Failed,
    }
}

impl Exit {
    /// Whether `normal exit` lists it, whose entries are statuses and signals times 256.
    pub fn is_listed(self, mut normal_exits: impl Iterator<Item = i32>) -> bool {
        let code = match self {
            Exit::Status(status) => i32::from(status),
            Exit::Signal(signal) => i32::from(signal) << 8,
            Exit::Unknown => return false,
        };
        normal_exits.any(|listed| listed == code)
    }

    /// Whether `normal exit` lists the plain number, as recorded (normal-exit-log-priority). This only lowers the priority of
    /// the message, whatever process it is of; for a signal it has nothing to do with whether the signal is listed, and one
    /// without a name is never quiet.
    pub fn is_mentioned(self, mut normal_exits: impl Iterator<Item = i32>) -> bool {
        match self {
            Exit::Signal(number) if Signal(number).name().is_none() => false,
            Exit::Status(number) | Exit::Signal(number) => normal_exits.any(|listed| listed == i32::from(number)),
            Exit::Unknown => false,
        }
    }
}
