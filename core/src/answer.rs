//! What a client is answered, in ids; `client/view` turns it into names.

use core::hash::Hash;

use crate::ids::{ClassId, JobId};
use crate::limits::Full;

impl From<Full> for Denial {
    fn from(full: Full) -> Denial {
        Denial::Full(full.limit)
    }
}

/// What a client is answered; `Supervisor::reply` puts it in words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Answer {
    /// Done, and nothing to show.
    Done,
    /// Done; the job's status is to be shown, or, if it has gone meanwhile, that of its class at rest.
    Job(JobId, ClassId),
    /// Refused: see [`Denial`].
    Denied(Denial),
}

/// Why a command was refused or failed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum Denial {
    /// The name is in the request.
    UnknownJob,
    /// A command names an instance that does not live.
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
    /// A request about an environment names an instance that does not live.
    UnknownInstanceOf(ClassId),
    EmptyJob,
    BadEnvironment,
    EmptyName,
    ShuttingDown,
    Full(crate::limits::Limit),
}
