//! The answer to "why does this job (not) run?": the state of a job as it is, and what has happened to it.

use serde::{Deserialize, Serialize};

use super::frame::Broken;
use super::{Cause, Status};
use crate::expect::Expect;
use crate::ids::JobId;
use crate::notice::Notice;
use crate::process::{Exit, Process};
use crate::signal::Signal;
use crate::spawn::SpawnError;
use crate::state::{Goal, State};

/// A moment, in tenths of a second since the world's clock began.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tenths(pub u32);

/// A thing that has happened to a job: the part of a [`Notice`] that says something about the job later too.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Happening {
    /// The goal has changed.
    Goal(Goal),
    /// The state has changed.
    State(State),
    /// A process was spawned, with its process id.
    Started(Process, u32),
    /// The main process is another one from now on, with its process id.
    Became(u32),
    /// A process has ended.
    Ended(Process, Exit),
    /// A process could not be set up.
    SpawnFailed(Process, SpawnError),
    /// A process could not be set up for want of a resource, and is tried again.
    SpawnDelayed(Process, SpawnError),
    /// A process is ended with this signal.
    Signalled(Process, Signal),
    /// The main process is spawned again.
    Respawning,
    /// The respawn limit is exceeded.
    RespawningTooFast,
    /// The daemon does not do what `expect` of the job file says, and which `expect` would be right.
    Mistaken(Expect, Option<Expect>),
    /// The main process was not ready within so many seconds.
    NotReady(u32),
    /// A hook has run for longer than so many seconds.
    HookOverdue(Process, u32),
    /// The main process has not reported for so many seconds that it is alive.
    WatchdogMissed(u32),
    /// A process that SIGKILL has not ended is not waited for any more.
    GivenUp(Process),
    /// The main process has failed while a process of its predecessor lives, with its process id.
    Outlived(u32),
}

impl Happening {
    /// The job of a notice and what has happened to it; `None` if the notice says nothing lasting about a job.
    pub const fn of(notice: &Notice) -> Option<(JobId, Happening)> {
        Some(match *notice {
            Notice::GoalChanged { job, to, .. } => (job, Happening::Goal(to)),
            Notice::StateChanged { job, to, .. } => (job, Happening::State(to)),
            Notice::ProcessStarted { job, process, pid } => (job, Happening::Started(process, pid.get())),
            Notice::ProcessBecame { job, new, .. } => (job, Happening::Became(new.get())),
            Notice::ProcessEnded { job, process, exit, .. } => (job, Happening::Ended(process, exit)),
            Notice::SpawnFailed { job, process, error } => (job, Happening::SpawnFailed(process, error)),
            Notice::SpawnDelayed { job, process, error } => (job, Happening::SpawnDelayed(process, error)),
            Notice::Signalling { job, process, signal, .. } => (job, Happening::Signalled(process, signal)),
            Notice::Respawning { job, .. } => (job, Happening::Respawning),
            Notice::RespawningTooFast { job } => (job, Happening::RespawningTooFast),
            Notice::Mistaken { job, expected, right, .. } => (job, Happening::Mistaken(expected, right)),
            Notice::NotReady { job, seconds } => (job, Happening::NotReady(seconds)),
            Notice::HookOverdue { job, process, seconds, .. } => (job, Happening::HookOverdue(process, seconds)),
            Notice::WatchdogMissed { job, seconds, .. } => (job, Happening::WatchdogMissed(seconds)),
            Notice::GivenUp { job, process, .. } => (job, Happening::GivenUp(process)),
            Notice::Outlived { job, left } => (job, Happening::Outlived(left.get())),
            Notice::HandlingEvent(_)
            | Notice::Untraced { .. }
            | Notice::ExecutableChanged { .. }
            | Notice::ProcessStopped { .. }
            | Notice::ProcessContinued { .. }
            | Notice::NoInstance { .. }
            | Notice::Unseen { .. }
            | Notice::FailedToStop { .. }
            | Notice::SlowLoop { .. }
            | Notice::BudgetSpent { .. }
            | Notice::Circle { .. }
            | Notice::WaitCircle { .. }
            | Notice::CircleLeft { .. }
            | Notice::Full { .. } => return None,
        })
    }
}

/// A happening with its time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Record {
    /// The time.
    pub at: Tenths,
    /// The thing that happened.
    pub what: Happening,
}

/// The end of a main process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MainEnd {
    /// The time.
    pub at: Tenths,
    /// The way in which the process ended.
    pub exit: Exit,
    /// How long the process lived, in tenths of a second.
    pub lived: Tenths,
}

/// The lasting part of a job's history, whatever else has happened since.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Past {
    /// When the state last changed.
    pub since: Option<Tenths>,
    /// The last end of a main process.
    pub end: Option<MainEnd>,
    /// The last failure that keeps the job from running, since it was last told to start or has run.
    pub failure: Option<Record>,
    /// The `expect` of the job file and the right one, if the last daemon did something else.
    pub lesson: Option<(Expect, Option<Expect>)>,
}

/// The job file from which a job's definition was read, as it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Definition {
    /// It is as it was read.
    #[default]
    Current,
    /// It has changed: the new definition comes into force when the last instance has ended.
    Replaced,
    /// It was removed: so is the job, when its last instance has ended.
    Deleted,
}

/// The answer to [`Request::Why`](super::Request::Why).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Why<'a> {
    /// The job as it is.
    #[serde(borrow)]
    pub status: Status<'a>,
    /// The cause of its wait.
    #[serde(borrow)]
    pub cause: Cause<'a>,
    /// The events that started it, with blanks between them; empty if a command did, or if it is at rest.
    pub started_by: &'a [u8],
    /// The job's `start on`, in the encoding of [`ConditionText`](crate::conf::ConditionText).
    pub start_on: &'a [u8],
    /// The events of `start on` that have happened, as bits in the order of the file.
    pub happened: u64,
    /// The job file.
    pub definition: Definition,
    /// Whether the job is a task.
    pub task: bool,
    /// `respawn limit`, count and seconds; `None` without `respawn`.
    pub respawn: Option<(u32, u32)>,
    /// How many runs in a row have not lived for a minute, if the respawn limit does not end that; 255 are as many or
    /// more.
    pub loop_runs: Option<u8>,
    /// The time now.
    pub now: Tenths,
    /// The lasting part of its history.
    pub past: Past,
    /// The file of the job's output; empty if there is none.
    pub log: &'a [u8],
    /// The program of the process that could not be set up, if that is the last failure.
    pub program: &'a [u8],
    /// Whether older records of jobs are forgotten.
    pub forgotten: bool,
    /// The records of the job, the oldest first, each a postcard-encoded [`Record`].
    pub records: &'a [u8],
}

impl<'a> Why<'a> {
    /// Encodes the answer, for [`Reply::Why`](super::Reply::Why). [`MAX_PAGE`](super::frame::MAX_PAGE) bytes are as
    /// many as fit into a reply.
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: the buffer is too small.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Broken> {
        postcard::to_slice(self, buffer).map(|bytes| &*bytes).map_err(|_| Broken::TooLarge)
    }

    /// Whether the event at that place of `start on` has happened.
    pub fn has_happened(&self, place: usize) -> bool {
        let bit = u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place));
        bit.is_some_and(|bit| self.happened & bit != 0)
    }

    /// The records, the oldest first. The list ends before bytes that cannot be decoded.
    pub fn history(&self) -> impl Iterator<Item = Record> + 'a {
        let mut rest = self.records;
        core::iter::from_fn(move || {
            let (record, after) = postcard::take_from_bytes(rest).ok()?;
            rest = after;
            Some(record)
        })
    }
}
