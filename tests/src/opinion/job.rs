//! An instance of a job.

use std::fmt;

use uphold_core::{Exit, Goal, Process, Signal, State};

use super::condition::Condition;
use super::variables::Variables;

/// An instance.
#[derive(Clone, Debug)]
pub(super) struct Job {
    /// A number that no other instance ever has.
    pub number: u32,
    /// The place of its class.
    pub class: usize,
    pub class_name: &'static str,
    pub instance: String,
    pub goal: Goal,
    pub state: State,
    /// The process ids, in the order of [`Process::ALL`].
    pub pids: [Option<u32>; Process::COUNT],
    pub variables: Variables,
    /// The variables of the next start.
    pub next_variables: Option<Variables>,
    /// The variables of the stop.
    pub stop_variables: Variables,
    pub stop_on: Option<Condition>,
    pub failure: Option<Failure>,
    pub respawns: u32,
    /// When the first respawn of the window was, in seconds.
    pub window: u64,
    /// When SIGKILL is due; of two that are due at the same time, the lower number is first.
    pub kill_at: Option<(u64, u32)>,
    /// Clients and events that wait for it.
    pub waiters: Vec<Waiter>,
}

/// Why a job failed: a process, or too many respawns (no process).
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    pub process: Option<Process>,
    pub exit: Option<Exit>,
}

/// An event or a client that waits for a job.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Waiter {
    Event(u32),
    /// A client, and what it says if the job fails.
    Client(usize, &'static str),
}

impl Job {
    pub fn pid(&self, process: Process) -> Option<u32> {
        self.pids[process.index()]
    }

    /// The name in messages.
    pub fn name(&self) -> String {
        if self.instance.is_empty() {
            self.class_name.to_owned()
        } else {
            format!("{} ({})", self.class_name, self.instance)
        }
    }
}

/// The status (initctl(8) status), with `; ` for a new line and its tab.
impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.name(), self.goal, self.state)?;
        let live = Process::ALL.into_iter().filter_map(|process| Some((process, self.pid(process)?)));
        for (place, (process, pid)) in live.enumerate() {
            match (place, process) {
                (0, Process::PostStart | Process::PreStop) => write!(f, ", ({process}) process {pid}")?,
                (0, _) => write!(f, ", process {pid}")?,
                _ => write!(f, "; {process} process {pid}")?,
            }
        }
        Ok(())
    }
}

/// The words of a message about the end of a process.
pub(super) fn words(exit: Exit) -> String {
    match exit {
        Exit::Status(0) => "exited normally".to_owned(),
        Exit::Status(status) => format!("terminated with status {status}"),
        Exit::Signal(signal) => format!("killed by {} signal", Signal(signal)),
        Exit::Unknown => "ended".to_owned(),
    }
}
