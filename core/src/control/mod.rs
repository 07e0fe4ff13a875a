//! The control protocol: what a client may ask, what it is answered, and how both travel.
//!
//! A client connects, sends [`Request::Hello`], then one request at a time and reads one reply to each. Replies to requests
//! that wait (`start`, `stop`, `restart`, `emit`) come when the job or event has finished. Lists are fetched in pages, so
//! that neither side ever holds more than one frame.

pub mod frame;
mod refusal;
pub use refusal::JobName;

use crate::bytes::Strings;
use crate::expect::Expect;
use crate::notice::Priority;
use crate::process::Process;
use crate::state::{Goal, State};
use crate::target::{Table, Target};
use serde::{Deserialize, Serialize};

/// The version of the protocol; both sides must have the same.
pub const PROTOCOL: u16 = 2;

/// What a client asks. Byte strings are text as the kernel has it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Request<'a> {
    /// The first request on every connection.
    Hello {
        /// The protocol that the client speaks.
        protocol: u16,
    },
    /// The text that `initctl version` prints.
    Version,
    /// Sets a job's goal to start.
    Start {
        /// Which job.
        target: Target<'a>,
        /// Whether the reply waits until the job runs (or, for a task, has finished).
        wait: bool,
    },
    /// Sets a job's goal to stop.
    Stop {
        /// Which job.
        target: Target<'a>,
        /// Whether the reply waits until the job has stopped.
        wait: bool,
    },
    /// Stops a job and waits for nothing longer than it takes to kill it; also one that is being stopped already.
    Force {
        /// Which job.
        target: Target<'a>,
        /// Whether the reply waits until the job has stopped.
        wait: bool,
    },
    /// Stops a job and starts it again.
    Restart {
        /// Which job.
        target: Target<'a>,
        /// Whether the reply waits until the job runs again.
        wait: bool,
    },
    /// Sends a job's main process its reload signal.
    Reload {
        /// Which job.
        target: Target<'a>,
    },
    /// One job's status.
    Status {
        /// Which job.
        target: Target<'a>,
    },
    /// What a job waits for.
    Explain {
        /// Which job.
        target: Target<'a>,
    },
    /// The status of every job, a page at a time.
    List {
        /// 0 at first, then the reply's `next`.
        from: u32,
    },
    /// Emits an event.
    Emit {
        /// Its name; may not be empty.
        event: &'a [u8],
        /// Its variables, `KEY=VALUE` each.
        #[serde(borrow)]
        environment: Strings<'a>,
        /// Whether the reply waits until every job that the event started or stopped has got there.
        wait: bool,
    },
    /// A job's `usage` text.
    Usage {
        /// Which job.
        job: &'a [u8],
    },
    /// Loads all job files anew.
    ReloadConfiguration,
    /// What a job emits and what starts and stops it.
    ShowConfig {
        /// The job's name.
        job: &'a [u8],
    },
    /// How loud a message must be to reach the log.
    LogPriority,
    /// Sets how loud a message must be to reach the log.
    SetLogPriority(Priority),
    /// A page of an environment's variables.
    ListEnvironment {
        /// Whose.
        #[serde(borrow)]
        table: Table<'a>,
        /// 0 at first, then the reply's `next`.
        from: u32,
    },
    /// One variable's value.
    GetEnvironment {
        /// Whose.
        table: Table<'a>,
        /// The variable's name.
        name: &'a [u8],
    },
    /// Sets a variable; in the global table, in every running job's as well.
    SetEnvironment {
        /// Whose.
        table: Table<'a>,
        /// `KEY=VALUE`, or `KEY` for an empty value.
        entry: &'a [u8],
        /// Whether a value that is there already is replaced.
        replace: bool,
    },
    /// Takes a variable away; in the global table, from every running job's as well.
    UnsetEnvironment {
        /// Whose.
        table: Table<'a>,
        /// The variable's name.
        name: &'a [u8],
    },
    /// Puts a table back to what it was at first.
    ResetEnvironment {
        /// Whose.
        table: Table<'a>,
    },
    /// The disk can be written now: job output that was kept is written.
    NotifyDiskWriteable,
    /// The address of a D-Bus bus; accepted, and nothing follows: Uphold has no need of one.
    NotifyDbusAddress(&'a [u8]),
    /// The address of a cgroup manager; accepted, and nothing follows: Uphold has no need of one.
    NotifyCgroupManagerAddress(&'a [u8]),
    /// Ends the session: jobs that wait for the event session-end run, and everything is stopped.
    EndSession,
    /// Runs the supervisor's program anew, with all that it knows.
    Reexecute,
}

/// What a client is answered.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub enum Reply<'a> {
    /// To `Hello`: the supervisor's protocol.
    Hello {
        /// The protocol that the supervisor speaks.
        protocol: u16,
    },
    /// A text: to `Version` and `Usage`.
    #[serde(borrow)]
    Text(&'a [u8]),
    /// Done, and there is nothing to print.
    Done,
    /// A job's status: to `Status`, and to `Start`, `Stop` and `Restart` when done.
    Job(Status<'a>),
    /// Some statuses of a list, each a postcard-encoded [`Status`] one after another.
    Page {
        /// Where the next page begins; `None` after the last.
        next: Option<u32>,
        /// The statuses.
        statuses: &'a [u8],
    },
    /// To `ShowConfig`.
    Config {
        /// The events that the job says it emits.
        emits: Strings<'a>,
        /// Its `start on`, in the encoding of [`ConditionText`](crate::conf::ConditionText).
        start_on: &'a [u8],
        /// Its `stop on`, likewise.
        stop_on: &'a [u8],
    },
    /// To `LogPriority`.
    Priority(Priority),
    /// Some variables, `KEY=VALUE` each.
    Variables {
        /// Where the next page begins; `None` after the last.
        next: Option<u32>,
        /// The variables.
        entries: Strings<'a>,
    },
    /// To `Explain`.
    Waiting(Waiting<'a>),
    /// Refused or failed.
    Error(Refusal<'a>),
}

/// One instance's status, or that of a job without instances. Its `Display` gives the lines of `initctl status`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Status<'a> {
    /// The job's name.
    pub job: &'a [u8],
    /// The instance's name; empty for the only instance of a job without `instance`, and for a job at rest.
    pub instance: &'a [u8],
    /// What the job is to become.
    pub goal: Goal,
    /// Where it is.
    pub state: State,
    /// Its processes that live, in the order of [`Process`].
    pub processes: heapless::Vec<(Process, u32), { Process::COUNT }>,
    /// What the main process says that it is doing; empty if it does not say, and in answers to anything but `Status`.
    pub said: &'a [u8],
}

impl Default for Status<'_> {
    /// A job of no name, at rest.
    fn default() -> Self {
        let processes = heapless::Vec::new();
        Status { job: &[], instance: &[], goal: Goal::Stop, state: State::Waiting, processes, said: &[] }
    }
}

/// What a job waits for, in names. Its `Display` is what `initctl` says while `stop` takes its time, with the job's name.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Waiting<'a> {
    /// The job's name.
    pub job: &'a [u8],
    /// The instance's name.
    pub instance: &'a [u8],
    /// What it waits for.
    #[serde(borrow)]
    pub cause: Cause<'a>,
}

/// [`cause::WaitCause`](crate::cause::WaitCause) in names and numbers.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Cause<'a> {
    Step,
    Goal(Goal),
    Spawned(Process),
    Ended(Process, u32),
    Ready(u32, Expect),
    Survivors,
    Event {
        #[serde(borrow)]
        event: &'a [u8],
        /// Whether `/failed` follows the name.
        of_failure: bool,
        holder: Holder<'a>,
    },
    Nothing,
}

/// [`cause::Holder`](crate::cause::Holder) in names.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Holder<'a> {
    Nobody,
    Job {
        #[serde(borrow)]
        job: &'a [u8],
        instance: &'a [u8],
    },
    StartOn {
        job: &'a [u8],
    },
    StopOn {
        job: &'a [u8],
        instance: &'a [u8],
    },
}

impl Cause<'_> {
    /// Whether somebody must act or wait: not so of a job that rests, runs as it should, or is about to go on.
    pub const fn is_a_wait(&self) -> bool {
        !matches!(self, Cause::Step | Cause::Goal(_))
    }
}

/// Why a request was not granted, in the client's terms. Its `Display` gives Upstart's words.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Refusal<'a> {
    /// No class of that name.
    UnknownJob(#[serde(borrow)] &'a [u8]),
    /// No instance of that name.
    UnknownInstance(&'a [u8]),
    /// The `instance` stanza names a variable that is not set; then the job's `usage`, empty if it has none.
    UnknownParameter {
        /// The variable's name.
        name: &'a [u8],
        /// The job's `usage` text.
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
    /// No instance of that name; the words of the environment commands.
    UnknownInstanceOf {
        /// The job's name.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
    /// No variable of that name.
    NoSuchVariable(&'a [u8]),
    /// An empty variable name.
    EmptyVariable,
    /// An empty job name, in the words of the environment commands.
    EmptyJob,
    /// The environment of jobs of process 1 stays as it is.
    NotInSystem,
    /// A D-Bus address is of no use to process 1.
    NoBusInSystem,
    /// A variable without `=`.
    BadEnvironment,
    /// An empty job or event name.
    EmptyName,
    /// Only root and the supervisor's own user may do this.
    PermissionDenied,
    /// The supervisor is shutting down and starts nothing any more.
    ShuttingDown,
    /// The request is no request of this protocol.
    Malformed,
    /// A capacity is exhausted: the limit's name. Nothing was done.
    Full(&'a str),
    /// The supervisor's program could not be run anew: why.
    NotReexecuted(&'a str),
}
