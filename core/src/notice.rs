//! What the supervisor says, in Upstart's words.

use core::fmt;

use crate::bytes::Show;
use crate::conf::stanza::Expect;
use crate::effect::Denial;
use crate::lifecycle::{Goal, State};
use crate::limits::Limit;
use crate::process::{Exit, Pid, Process, SpawnError, SpawnStage};
use crate::signal::Signal;
use crate::storage::{ClassId, EventId, JobId};
use crate::supervisor::Supervisor;

/// One message. [`Supervisor::say`](crate::supervisor::Supervisor::say) puts it in words while the ids are alive.
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
    /// For those who debug the supervisor.
    Debug = 7,
    /// What happens, step by step (`--verbose`).
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

impl Supervisor<'_> {
    /// A notice in words, and how loud it is. `explain` gives the world's words for the number in a
    /// [`SpawnError`].
    pub fn say<'a>(&'a self, notice: Notice, explain: fn(i32) -> &'static str) -> (Priority, impl fmt::Display + 'a) {
        (notice.priority(), Words { supervisor: self, notice, explain })
    }
}

struct Words<'a, 's> {
    supervisor: &'a Supervisor<'s>,
    notice: Notice,
    explain: fn(i32) -> &'static str,
}

impl fmt::Display for Words<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id: JobId| self.supervisor.job_name(id);
        match self.notice {
            Notice::HandlingEvent(event) => {
                let (event, rest) = self.supervisor.event_name(event);
                write!(f, "Handling {}{} event", Show(event), Show(rest))
            }
            Notice::GoalChanged { job, from, to } => write!(f, "{} goal changed from {from} to {to}", name(job)),
            Notice::StateChanged { job, from, to } => write!(f, "{} state changed from {from} to {to}", name(job)),
            Notice::ProcessStarted { job, process, pid } => write!(f, "{} {process} process ({pid})", name(job)),
            Notice::SpawnFailed { job, process, error } => {
                write!(f, "Failed to spawn {} {process} process: unable to ", name(job))?;
                write_error(f, error, self.explain)
            }
            Notice::ProcessBecame { job, process, old, new } => {
                write!(f, "{} {process} process ({old}) became new process ({new})", name(job))
            }
            Notice::ExecutableChanged { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) executable changed", name(job))
            }
            Notice::ProcessEnded { job, process, pid, exit, .. } => {
                write!(f, "{} {process} process ({pid}) ", name(job))?;
                write_end(f, exit)
            }
            Notice::ProcessStopped { job, process, pid, signal } => {
                write!(f, "{} {process} process ({pid}) stopped by {signal} signal", name(job))
            }
            Notice::ProcessContinued { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) continued by {} signal", name(job), Signal::CONT)
            }
            Notice::Respawning { job, process } => write!(f, "{} {process} process ended, respawning", name(job)),
            Notice::RespawningTooFast { job } => write!(f, "{} respawning too fast, stopped", name(job)),
            Notice::Signalling { job, process, pid, signal } => {
                write!(f, "Sending {signal} signal to {} {process} process ({pid})", name(job))
            }
            Notice::FailedToStop { job } => write!(f, "job {} failed to stop", name(job)),
            Notice::Mistaken { job, expected, saw, right, following } => {
                write!(f, "{} expected {expected}, saw {saw}", name(job))?;
                if let Some(pid) = following {
                    write!(f, ": following {pid}")?;
                }
                write!(f, "; \"expect {right}\" is right")
            }
            Notice::NotReady { job, seconds } => write!(f, "{} was not ready within {seconds} seconds", name(job)),
            Notice::HookOverdue { job, process, pid, seconds } => {
                write!(f, "{} {process} process ({pid}) has run for more than {seconds} seconds", name(job))
            }
            Notice::WatchdogMissed { job, pid, seconds } => {
                write!(f, "{} main process ({pid}) has not said for {seconds} seconds that it is alive", name(job))
            }
            Notice::GivenUp { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) does not end, not waiting for it", name(job))
            }
            Notice::NoInstance { class, why } => {
                let class = Show(self.supervisor.class_name(class));
                write!(f, "Failed to obtain {class} instance: {}", self.supervisor.refusal(why))
            }
            Notice::Full { class, limit } => {
                write!(f, "No room for {}: the limit of {limit} is reached", Show(self.supervisor.class_name(class)))
            }
        }
    }
}

/// Why a process could not be made.
fn write_error(f: &mut fmt::Formatter<'_>, error: SpawnError, explain: fn(i32) -> &'static str) -> fmt::Result {
    match error {
        SpawnError { stage: SpawnStage::FindUser, code: 0 } => f.write_str("find setuid user"),
        SpawnError { stage: SpawnStage::FindGroup, code: 0 } => f.write_str("find setgid group"),
        SpawnError { stage, code } => write!(f, "{stage}: {}", explain(code)),
    }
}

/// How a process ended.
fn write_end(f: &mut fmt::Formatter<'_>, exit: Exit) -> fmt::Result {
    match exit {
        Exit::Status(0) => f.write_str("exited normally"),
        Exit::Status(status) => write!(f, "terminated with status {status}"),
        Exit::Signal(number) => match Signal(number).name() {
            Some(signal) => write!(f, "killed by {signal} signal"),
            None => write!(f, "killed by signal {number}"),
        },
        Exit::Unknown => f.write_str("is gone"),
    }
}
