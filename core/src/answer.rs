//! Answers to clients, in ids; `client/view` turns them into names.

use core::hash::Hash;

use crate::ids::{ClassId, JobId};
use crate::limits::Full;

impl From<Full> for Denial {
    fn from(full: Full) -> Denial {
        Denial::Full(full.limit)
    }
}

/// An answer to a client; `Supervisor::reply` turns it into a reply.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// The request is done, and there is nothing to show.
    Done,
    /// The request is done, and the job's status is shown; if the job does not exist any more, that of its class at
    /// rest.
    Job(JobId, ClassId),
    /// The request is refused.
    Denied(Denial),
}

/// The reason for which a request is refused or has failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Denial {
    /// There is no class of the name in the request.
    UnknownJob,
    /// A command names an instance that does not exist.
    UnknownInstance(ClassId),
    /// The `instance` stanza names a variable that is not set.
    UnknownParameter(ClassId),
    /// The class has as many instances as its `instance limit` allows.
    TooManyInstances(ClassId),
    /// The `instance` stanza lacks a closing brace.
    MismatchedBraces,
    /// The `instance` stanza has an unknown operator in braces.
    ExpectedOperator,
    /// `start` of a job whose goal is start already.
    AlreadyRunning(JobId),
    /// `stop` of a job whose goal is stop already, or `restart` of such a job by the name of its instance.
    AlreadyStopped(JobId),
    /// `restart` of a job whose goal is stop already, with variables to select the instance.
    RestartStopped(JobId),
    /// `reload` of a job without a main process.
    NotRunning(JobId),
    /// `reload` of a job whose main process is gone.
    NoSuchProcess,
    /// The job failed while `start` waited.
    FailedToStart,
    /// The job failed while `stop` waited.
    FailedToStop,
    /// The job failed while `restart` waited.
    FailedToRestart,
    /// A job that the event started or stopped failed, or could not be started.
    EventFailed,
    /// A request about an environment names an instance that does not exist.
    UnknownInstanceOf(ClassId),
    /// A request about an environment has an empty name of a job.
    EmptyJob,
    /// A variable has no `=`, or the list of variables does not end in NUL.
    BadEnvironment,
    /// A command has an empty name of a job, or the name of the event is empty.
    EmptyName,
    /// The supervisor is shutting down and starts no more jobs.
    ShuttingDown,
    /// A capacity is exhausted, and nothing was done.
    Full(crate::limits::Limit),
}
