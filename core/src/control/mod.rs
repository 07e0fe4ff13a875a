//! The control protocol: requests, replies, and the frames that carry both.
//!
//! A client connects and sends [`Request::Hello`]; after that it sends one request at a time, and reads one reply to
//! each. Replies to requests that wait (`start`, `stop`, `restart`, `emit`) come when the job or event has finished.
//! Lists are fetched in pages, so that neither side ever holds more than one frame.

pub mod boot;
pub mod frame;
pub mod news;
mod refusal;
mod texts;
pub mod why;

use crate::bytes::Strings;
use crate::expect::Expect;
use crate::ids::ClientId;
use crate::notice::Priority;
use crate::process::Process;
use crate::state::{Goal, State};
use crate::target::{EnvTable, Target};
use crate::time::Instant;
use serde::{Deserialize, Serialize};

pub use refusal::Refusal;

/// The version of the protocol, which must be the same on both sides.
pub const PROTOCOL: u16 = 6;

/// A request of a client. Byte strings are text as the kernel has it, in no particular encoding.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Request<'a> {
    /// The first request on every connection.
    Hello {
        /// The version of the protocol that the client speaks.
        protocol: u16,
    },
    /// The text that `initctl version` prints.
    Version,
    /// Sets a job's goal to start.
    Start {
        /// The job.
        target: Target<'a>,
        /// Whether the reply waits until the job runs (or, for a task, has finished).
        wait: bool,
    },
    /// Sets a job's goal to stop.
    Stop {
        /// The job.
        target: Target<'a>,
        /// Whether the reply waits until the job has stopped.
        wait: bool,
    },
    /// Stops a job, also one that is being stopped already, and waits no longer than it takes to kill: a process that
    /// the job waits for is killed, and anything else is not waited for.
    Force {
        /// The job.
        target: Target<'a>,
        /// Whether the reply waits until the job has stopped.
        wait: bool,
    },
    /// Stops a job and starts it again.
    Restart {
        /// The job.
        target: Target<'a>,
        /// Whether the reply waits until the job runs again.
        wait: bool,
    },
    /// Sends a job's main process its reload signal.
    Reload {
        /// The job.
        target: Target<'a>,
    },
    /// One job's status.
    Status {
        /// The job.
        target: Target<'a>,
    },
    /// The cause of a client's wait. The request comes over another connection, since nothing is read from a client
    /// that waits.
    Explain {
        /// The client: the reply to its [`Identify`](Request::Identify).
        client: ClientId,
    },
    /// Why a job does, or does not, run.
    Why {
        /// The job.
        target: Target<'a>,
    },
    /// The status of every job, a page at a time.
    List {
        /// The start of the page: 0 at first, then the reply's `next`.
        from: u32,
    },
    /// Emits an event.
    Emit {
        /// The event's name; may not be empty.
        event: &'a [u8],
        /// The event's variables, `KEY=VALUE` each.
        #[serde(borrow)]
        environment: Strings<'a>,
        /// Whether the reply waits until every job that the event starts or stops has reached its goal.
        wait: bool,
    },
    /// A job's `usage` text.
    Usage {
        /// The job's name.
        job: &'a [u8],
    },
    /// Loads all job files again.
    ReloadConfiguration,
    /// The events that a job emits, and its conditions.
    ShowConfig {
        /// The job's name.
        job: &'a [u8],
    },
    /// The priority that a message needs to reach the log.
    LogPriority,
    /// Sets the priority that a message needs to reach the log.
    SetLogPriority(Priority),
    /// A page of an environment's variables.
    ListEnvironment {
        /// The environment.
        #[serde(borrow)]
        table: EnvTable<'a>,
        /// The start of the page: 0 at first, then the reply's `next`.
        from: u32,
    },
    /// One variable's value.
    GetEnvironment {
        /// The environment.
        table: EnvTable<'a>,
        /// The variable's name.
        name: &'a [u8],
    },
    /// Sets a variable. In the global environment, also sets it in those of all running jobs.
    SetEnvironment {
        /// The environment.
        table: EnvTable<'a>,
        /// `KEY=VALUE`, or `KEY` for an empty value.
        entry: &'a [u8],
        /// Whether an existing value is replaced.
        replace: bool,
    },
    /// Removes a variable. In the global environment, also removes it from those of all running jobs.
    UnsetEnvironment {
        /// The environment.
        table: EnvTable<'a>,
        /// The variable's name.
        name: &'a [u8],
    },
    /// Restores an environment to its initial contents.
    ResetEnvironment {
        /// The environment.
        table: EnvTable<'a>,
    },
    /// Reports that the disk is writable now: job output that was kept is written.
    NotifyDiskWriteable,
    /// The address of a D-Bus bus; accepted without effect, because Uphold needs none.
    NotifyDbusAddress(&'a [u8]),
    /// The address of a cgroup manager; accepted without effect, because Uphold needs none.
    NotifyCgroupManagerAddress(&'a [u8]),
    /// Ends the session: jobs that wait for the event session-end run, and everything is stopped.
    EndSession,
    /// Re-executes the supervisor's program, with its whole state.
    Reexecute,
    /// The id of this connection, for [`Explain`](Request::Explain).
    Identify,
    /// The reply is `Done`, and then every message about jobs and events, as it comes, in a reply of its own. The
    /// client sends nothing more.
    Monitor,
    /// A part of the image of the whole state, with all environments: for a client that tries on a copy what would
    /// happen.
    Image {
        /// The start of the part: 0 at first, then the reply's `next`.
        from: u32,
    },
    /// The last messages of the supervisor.
    Messages {
        /// The place of the first one: 0 at first, then the reply's `next`.
        from: u64,
    },
    /// A page of the record of the boot.
    Boot {
        /// The start of the page: 0 at first, then the reply's `next`.
        from: u32,
    },
}

/// A reply to a client.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reply<'a> {
    /// To `Hello`.
    Hello {
        /// The version of the protocol that the supervisor speaks.
        protocol: u16,
    },
    /// A text: to `Version`, `Usage` and `GetEnvironment`.
    #[serde(borrow)]
    Text(&'a [u8]),
    /// The request is done, and there is nothing to print.
    Done,
    /// A job's status: to `Status`, and to `Start`, `Stop` and `Restart` when done.
    Job(Status<'a>),
    /// A page of a list: to `List`.
    Page {
        /// The start of the next page; `None` after the last.
        next: Option<u32>,
        /// The statuses, each a postcard-encoded [`Status`], one after another.
        statuses: &'a [u8],
    },
    /// To `ShowConfig`.
    Config {
        /// The events that the job declares with `emits`.
        emits: Strings<'a>,
        /// The job's `start on`, in the encoding of [`ConditionText`](crate::conf::ConditionText).
        start_on: &'a [u8],
        /// The job's `stop on`, likewise.
        stop_on: &'a [u8],
    },
    /// To `LogPriority`.
    Priority(Priority),
    /// A page of an environment: to `ListEnvironment`.
    Variables {
        /// The start of the next page; `None` after the last.
        next: Option<u32>,
        /// The variables, `KEY=VALUE` each.
        entries: Strings<'a>,
    },
    /// To `Explain`; `Done` if the client waits for nothing.
    Waiting(Waiting<'a>),
    /// To `Why`: a postcard-encoded [`Why`](why::Why).
    Why(&'a [u8]),
    /// The request was refused, or it failed.
    Error(Refusal<'a>),
    /// To `Identify`.
    Client(ClientId),
    /// After the reply to `Monitor`: a postcard-encoded [`Told`](news::Told).
    Told(&'a [u8]),
    /// To `Image`. The parts belong together if nothing has happened in between, which the checksum at the end tells.
    Image {
        /// The time of the supervisor's clock.
        now: Instant,
        /// The start of the next part; `None` after the last.
        next: Option<u32>,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// To `Messages`.
    Messages {
        /// The place after these messages, from which later ones can be asked for. There are no more now if it is the
        /// one that was asked for.
        next: u64,
        /// Whether messages before these, from the place that was asked for on, are forgotten.
        forgotten: bool,
        /// The messages, each a postcard-encoded [`Told`](news::Told), one after another.
        told: &'a [u8],
    },
    /// To `Boot`.
    Boot(#[serde(borrow)] boot::Page<'a>),
}

/// The status of an instance, or of a job without instances. Its `Display` gives the lines of `initctl status`.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Status<'a> {
    /// The job's name.
    pub job: &'a [u8],
    /// The instance's name; empty for the only instance of a job without `instance`, and for a job at rest.
    pub instance: &'a [u8],
    /// The goal.
    pub goal: Goal,
    /// The state.
    pub state: State,
    /// The live processes with their process ids, in the order of [`Process`].
    pub processes: heapless::Vec<(Process, u32), { Process::COUNT }>,
    /// The text that the main process sent as `STATUS=`; empty if there is none, and in replies to anything but
    /// `Status`.
    pub status_text: &'a [u8],
}

impl Default for Status<'_> {
    /// A job without a name, at rest.
    fn default() -> Self {
        let processes = heapless::Vec::new();
        Status { job: &[], instance: &[], goal: Goal::Stop, state: State::REST, processes, status_text: &[] }
    }
}

/// A job as messages name it: `JOB`, or `JOB (INSTANCE)`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JobName<'a>(pub &'a [u8], pub &'a [u8]);

/// The wait of a job or of a client, by name. Its `Display` is the line that `initctl` prints while a command takes
/// long.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Waiting<'a> {
    /// The job that the client waits for, and whose wait this is; `None` for a client that waits for its own event.
    #[serde(borrow)]
    pub job: Option<JobName<'a>>,
    /// The cause of the wait.
    #[serde(borrow)]
    pub cause: Cause<'a>,
}

/// The cause of a job's wait: [`WaitCause`](crate::WaitCause) with names and process ids.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cause<'a> {
    /// The job is on the move.
    Step,
    /// A change to this goal: the job is at rest, or runs as it should.
    Goal(Goal),
    /// The goal stop: the job is a task without a process.
    Stop,
    /// The spawn of this process.
    Spawned(Process),
    /// The exit of this process, with its process id.
    Ended(Process, u32),
    /// The readiness of the main process, with its process id, by this `expect`.
    Ready(u32, Expect),
    /// The answer to a survey: which of the job's processes live.
    Survivors,
    /// The end of an event that the job or the client emitted.
    Event {
        /// The event's name.
        #[serde(borrow)]
        event: &'a [u8],
        /// Whether `/failed` follows the name.
        of_failure: bool,
        /// The job or condition that blocks the event.
        holder: Holder<'a>,
        /// The number of further jobs and conditions that block it.
        others: u32,
    },
    /// Nothing that exists, which is a fault of the supervisor.
    Nothing,
    /// So many seconds, for `respawn delay`.
    Delay(u32),
    /// So many seconds, for `respawn retry`: the job was given up.
    Retry(u32),
    /// So many seconds at least, for the respawn budget of all jobs.
    Budget(u32),
}

/// The thing that blocks an event: [`Holder`](crate::Holder) with names.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Holder<'a> {
    /// Nothing that is known: the event is still being offered to conditions.
    Unknown,
    /// A job that the event started or stopped, and that has not reached its goal.
    Job {
        /// The job's name.
        #[serde(borrow)]
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
    /// The `start on` of a job that waits for other events too.
    StartOn {
        /// The job's name.
        job: &'a [u8],
    },
    /// The `stop on` of a job that waits for other events too.
    StopOn {
        /// The job's name.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
}

impl Cause<'_> {
    /// Whether something must happen first: not for a job that rests, runs as it should, or is about to move on.
    pub const fn is_a_wait(&self) -> bool {
        !matches!(self, Cause::Step | Cause::Goal(_))
    }
}
