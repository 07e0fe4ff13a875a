//! Messages for the log, in ids and numbers; [`words`](crate::words) turns them into text.

use core::hash::Hash;

use crate::answer::Denial;
use crate::expect::Expect;
use crate::ids::{ClassId, EventId, JobId};
#[cfg(doc)]
use crate::limits::CIRCLE_ROUNDS;
use crate::limits::Limit;
use crate::process::{Exit, Pid, Process};
use crate::signal::Signal;
use crate::spawn::SpawnError;
use crate::state::{Goal, State};

/// A message for the log. [`Supervisor::message`](crate::Supervisor::message) gives its text while its ids are alive.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Notice {
    /// The supervisor begins to offer an event to conditions.
    HandlingEvent(EventId),
    /// The goal of a job has changed.
    GoalChanged {
        /// The job.
        job: JobId,
        /// The previous goal.
        from: Goal,
        /// The new goal.
        to: Goal,
    },
    /// A job has moved to another state.
    StateChanged {
        /// The job.
        job: JobId,
        /// The previous state.
        from: State,
        /// The new state.
        to: State,
    },
    /// A process was spawned.
    ProcessStarted {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
    },
    /// A process could not be set up.
    SpawnFailed {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// The stage that failed, and the reason.
        error: SpawnError,
    },
    /// A process could not be set up for want of a resource, and is tried again from time to time.
    SpawnDelayed {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// The stage that failed, and the reason.
        error: SpawnError,
    },
    /// The world does not trace. Logged once, until it traces again.
    Untraced {
        /// The reason.
        error: SpawnError,
    },
    /// Another process is the main process from now on: a child that `expect` counts, or the daemon that was named.
    ProcessBecame {
        /// The job.
        job: JobId,
        /// The process, which is always the main one.
        process: Process,
        /// Process id of the previous main process.
        old: Pid,
        /// Process id of the new one.
        new: Pid,
    },
    /// A traced process has replaced its program.
    ExecutableChanged {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
    },
    /// A process has exited or was killed.
    ProcessEnded {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
        /// The way in which the process ended.
        exit: Exit,
        /// Whether `normal exit` lists the number, which lowers the priority of the message.
        expected: bool,
    },
    /// An untraced process was stopped by a signal.
    ProcessStopped {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
        /// The signal.
        signal: Signal,
    },
    /// A stopped process continues.
    ProcessContinued {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
    },
    /// The main process is spawned again after its exit.
    Respawning {
        /// The job.
        job: JobId,
        /// The process, which is always the main one.
        process: Process,
    },
    /// None of the last [`LOOP_RUNS`](crate::limits::LOOP_RUNS) runs was healthy, and the respawn limit does not end
    /// that.
    SlowLoop {
        /// The job.
        job: JobId,
    },
    /// The respawn budget of all jobs is spent, so the job waits. Later waits are not logged until all of it is there
    /// again.
    BudgetSpent {
        /// The job.
        job: JobId,
        /// The number of respawns in the budget.
        count: u32,
        /// The seconds of the budget.
        seconds: u32,
    },
    /// The respawn limit is exceeded, and the job has failed.
    RespawningTooFast {
        /// The job.
        job: JobId,
    },
    /// A signal is sent to a process in order to end it.
    Signalling {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
        /// The signal.
        signal: Signal,
    },
    /// An event could not start a job, because its variables give no instance's name.
    NoInstance {
        /// The class.
        class: ClassId,
        /// The reason for which there is no name.
        why: Denial,
    },
    /// A daemon does not do what its job file expects.
    Mistaken {
        /// The job.
        job: JobId,
        /// The `expect` of the job file.
        expected: Expect,
        /// The daemon's behaviour, in words.
        saw: &'static str,
        /// The `expect` that would be right; `None` if only a launch that is traced to the daemon can tell.
        right: Option<Expect>,
        /// Process id of the process that is followed instead, if any.
        following: Option<Pid>,
    },
    /// A main process has failed while a process of its predecessor lives, which may be why.
    Outlived {
        /// The job.
        job: JobId,
        /// Process id of the predecessor's process.
        left: Pid,
    },
    /// The main process was not ready within `start timeout`: the job fails, or is respawned.
    NotReady {
        /// The job.
        job: JobId,
        /// The `start timeout`, in seconds.
        seconds: u32,
    },
    /// A hook has run for longer than `hook timeout`, and is killed.
    HookOverdue {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
        /// The `hook timeout`, in seconds.
        seconds: u32,
    },
    /// The main process has not reported within `watchdog` that it is alive, and is ended with SIGABRT.
    WatchdogMissed {
        /// The job.
        job: JobId,
        /// Process id of the main process.
        pid: Pid,
        /// The `watchdog`, in seconds.
        seconds: u32,
    },
    /// A forced stop does not wait any more for a process that SIGKILL has not ended.
    GivenUp {
        /// The job.
        job: JobId,
        /// The process.
        process: Process,
        /// Process id.
        pid: Pid,
    },
    /// The main process has exited, and the world cannot find out which processes of the job live. Logged once until it
    /// can.
    Unseen {
        /// The job.
        job: JobId,
    },
    /// The supervisor is shutting down, and the job has not stopped in time.
    FailedToStop {
        /// The job.
        job: JobId,
    },
    /// Classes start each other again and again by their job events, and no process lives in between.
    Circle {
        /// One of the classes.
        class: ClassId,
    },
    /// A job waits for an event that would wait for the job: the event does not.
    WaitCircle {
        /// The job.
        job: JobId,
        /// The event.
        event: EventId,
    },
    /// A class of a circle was moved by something else, so that the circle is over.
    CircleLeft {
        /// The class.
        class: ClassId,
        /// The number of rounds in the circle. Its messages were logged in the first [`CIRCLE_ROUNDS`] only.
        rounds: u32,
    },
    /// A capacity is exhausted: a job was not started, an event was not emitted or not blocked, or a status text was
    /// not kept.
    Full {
        /// The class.
        class: ClassId,
        /// The limit that is reached.
        limit: Limit,
    },
}

/// The priority of a message, in the words of initctl(8) log-priority; the numbers are those of syslog(3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Priority {
    /// For debugging the supervisor.
    Debug = 7,
    /// Each step of each job (`--verbose`).
    Info = 6,
    /// Facts worth a line in the log (the default).
    Message = 5,
    /// Problems of a job.
    Warn = 4,
    /// Errors (`--quiet`).
    Error = 3,
    /// The supervisor cannot go on.
    Fatal = 2,
}

impl Notice {
    /// The priority of the message.
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
            | Notice::SpawnDelayed { .. }
            | Notice::Circle { .. }
            | Notice::WaitCircle { .. }
            | Notice::CircleLeft { .. }
            | Notice::Untraced { .. }
            | Notice::Respawning { .. }
            | Notice::RespawningTooFast { .. }
            | Notice::SlowLoop { .. }
            | Notice::BudgetSpent { .. }
            | Notice::NoInstance { .. }
            | Notice::Mistaken { .. }
            | Notice::Outlived { .. }
            | Notice::NotReady { .. }
            | Notice::HookOverdue { .. }
            | Notice::WatchdogMissed { .. }
            | Notice::GivenUp { .. }
            | Notice::Unseen { .. }
            | Notice::FailedToStop { .. } => Priority::Warn,
            Notice::Full { .. } => Priority::Error,
        }
    }
}
