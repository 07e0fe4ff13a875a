//! The reasons for which requests are refused.

use serde::{Deserialize, Serialize};

/// The reason for which a request was refused, in terms of the client. Its `Display` gives Upstart's wording.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Refusal<'a> {
    /// There is no class of that name.
    UnknownJob(#[serde(borrow)] &'a [u8]),
    /// There is no instance of that name.
    UnknownInstance(&'a [u8]),
    /// The `instance` stanza names a variable that is not set.
    UnknownParameter {
        /// The variable's name.
        name: &'a [u8],
        /// The job's `usage` text; empty if it has none.
        usage: &'a [u8],
    },
    /// The `instance` stanza lacks a closing brace.
    MismatchedBraces,
    /// The `instance` stanza has an unknown operator in braces.
    ExpectedOperator,
    /// The goal is start already.
    AlreadyRunning {
        /// The job's name.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
    /// The goal is stop already.
    AlreadyStopped {
        /// The job's name.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
    /// `restart` of a job whose goal is stop already: Upstart names the instance only.
    RestartStopped(&'a [u8]),
    /// `reload` of a job without a main process.
    NotRunning {
        /// The job's name.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
    /// `reload` of a job whose main process is gone.
    NoSuchProcess,
    /// The job failed while `start` waited.
    FailedToStart,
    /// The job failed while `stop` waited.
    FailedToStop,
    /// The job failed while `restart` waited.
    FailedToRestart,
    /// A job that the event started or stopped failed.
    EventFailed,
    /// There is no instance of that name, in the wording of the environment commands.
    UnknownInstanceOf {
        /// The job's name.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
    /// There is no variable of that name.
    NoSuchVariable(&'a [u8]),
    /// The name of the variable is empty.
    EmptyVariable,
    /// The name of the job is empty, in the wording of the environment commands.
    EmptyJob,
    /// The job environment of process 1 cannot be changed.
    NotInSystem,
    /// Process 1 accepts no D-Bus address.
    NoBusInSystem,
    /// A variable has no `=`.
    BadEnvironment,
    /// The name of the job or event is empty.
    EmptyName,
    /// Only root and the supervisor's own user may do this.
    PermissionDenied,
    /// The supervisor is shutting down and starts no more jobs.
    ShuttingDown,
    /// The bytes are not a request of this protocol.
    Malformed,
    /// A capacity is exhausted, and nothing was done. Contains the name of the limit.
    Full(&'a str),
    /// The supervisor's program could not be re-executed. Contains the reason.
    NotReexecuted(&'a str),
    /// The state cannot be read between two steps of what is going on.
    Busy,
    /// The job has as many instances as its `instance limit` allows.
    TooManyInstances {
        /// The job's name.
        job: &'a [u8],
        /// The limit.
        limit: u32,
    },
}
