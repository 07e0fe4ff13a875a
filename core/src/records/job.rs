//! A job: one instance of a class, and how its main process is followed.

use core::hash::Hash;

use crate::ids::{ClassId, EventId, JobId, LeafId, kind};
use crate::memory::arena::TextHandle;
use crate::memory::index::Indexed;
use crate::memory::pool::Record;
use crate::memory::queue::{Linked, Queue};
use crate::memory::timers::Timed;
use crate::process::{Exit, Pid, Process};
use crate::state::{Goal, State};
use crate::tables::expect::Stage;
use crate::tables::respawn::Respawns;
use crate::time::Instant;

/// What a job has asked the world about its processes for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum SurveyReason {
    /// It has not.
    Nothing,
    /// Its main process has ended.
    Ended(Pid, Exit),
    /// Its main process is expected to do something and takes its time.
    Idleness,
    /// It is to be killed, and no main process is left.
    Rest(RestLook),
    /// A process was adopted a moment ago.
    Relation,
    /// The process that should have ended after the second fork may still live.
    Middle,
}

/// When those are looked for whom a main process leaves that was to be killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum RestLook {
    /// There was no main process to be killed.
    Only,
    /// It has ended just now: the others had the same signal, and may still be about to end.
    First,
    /// They have had a moment for it.
    Second,
}

/// How a main process is followed, from its launch until it and those that took its place are gone.
#[derive(Clone, Copy, Debug, Default, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct FollowState {
    /// How far the main process is followed.
    pub(crate) stage: Stage,
    /// The process that was made as its main process, though another may be that by now.
    pub(crate) launched: Option<Pid>,
    /// How many forks led from that one to the main process, as far as was seen.
    pub(crate) forks: u8,
    /// Whether a process was adopted that `expect` did not name.
    pub(crate) repaired: bool,
    /// Whether the log has told the author of its file what to expect, and whether it is about to.
    pub(crate) advised: bool,
    pub(crate) advice_due: bool,
    /// Whether following went back to the launched process from a helper of its own.
    pub(crate) helper: bool,
    /// The child that made the one which `expect daemon` names: if it stays, it is a master and no step on the way.
    pub(crate) middle: Option<Pid>,
    /// Whether it is only taken to be ready, since it went idle: what is expected of it may come at any time.
    pub(crate) guessed: bool,
    /// Until when the main process's end may be its way into the background.
    pub(crate) fresh_until: Instant,
    /// When it must be ready.
    pub(crate) start_by: Option<Instant>,
    /// How often in a row the main process was found idle, and how often it was not.
    pub(crate) idle_looks: u8,
    pub(crate) busy_looks: u8,
    /// It goes on after a stop, and that is to be said when the job has come as far as it gets.
    pub(crate) continued: bool,
}

impl FollowState {
    /// The job is to stop: nothing more is looked for but those who have to end with it.
    pub(crate) fn closed(self) -> FollowState {
        let FollowState { stage, launched, forks, repaired, advised, .. } = self;
        FollowState { stage, launched, forks, repaired, advised, ..FollowState::default() }
    }
}

/// One instance of a class, from its first goal start until it rests again.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Job {
    pub(crate) class: ClassId,
    pub(crate) name: TextHandle,
    pub(crate) hash: u32,
    pub(crate) chain: Option<JobId>,
    pub(crate) before: Option<JobId>,
    pub(crate) after: Option<JobId>,
    /// Behind it in the queue of jobs on the move.
    pub(crate) link: Option<JobId>,
    pub(crate) moving: bool,
    pub(crate) goal: Goal,
    pub(crate) state: State,
    /// Whether it waits for what its state's row says.
    pub(crate) waiting: bool,
    /// Goal start is to follow when the way that goal stop opened has come to a wait (`restart`).
    pub(crate) restart: bool,
    /// What the command or the events that started it gave it.
    pub(crate) environment: TextHandle,
    /// What takes its place in `starting`.
    pub(crate) next_environment: Option<TextHandle>,
    /// What the command or the events that stopped it gave it.
    pub(crate) stop_environment: TextHandle,
    pub(crate) stop_leaves: Option<LeafId>,
    /// The event that it waits for.
    pub(crate) blocker: Option<EventId>,
    /// Who waits for it.
    pub(crate) waiters: Queue<kind::Waiter>,
    pub(crate) failure: Option<Failure>,
    pub(crate) pids: [Option<Pid>; Process::COUNT],
    /// How its main process is followed.
    pub(crate) follow: FollowState,
    /// What the world has been asked.
    pub(crate) survey: SurveyReason,
    /// Whether it is to stop at any price.
    pub(crate) forced: bool,
    /// Whether what it waits for has been sent SIGKILL.
    pub(crate) killed: bool,
    /// How many processes had to be killed.
    pub(crate) strikes: u8,
    /// What its main process says that it is doing.
    pub(crate) said: TextHandle,
    pub(crate) respawns: Respawns,
    /// Its place among the timers.
    pub(crate) timer: Option<u32>,
    /// Events it may still emit out of its reservation, and the text set aside for each.
    pub(crate) events_left: u8,
    pub(crate) event_text: u32,
    /// Text set aside for its events in all.
    pub(crate) text_reserved: u32,
    /// Waiting events it has a reservation for.
    pub(crate) waiters_left: u8,
}

/// How a job failed: the first failure since `starting`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Failure {
    /// Which process; `None` for the respawn limit.
    pub(crate) process: Option<Process>,
    /// How it ended, if it ever ran.
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

impl Linked for Job {
    fn link(&mut self) -> &mut Option<JobId> {
        &mut self.link
    }
}

impl Job {
    pub(crate) fn pid(&self, process: Process) -> Option<Pid> {
        self.pids.get(process.index()).copied().flatten()
    }

    /// Sets the process id of one of the job's processes, and gives the one before.
    pub(crate) fn set_pid(&mut self, process: Process, pid: Option<Pid>) -> Option<Pid> {
        self.pids.get_mut(process.index()).and_then(|place| core::mem::replace(place, pid))
    }
}

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Alarm {
    /// To look whether the main process is ready by now, or too late.
    Readiness,
    /// To look whether an adopted process has stayed.
    Relation,
    /// To look whether the process between the first and the daemon has ended.
    Middle,
    /// The main process must have said that it is alive (`watchdog`).
    Watchdog,
    /// The main process must have ended of the signal that it got for not saying so.
    Abort,
    /// A process must have ended (`kill timeout`, `hook timeout`, force), or those that had a signal with it.
    End,
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
