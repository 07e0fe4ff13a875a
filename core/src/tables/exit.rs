//! The exit table: what the exit of a process means in each state.

use crate::process::{Exit, Process};
use crate::signal::Signal;
use crate::state::{Goal, State};

/// The meaning of a process's exit for its job.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Consequence {
    /// None: how it exited does not matter.
    Ignored,
    /// Unless the status is 0, the job has failed and its goal is stop.
    MustSucceed,
    /// While the goal is start, [`judge`] decides.
    Judged,
}

/// A process that exits in a state.
#[derive(Clone, Copy, Debug)]
pub struct ExitRow {
    /// The process.
    pub process: Process,
    /// The state.
    pub state: State,
    /// The meaning of the exit.
    pub consequence: Consequence,
    /// Whether the job moves on from that state.
    pub goes_on: bool,
}

/// init(5) "Services, tasks and respawning" and `normal exit`; the meaning of a hook's exit was measured on Upstart
/// 1.13.2. A pair that is not in the table cannot occur; its exit would be ignored.
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

/// The row of a process that exits in a state.
pub fn row(process: Process, state: State) -> Option<&'static ExitRow> {
    EXITS.iter().find(|row| row.process == process && row.state == state)
}

/// A process that cannot be set up.
#[derive(Clone, Copy, Debug)]
pub struct SpawnFailureRow {
    /// The process.
    pub process: Process,
    /// The meaning: [`MustSucceed`](Consequence::MustSucceed) fails the job.
    pub consequence: Consequence,
    /// The goal with which the process is spawned again if the reason may pass; `None` is any goal.
    pub again: Option<Goal>,
}

/// The meaning for the job when a process cannot be set up (measured on Upstart 1.13.2).
#[rustfmt::skip]
pub static SPAWN_FAILURES: [SpawnFailureRow; Process::COUNT] = {
    use Consequence::*;
    const fn row(process: Process, consequence: Consequence, again: Option<Goal>) -> SpawnFailureRow {
        SpawnFailureRow { process, consequence, again }
    }
    [
        //  process             means        tried again with goal
        row(Process::Main,      MustSucceed, Some(Goal::Start)),
        row(Process::PreStart,  MustSucceed, Some(Goal::Start)),
        row(Process::PostStart, Ignored,     Some(Goal::Start)),
        row(Process::PreStop,   Ignored,     Some(Goal::Stop)),
        row(Process::PostStop,  MustSucceed, None),
    ]
};

/// Whether a process that cannot be set up fails its job.
pub fn spawn_failure_fails(process: Process) -> bool {
    SPAWN_FAILURES.iter().any(|row| row.process == process && row.consequence == Consequence::MustSucceed)
}

/// Whether a process is spawned again if it could not be set up for want of a resource.
pub fn is_spawned_again(process: Process, goal: Goal) -> bool {
    let fits = |row: &SpawnFailureRow| row.process == process && row.again.is_none_or(|again| again == goal);
    SPAWN_FAILURES.iter().any(fits)
}

/// The result of a main process's exit while the goal is start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// The work is done: goal stop.
    Done,
    /// The process is run again.
    Respawn,
    /// The job has failed: goal stop.
    Failed,
}

/// Judges the exit of a main process (init(5): `respawn`, `normal exit`, `task`).
pub fn judge(exit: Exit, respawn: bool, task: bool, normal: bool) -> Judgement {
    let success = exit == Exit::Status(0);
    match () {
        () if success && (task || !respawn) => Judgement::Done,
        () if normal => Judgement::Done,
        () if respawn => Judgement::Respawn,
        () => Judgement::Failed,
    }
}

/// The claim of a process to the place of a main process that has exited.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// The file of the `pid file` stanza names it.
    Named,
    /// It is the process that was launched.
    Launched,
    /// It forked the process that exited, and was forked by the launched one.
    Middle,
    /// It is the oldest orphan: a process whose parent has exited.
    Orphan,
    /// It is the oldest process of the job.
    Any,
    /// It is the oldest orphan that runs the same program.
    SameProgram,
    /// It is the only orphan, and leads a session or is the parent of everything else that is left.
    Leader,
}

/// The exits after which a claim counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Leaving {
    /// Every exit.
    Any,
    /// An exit with status 0 at any time.
    Success,
    /// An exit that may be a step of the program's becoming a daemon: before it is ready, or soon afterwards, with
    /// status 0 or in an unknown way. In a launch that is traced to learn the status does not count, since the process
    /// may be a helper.
    Step,
    /// The same, in any case with status 0 or in an unknown way.
    CleanStep,
}

/// A claim to the place of a main process that has exited.
#[derive(Clone, Copy, Debug)]
pub struct HeirRow {
    /// The claim.
    pub claim: Claim,
    /// The exits after which it counts.
    pub leaving: Leaving,
    /// Whether it counts only in jobs with `expect`, whose main process is known to be a daemon.
    pub expects: bool,
}

/// The claims to the place of a main process that has exited, in jobs with `expect` or `respawn`: the first that some
/// process has counts. A daemon may replace itself at any time, with a new process of the same program or under a name
/// that it writes into its file. Other processes that outlive a daemon are its workers, or
/// the commands of a console's user.
#[rustfmt::skip]
pub static HEIRS: [HeirRow; 7] = {
    use Claim::*;
    const fn row(claim: Claim, leaving: Leaving, expects: bool) -> HeirRow {
        HeirRow { claim, leaving, expects }
    }
    [
        //  claim        after the exit      needs expect
        row(Named,       Leaving::Any,       false),
        row(Middle,      Leaving::Step,      false),
        row(Launched,    Leaving::Step,      false),
        row(Orphan,      Leaving::CleanStep, false),
        row(Any,         Leaving::CleanStep, false),
        row(SameProgram, Leaving::Success,   false),
        row(Leader,      Leaving::Success,   true),
    ]
};

impl Exit {
    /// Whether the process exited with status 0, as far as is known.
    pub const fn may_be_success(self) -> bool {
        matches!(self, Exit::Status(0) | Exit::Unknown)
    }

    /// Whether `normal exit` lists this exit. Its entries are statuses, and signals times 256.
    pub fn is_listed(self, mut normal_exits: impl Iterator<Item = i32>) -> bool {
        let code = match self {
            Exit::Status(status) => i32::from(status),
            Exit::Signal(signal) => i32::from(signal) << 8,
            Exit::Unknown => return false,
        };
        normal_exits.any(|listed| listed == code)
    }

    /// Whether `normal exit` lists the plain number, as recorded (normal-exit-log-priority). This only lowers the
    /// priority of the message, for any process. For a signal it is independent of whether the signal is listed, and a
    /// signal without a name is always logged as a warning.
    pub fn is_mentioned(self, mut normal_exits: impl Iterator<Item = i32>) -> bool {
        match self {
            Exit::Signal(number) if Signal(number).name().is_none() => false,
            Exit::Status(number) | Exit::Signal(number) => normal_exits.any(|listed| listed == i32::from(number)),
            Exit::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_is_listed_by_its_code_and_mentioned_by_its_plain_number() {
        let lists: [&[i32]; 5] = [&[], &[3], &[0, 3], &[15 << 8], &[15, 3]];
        #[rustfmt::skip]
        let table = [
            // exit              listed                               mentioned
            (Exit::Status(0),    [false, false, true, false, false],  [false, false, true, false, false]),
            (Exit::Status(3),    [false, true, true, false, true],    [false, true, true, false, true]),
            (Exit::Status(15),   [false, false, false, false, true],  [false, false, false, false, true]),
            (Exit::Signal(15),   [false, false, false, true, false],  [false, false, false, false, true]),
            (Exit::Signal(3),    [false; 5],                          [false, true, true, false, true]),
            (Exit::Unknown,      [false; 5],                          [false; 5]),
        ];
        for (exit, listed, mentioned) in table {
            let all = lists.map(|list| exit.is_listed(list.iter().copied()));
            assert_eq!(all, listed, "{exit:?}");
            assert_eq!(lists.map(|list| exit.is_mentioned(list.iter().copied())), mentioned, "{exit:?}");
        }
        // A signal without a name is always a warning.
        let nameless = (0..=u8::MAX).find(|&number| number > 0 && Signal(number).name().is_none()).unwrap_or_default();
        assert!(!Exit::Signal(nameless).is_mentioned(core::iter::once(i32::from(nameless))));
    }
}
