//! The status of a job.

use std::borrow::Cow;

use serde::Serialize;
use uphold_core::control::Status;
use uphold_core::{Goal, Process, State};

use super::text;

/// The status of a job or of an instance.
#[derive(Serialize)]
pub struct Job<'a> {
    job: Cow<'a, str>,
    instance: Cow<'a, str>,
    goal: String,
    state: String,
    processes: Vec<JobProcess>,
}

#[derive(Serialize)]
struct JobProcess {
    process: String,
    pid: u32,
}

impl<'a> Job<'a> {
    /// The parts of a status.
    pub fn new(job: &'a [u8], instance: &'a [u8], goal: Goal, state: State, processes: &[(Process, u32)]) -> Self {
        let its = |&(process, pid): &(Process, u32)| JobProcess { process: process.to_string(), pid };
        Job {
            job: text(job),
            instance: text(instance),
            goal: goal.to_string(),
            state: state.to_string(),
            processes: processes.iter().map(its).collect(),
        }
    }
}

impl<'a> From<&Status<'a>> for Job<'a> {
    fn from(status: &Status<'a>) -> Self {
        Job::new(status.job, status.instance, status.goal, status.state, &status.processes)
    }
}
