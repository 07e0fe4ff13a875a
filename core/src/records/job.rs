//! A job: one instance of a class, and how its main process is followed.

use core::hash::Hash;

use crate::ids::{ClassId, EventId, JobId, LeafId, kind};
use crate::memory::arena::TextHandle;
use crate::memory::index::Indexed;
use crate::memory::pool::Record;
use crate::memory::queue::{Linked, Queue};
use crate::memory::texts::Texts;
use crate::memory::timers::Timed;
use crate::process::{Exit, Pid, Process};
use crate::state::{Goal, State};
use crate::tables::expect::Stage;
use crate::tables::respawn::Respawns;
use crate::time::Instant;

/// The reason for a survey.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum SurveyReason {
    /// There is no survey.
    Nothing,
    /// The main process has exited.
    Ended(Pid, Exit),
    /// The main process is expected to do something, and takes long.
    Idleness,
    /// The job is being killed, and has no main process any more.
    Rest(RestLook),
    /// A process was adopted a moment ago.
    Adopted,
    /// The process that should have exited after the second fork may still live.
    Middle,
}

/// When to look for the processes that a killed main process leaves behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum RestLook {
    /// There was no main process to be killed.
    Only,
    /// The main process has just exited: the others got the same signal, and may be about to exit.
    First,
    /// The others have had a moment to exit.
    Second,
}

/// How a launch is traced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Tracing {
    /// As the file's `expect` requires.
    #[default]
    Declared,
    /// Not at all: the world refused it, so that `expect` cannot be followed to the letter.
    Refused,
    /// As for `expect daemon`, whatever the file says, to learn what the daemon does.
    Learning,
}

/// How a main process is followed, from its launch until it and the processes that replaced it are gone.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct FollowState {
    /// The stage of the main process.
    pub(crate) stage: Stage,
    /// The process that was launched as the main one, which another may have replaced by now.
    pub(crate) launched: Option<Pid>,
    /// The number of forks from the launched process to the main process, as far as seen.
    pub(crate) forks: u8,
    /// How the launched process is traced.
    pub(crate) tracing: Tracing,
    /// Whether a process was adopted that `expect` did not name.
    pub(crate) repaired: bool,
    /// Whether the main process has exited before it was ready while it was to be killed, so that any process of the
    /// job may be the daemon that is to be killed.
    pub(crate) loose: bool,
    /// Whether the launched process was replaced by one that it made, so that the file does not describe the launch.
    pub(crate) replaced: bool,
    /// Whether the advice on the file was logged, and whether it is about to be.
    pub(crate) advised: bool,
    pub(crate) advice_due: bool,
    /// Whether following went back to the launched process from a helper.
    pub(crate) helper: bool,
    /// The child that forked the process which `expect daemon` names: if it stays, it is a master, and not a step on
    /// the way.
    pub(crate) middle: Option<Pid>,
    /// Whether readiness is only assumed, because the process went idle: what is expected of it may come at any time.
    pub(crate) guessed: bool,
    /// The time until which the exit of the main process may be a step of its becoming a daemon.
    pub(crate) fresh_until: Instant,
    /// The deadline for readiness.
    pub(crate) start_by: Option<Instant>,
    /// How often in a row the main process was found idle, and how often not.
    pub(crate) idle_looks: u8,
    pub(crate) busy_looks: u8,
    /// Whether the process continues after a stop, which is logged when the job has moved as far as it can.
    #[serde(skip)]
    pub(crate) continued: bool,
}

impl FollowState {
    /// The state when the job is to stop: only what names the processes that have to end with it is kept.
    pub(crate) fn closed(self) -> FollowState {
        let FollowState { stage, launched, forks, repaired, advised, guessed, .. } = self;
        let tracing = if self.is_learning() { Tracing::Learning } else { Tracing::Declared };
        FollowState { stage, launched, forks, tracing, repaired, advised, guessed, ..FollowState::default() }
    }

    pub(crate) fn is_learning(self) -> bool {
        self.tracing == Tracing::Learning
    }

    pub(crate) fn is_refused(self) -> bool {
        self.tracing == Tracing::Refused
    }
}

/// One instance of a class, from its first goal start until it is at rest again.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Job {
    pub(crate) class: ClassId,
    pub(crate) name: TextHandle,
    #[serde(skip)]
    pub(crate) hash: u32,
    #[serde(skip)]
    pub(crate) chain: Option<JobId>,
    pub(crate) before: Option<JobId>,
    pub(crate) after: Option<JobId>,
    /// The next job in the queue of those on the move.
    #[serde(skip)]
    pub(crate) link: Option<JobId>,
    #[serde(skip)]
    pub(crate) moving: bool,
    pub(crate) goal: Goal,
    pub(crate) state: State,
    /// Whether the job waits for what its state's row says.
    #[serde(skip, default = "waits")]
    pub(crate) waiting: bool,
    /// Whether goal start follows when the job has moved as far as goal stop leads it (`restart`).
    #[serde(skip)]
    pub(crate) restart: bool,
    /// The variables of the command or events that started the job.
    pub(crate) environment: TextHandle,
    /// The variables that replace them in `starting`.
    pub(crate) next_environment: Option<TextHandle>,
    /// The variables of the command or events that stopped the job.
    pub(crate) stop_environment: TextHandle,
    #[serde(skip)]
    pub(crate) stop_leaves: Option<LeafId>,
    /// The event that the job waits for.
    pub(crate) blocker: Option<EventId>,
    /// The waiters for the job.
    #[serde(skip)]
    pub(crate) waiters: Queue<kind::Waiter>,
    pub(crate) failure: Option<Failure>,
    pub(crate) pids: [Option<Pid>; Process::COUNT],
    /// How the main process is followed.
    pub(crate) follow: FollowState,
    /// The survey under way.
    pub(crate) survey: SurveyReason,
    /// How often in a row the world could not find out which processes live.
    pub(crate) unseen: u8,
    /// Whether the stop is forced.
    pub(crate) forced: bool,
    /// Whether the process that the job waits for was sent SIGKILL.
    pub(crate) killed: bool,
    /// The last reason for which the job was held back before it starts.
    #[serde(skip)]
    pub(crate) held: Hold,
    /// How often in a row the process that the job waits for could not be spawned for want of a resource.
    pub(crate) retries: u8,
    /// Whether the log has named `kill scope`.
    pub(crate) told_scope: bool,
    /// The number of processes that had to be killed.
    pub(crate) strikes: u8,
    /// The status text of the main process.
    pub(crate) status_text: TextHandle,
    pub(crate) respawns: Respawns,
    /// The place in the heap of timers.
    #[serde(skip)]
    pub(crate) timer: Option<u32>,
    /// The events that the job may still emit from its reservation, and the text reserved for each.
    #[serde(skip)]
    pub(crate) events_left: u8,
    pub(crate) event_text: u32,
    /// The text reserved for the job's events in all.
    #[serde(skip)]
    pub(crate) text_reserved: u32,
    /// The waiting events for which a place is reserved.
    #[serde(skip)]
    pub(crate) waiters_left: u8,
}

/// A job that is not on the move waits.
fn waits() -> bool {
    true
}

/// How a job failed: the first failure since `starting`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Failure {
    /// The process; `None` for the respawn limit.
    pub(crate) process: Option<Process>,
    /// How the process exited, if it ever ran.
    pub(crate) exit: Option<Exit>,
}

impl Indexed for Job {
    fn hash(&self) -> u32 {
        self.hash
    }
    fn next(&mut self) -> &mut Option<JobId> {
        &mut self.chain
    }
    fn peek(&self) -> Option<JobId> {
        self.chain
    }
}

impl Texts for Job {
    fn texts(&mut self) -> impl Iterator<Item = &mut TextHandle> {
        let texts = [&mut self.name, &mut self.environment, &mut self.stop_environment, &mut self.status_text];
        texts.into_iter().chain(&mut self.next_environment)
    }
}

impl Linked for Job {
    fn link(&mut self) -> &mut Option<JobId> {
        &mut self.link
    }
}

impl Job {
    pub(crate) fn pid(&self, process: Process) -> Option<Pid> {
        self.pids.get(process.index()).copied().flatten()
    }

    /// Whether the process that the job waits for could not be spawned, and is to be spawned again.
    pub(crate) fn is_tried_again(&self) -> bool {
        let awaited = self.state.row().awaited();
        self.retries > 0 && awaited.is_some_and(|process| self.pid(process).is_none())
    }

    /// Sets the process id of one of the job's processes, and returns the previous one.
    pub(crate) fn set_pid(&mut self, process: Process, pid: Option<Pid>) -> Option<Pid> {
        self.pids.get_mut(process.index()).and_then(|place| core::mem::replace(place, pid))
    }
}

/// The reason for which a job is held back before it starts, in the order in which they are asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Hold {
    /// None.
    #[default]
    Nothing,
    /// The job is part of a circle.
    Circle,
    /// The start is a respawn, and the file has `respawn delay`.
    Delay,
    /// The job was given up, and the file has `respawn retry`.
    Retry,
    /// The start is a respawn, and the budget of all jobs is spent.
    Budget,
}

/// The purpose of a timer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Alarm {
    /// Start the job, which was held back for this reason.
    Held(Hold),
    /// Spawn the process that the job waits for once more.
    Retry,
    /// Check whether the main process is ready, or late.
    Readiness,
    /// Check whether an adopted process has stayed.
    Adopted,
    /// Check whether the process between the first and the daemon has exited.
    Middle,
    /// Ask again which processes live: the world could not find out.
    Unseen,
    /// The main process must have reported that it is alive (`watchdog`).
    Watchdog,
    /// The main process must have exited by the signal that it got for not reporting.
    Abort,
    /// A process must have exited (`kill timeout`, `hook timeout`, forced stop), or those that got a signal with it.
    End,
}

impl Alarm {
    /// The reason for which the job is held back before it starts.
    pub(crate) const fn hold(self) -> Hold {
        match self {
            Alarm::Held(hold) => hold,
            _ => Hold::Nothing,
        }
    }
}

impl Record for Job {
    type Kind = kind::Job;
}

impl Timed for Job {
    fn timer(&mut self) -> &mut Option<u32> {
        &mut self.timer
    }
    fn place(&self) -> Option<u32> {
        self.timer
    }
}
