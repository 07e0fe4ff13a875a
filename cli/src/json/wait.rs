//! The wait of a job.

use std::borrow::Cow;

use serde::Serialize;
use uphold_core::control::{Cause, Holder, Waiting};

use super::text;

/// A wait. `text` says it in words; the other parts depend on `for`.
#[derive(Serialize)]
pub struct Wait<'a> {
    text: String,
    #[serde(flatten)]
    cause: Kind<'a>,
}

#[derive(Serialize)]
#[serde(tag = "for", rename_all = "snake_case")]
enum Kind<'a> {
    Stop,
    Spawn { process: String },
    Exit { process: String, pid: u32 },
    Readiness { pid: u32, expect: String },
    Survivors,
    Event { event: Cow<'a, str>, failed: bool, holder: Option<HeldBy<'a>>, others: u32 },
    Nothing,
    RespawnDelay { seconds: u32 },
    RespawnRetry { seconds: u32 },
    RespawnBudget { seconds: u32 },
}

/// The job, or the condition of a job, that holds an event.
#[derive(Serialize)]
struct HeldBy<'a> {
    by: &'static str,
    job: Cow<'a, str>,
    instance: Cow<'a, str>,
}

impl<'a> Wait<'a> {
    /// The wait of a job; `None` if it rests, runs as it should, or is about to move on.
    pub fn of(cause: Cause<'a>) -> Option<Wait<'a>> {
        Some(Wait { text: Waiting { job: None, cause }.to_string(), cause: Kind::of(cause)? })
    }
}

impl<'a> Kind<'a> {
    fn of(cause: Cause<'a>) -> Option<Self> {
        Some(match cause {
            Cause::Step | Cause::Goal(_) => return None,
            Cause::Stop => Kind::Stop,
            Cause::Spawned(process) => Kind::Spawn { process: process.to_string() },
            Cause::Ended(process, pid) => Kind::Exit { process: process.to_string(), pid },
            Cause::Ready(pid, expect) => Kind::Readiness { pid, expect: expect.to_string() },
            Cause::Survivors => Kind::Survivors,
            Cause::Event { event, of_failure, holder, others } => {
                Kind::Event { event: text(event), failed: of_failure, holder: HeldBy::of(holder), others }
            }
            Cause::Nothing => Kind::Nothing,
            Cause::Delay(seconds) => Kind::RespawnDelay { seconds },
            Cause::Retry(seconds) => Kind::RespawnRetry { seconds },
            Cause::Budget(seconds) => Kind::RespawnBudget { seconds },
        })
    }
}

impl<'a> HeldBy<'a> {
    fn of(holder: Holder<'a>) -> Option<Self> {
        let (by, job, instance): (_, _, &[u8]) = match holder {
            Holder::Unknown => return None,
            Holder::Job { job, instance } => ("job", job, instance),
            Holder::StartOn { job } => ("start on", job, b""),
            Holder::StopOn { job, instance } => ("stop on", job, instance),
        };
        Some(HeldBy { by, job: text(job), instance: text(instance) })
    }
}
