//! The states and goals of a job, and the events that it emits: their names.
//! [`tables::lifecycle`](crate::tables::lifecycle) says what leads from one state to the next.

use core::fmt;
use core::hash::Hash;

use serde::{Deserialize, Serialize};

/// The state that a job is to reach (init(8), "Jobs").
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Goal {
    /// At rest.
    Stop,
    /// Running.
    Start,
    /// Running again: through `stopping` and back to `starting`, once the present hook has ended.
    Respawn,
}

impl Goal {
    /// The word in `status` and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Goal::Stop => "stop",
            Goal::Start => "start",
            Goal::Respawn => "respawn",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The state of a job: the seventeen of Upstart 1.13.2 (init(8) Table 1, security, and the six in which a process is
/// being spawned). A state of a process that the job does not have is passed through without a wait.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// The job is at rest: it has no process, and waits for goal start.
    Waiting,
    /// The event `starting` was emitted, and the job waits until it is finished.
    Starting,
    /// No process is spawned: the state is passed through at once.
    SecuritySpawning,
    /// No process runs: the state is passed through at once.
    Security,
    /// The pre-start process is being spawned.
    PreStarting,
    /// The pre-start process runs, and the job waits for its exit.
    PreStart,
    /// The main process is being spawned.
    Spawning,
    /// The main process exists, and the job waits until it is ready, by its `expect`.
    Spawned,
    /// The post-start process is being spawned.
    PostStarting,
    /// The post-start process runs, and the job waits for its exit.
    PostStart,
    /// The job runs, until its goal changes or its main process exits.
    Running,
    /// The pre-stop process is being spawned; the main process still runs.
    PreStopping,
    /// The pre-stop process runs, and the job waits for its exit. If the goal is start by then, the stop is called off.
    PreStop,
    /// The event `stopping` was emitted, and the job waits until it is finished.
    Stopping,
    /// The main process was sent the kill signal, and the job waits for its exit; after `kill timeout`, it is sent
    /// SIGKILL.
    Killed,
    /// The post-stop process is being spawned.
    PostStopping,
    /// The post-stop process runs, and the job waits for its exit. Then it is at rest, or starts again.
    PostStop,
}

/// The events that jobs emit (starting(7), started(7), stopping(7), stopped(7)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JobEvent {
    /// The job is about to start, and waits until the event is finished.
    Starting,
    /// The job runs.
    Started,
    /// The job is about to be stopped, and waits until the event is finished.
    Stopping,
    /// The job is at rest.
    Stopped,
}

impl JobEvent {
    /// The event's name.
    pub const fn name(self) -> &'static str {
        match self {
            JobEvent::Starting => "starting",
            JobEvent::Started => "started",
            JobEvent::Stopping => "stopping",
            JobEvent::Stopped => "stopped",
        }
    }

    /// Whether the event has the result of the run among its variables (`RESULT` and those after it).
    pub const fn has_result(self) -> bool {
        matches!(self, JobEvent::Stopping | JobEvent::Stopped)
    }
}

impl State {
    /// The state of a job at rest, in which an instance begins and ends.
    pub const REST: State = State::Waiting;

    /// The state of a job that has nothing to do but to run.
    pub const RUN: State = State::Running;

    /// The number of states.
    pub const COUNT: usize = 17;

    /// The word in `status` and in messages.
    pub const fn name(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Starting => "starting",
            State::SecuritySpawning => "security-spawning",
            State::Security => "security",
            State::PreStarting => "pre-starting",
            State::PreStart => "pre-start",
            State::Spawning => "spawning",
            State::Spawned => "spawned",
            State::PostStarting => "post-starting",
            State::PostStart => "post-start",
            State::Running => "running",
            State::PreStopping => "pre-stopping",
            State::PreStop => "pre-stop",
            State::Stopping => "stopping",
            State::Killed => "killed",
            State::PostStopping => "post-stopping",
            State::PostStop => "post-stop",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
