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
#[allow(missing_docs)]
pub enum Denial {
    /// There is no class of the name in the request.
    UnknownJob,
    /// A command names an instance that does not exist.
    UnknownInstance(ClassId),
    UnknownParameter(ClassId),
    MismatchedBraces,
    ExpectedOperator,
    AlreadyRunning(JobId),
    AlreadyStopped(JobId),
    RestartStopped(JobId),
    NotRunning(JobId),
    NoSuchProcess,
    FailedToStart,
    FailedToStop,
    FailedToRestart,
    EventFailed,
    /// A request about an environment names an instance that does not exist.
    UnknownInstanceOf(ClassId),
    EmptyJob,
    BadEnvironment,
    EmptyName,
    ShuttingDown,
    Full(crate::limits::Limit),
}
