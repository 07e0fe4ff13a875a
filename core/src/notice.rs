//! Messages for the log, in ids and numbers; [`words`](crate::words) turns them into text.

use core::hash::Hash;

use crate::answer::Denial;
use crate::expect::Expect;
use crate::ids::{ClassId, EventId, JobId};
use crate::limits::Limit;
use crate::process::{Exit, Pid, Process};
use crate::signal::Signal;
use crate::spawn::SpawnError;
use crate::state::{Goal, State};

/// One message. [`Supervisor::message`](crate::Supervisor::message) puts it in words while the ids are alive.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum Notice {
    HandlingEvent(EventId),
    GoalChanged {
        job: JobId,
        from: Goal,
        to: Goal,
    },
    StateChanged {
        job: JobId,
        from: State,
        to: State,
    },
    ProcessStarted {
        job: JobId,
        process: Process,
        pid: Pid,
    },
    SpawnFailed {
        job: JobId,
        process: Process,
        error: SpawnError,
    },
    ProcessBecame {
        job: JobId,
        process: Process,
        old: Pid,
        new: Pid,
    },
    ExecutableChanged {
        job: JobId,
        process: Process,
        pid: Pid,
    },
    ProcessEnded {
        job: JobId,
        process: Process,
        pid: Pid,
        exit: Exit,
        expected: bool,
    },
    ProcessStopped {
        job: JobId,
        process: Process,
        pid: Pid,
        signal: Signal,
    },
    ProcessContinued {
        job: JobId,
        process: Process,
        pid: Pid,
    },
    Respawning {
        job: JobId,
        process: Process,
    },
    RespawningTooFast {
        job: JobId,
    },
    Signalling {
        job: JobId,
        process: Process,
        pid: Pid,
        signal: Signal,
    },
    /// An event could not start a job, because its variables give no instance's name.
    NoInstance {
        class: ClassId,
        why: Denial,
    },
    /// A daemon does not do what its file expects; `right` is what the file should expect.
    Mistaken {
        job: JobId,
        expected: Expect,
        saw: &'static str,
        right: Expect,
        /// The process that is followed instead, if any is.
        following: Option<Pid>,
    },
    /// `start timeout` has passed.
    NotReady {
        job: JobId,
        seconds: u32,
    },
    /// `hook timeout` has passed.
    HookOverdue {
        job: JobId,
        process: Process,
        pid: Pid,
        seconds: u32,
    },
    /// `watchdog` has passed.
    WatchdogMissed {
        job: JobId,
        pid: Pid,
        seconds: u32,
    },
    /// A forced stop goes on without the end of a process.
    GivenUp {
        job: JobId,
        process: Process,
        pid: Pid,
    },
    /// The supervisor ends, and the job has not stopped in time.
    FailedToStop {
        job: JobId,
    },
    /// A job could not be started (or an event not be blocked) because a capacity is exhausted.
    Full {
        class: ClassId,
        limit: Limit,
    },
}

/// How loud a message is: the words of initctl(8) log-priority; numbers as syslog(3) has them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Priority {
    /// For debugging the supervisor.
    Debug = 7,
    /// Each step of each job (`--verbose`).
    Info = 6,
    /// Worth a line (the default).
    Message = 5,
    /// Something went wrong with a job.
    Warn = 4,
    /// Something went wrong (`--quiet`).
    Error = 3,
    /// The supervisor cannot go on.
    Fatal = 2,
}

impl Notice {
    /// How loud it is.
    pub const fn priority(&self) -> Priority {
        match self {
            Notice::HandlingEvent(_)
            | Notice::GoalChanged { .. }
            | Notice::StateChanged { .. }
            | Notice::ProcessStarted { .. }
            | Notice::ProcessBecame { .. }
            | Notice::ExecutableChanged { .. }
            | Notice::ProcessStopped { .. }
            | Notice::ProcessContinued { .. }
            | Notice::Signalling { .. } => Priority::Info,
            Notice::ProcessEnded { exit: Exit::Status(0), .. } | Notice::ProcessEnded { expected: true, .. } => {
                Priority::Info
            }
            Notice::ProcessEnded { .. }
            | Notice::SpawnFailed { .. }
            | Notice::Respawning { .. }
            | Notice::RespawningTooFast { .. }
            | Notice::NoInstance { .. }
            | Notice::Mistaken { .. }
            | Notice::NotReady { .. }
            | Notice::HookOverdue { .. }
            | Notice::WatchdogMissed { .. }
            | Notice::GivenUp { .. }
            | Notice::FailedToStop { .. } => Priority::Warn,
            Notice::Full { .. } => Priority::Error,
        }
    }
}
