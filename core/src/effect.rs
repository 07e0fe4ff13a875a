//! Orders that come out of the machine.

use core::hash::Hash;

use crate::answer::Answer;
use crate::ids::{ClassId, ClientId, JobId};
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::signal::Signal;

/// One order to the world. Effects carry ids and numbers only: who needs the text behind an id (a command line, an
/// environment, a job's name) asks the supervisor's read-only views for it before the next effect is polled.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// Make a process. Answered at once by `Input::Spawned` or `Input::SpawnFailed`.
    Spawn {
        /// For which job.
        job: JobId,
        /// Which of its processes.
        process: Process,
        /// How.
        launch: Launch,
    },
    /// Send a signal. Answered by `Input::Gone` if there is no such process.
    Signal {
        /// To which process.
        pid: Pid,
        /// Which signal.
        signal: Signal,
        /// To it alone, or to its process group.
        scope: Scope,
    },
    /// A traced process that has stopped: report its forks and execs from now on, and let it go on.
    Follow {
        /// Its number.
        pid: Pid,
    },
    /// A traced process that has stopped: let it go on, with this signal if any.
    Resume {
        /// Its number.
        pid: Pid,
        /// The signal that it is to get.
        signal: Option<Signal>,
    },
    /// A traced process that has stopped: trace it no longer and let it go on, with this signal if any.
    Detach {
        /// Its number.
        pid: Pid,
        /// The signal that it is to get.
        signal: Option<Signal>,
    },
    /// A process that another one made has become a job's main process: tell of its end even if somebody else reaps it.
    /// Answered by `Input::Gone` if there is no such process.
    Watch {
        /// Its number.
        pid: Pid,
        /// Whose place it takes.
        instead_of: Pid,
    },
    /// A traced process that runs: trace it no longer, as soon as it can be let go.
    Release {
        /// Its number.
        pid: Pid,
    },
    /// Say which of a job's processes live, hooks and what they made left out. Answered at once by `Input::Survivors`.
    Survey {
        /// Whose.
        job: JobId,
        /// Whether they are to be looked for in every place if they are not where they were put.
        anywhere: bool,
    },
    /// Send a signal to every process of a job, hooks and what they made left out, wherever they have moved.
    Sweep {
        /// Whose.
        job: JobId,
        /// Which signal.
        signal: Signal,
    },
    /// A job's main process has ended: tell the log, in a moment, which of the job's processes that are alive now are still
    /// alive then.
    Report {
        /// Whose.
        job: JobId,
    },
    /// A job rests: what is kept of its processes can be let go.
    Rested {
        /// Which one.
        job: JobId,
    },
    /// Answer a client.
    Reply {
        /// Whom.
        client: ClientId,
        /// What.
        answer: Answer,
    },
    /// Tell the log.
    Log(Notice),
    /// A class is no more: what the world keeps for it can be let go.
    Retired(ClassId),
    /// After `Input::Shutdown` or `Input::Logout`: no job is left, or the time is over and each that is left has been named.
    Ended,
}

/// What sets the making of one process of a job apart from that of another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Launch {
    /// It is the job's first process: what `apparmor load` (init(5), "AppArmor support") and `tmpfiles` (ChromeOS) ask for is
    /// done before it.
    pub first: bool,
    /// It switches to the profile of `apparmor switch`, if there is one: the main process alone does (init(5), "AppArmor
    /// support").
    pub confine: bool,
    /// It is to be traced from its exec on.
    pub trace: bool,
    /// Another process may come to take its place, so it should be known beyond doubt which processes are the job's.
    pub contain: bool,
}

/// Whom a signal reaches.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope {
    /// The process alone.
    Process,
    /// Its process group.
    Group,
}
