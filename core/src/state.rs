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

/// Where a job is: the seventeen states of Upstart 1.13.2 (init(8) Table 1, security, and the six in which a process is
/// being spawned).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum State {
    Waiting,
    Starting,
    SecuritySpawning,
    Security,
    PreStarting,
    PreStart,
    Spawning,
    Spawned,
    PostStarting,
    PostStart,
    Running,
    PreStopping,
    PreStop,
    Stopping,
    Killed,
    PostStopping,
    PostStop,
}

/// The events that jobs emit (starting(7), started(7), stopping(7), stopped(7)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum JobEvent {
    Starting,
    Started,
    Stopping,
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

    /// Whether it says how the job fared (`RESULT` and what follows it).
    pub const fn has_result(self) -> bool {
        matches!(self, JobEvent::Stopping | JobEvent::Stopped)
    }
}

impl State {
    /// The state of a job at rest, in which an instance begins and ends.
    pub const REST: State = State::Waiting;

    /// How many states there are.
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
