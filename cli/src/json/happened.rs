//! Things that have happened to a job.

use serde::Serialize;
use uphold_core::control::why::Happening;
use uphold_core::{Exit, Process, SpawnError};

use crate::signals;

/// A happening, with its parts by name; `what` decides which there are.
#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
#[allow(missing_docs)] // The schema describes each.
pub enum Happened {
    Goal { goal: String },
    State { state: String },
    Started { process: String, pid: u32 },
    Became { pid: u32 },
    Ended { process: String, end: End },
    SpawnFailed { process: String, error: Error },
    SpawnDelayed { process: String, error: Error },
    Signalled { process: String, signal: String },
    Respawning,
    RespawningTooFast,
    Mistaken { expect: String, right: Option<String> },
    NotReady { seconds: u32 },
    HookOverdue { process: String, seconds: u32 },
    WatchdogMissed { seconds: u32 },
    GivenUp { process: String },
    Outlived { pid: u32 },
}

/// How a process ended: both are null if only its own parent knows.
#[derive(Serialize)]
pub struct End {
    status: Option<u8>,
    signal: Option<String>,
}

impl From<Exit> for End {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Status(status) => End { status: Some(status), signal: None },
            Exit::Signal(signal) => End { status: None, signal: Some(signals::name(signal.into())) },
            Exit::Unknown => End { status: None, signal: None },
        }
    }
}

/// The step of setting a process up that failed, and the kernel's error; 0 if it is not one of the kernel's.
#[derive(Serialize)]
pub struct Error {
    stage: String,
    errno: i32,
}

impl From<SpawnError> for Error {
    fn from(error: SpawnError) -> Self {
        Error { stage: error.stage.to_string(), errno: error.code }
    }
}

impl From<Happening> for Happened {
    fn from(what: Happening) -> Self {
        let named = |process: Process| process.to_string();
        match what {
            Happening::Goal(goal) => Happened::Goal { goal: goal.to_string() },
            Happening::State(state) => Happened::State { state: state.to_string() },
            Happening::Started(of, pid) => Happened::Started { process: named(of), pid },
            Happening::Became(pid) => Happened::Became { pid },
            Happening::Ended(of, exit) => Happened::Ended { process: named(of), end: exit.into() },
            Happening::SpawnFailed(of, error) => Happened::SpawnFailed { process: named(of), error: error.into() },
            Happening::SpawnDelayed(of, error) => Happened::SpawnDelayed { process: named(of), error: error.into() },
            Happening::Signalled(of, signal) => {
                Happened::Signalled { process: named(of), signal: signals::name(signal.0.into()) }
            }
            Happening::Respawning => Happened::Respawning,
            Happening::RespawningTooFast => Happened::RespawningTooFast,
            Happening::Mistaken(expect, right) => {
                Happened::Mistaken { expect: expect.to_string(), right: right.map(|right| right.to_string()) }
            }
            Happening::NotReady(seconds) => Happened::NotReady { seconds },
            Happening::HookOverdue(of, seconds) => Happened::HookOverdue { process: named(of), seconds },
            Happening::WatchdogMissed(seconds) => Happened::WatchdogMissed { seconds },
            Happening::GivenUp(of) => Happened::GivenUp { process: named(of) },
            Happening::Outlived(pid) => Happened::Outlived { pid },
        }
    }
}
