//! The owners of processes, and the questions to the system by which they are found.

use uphold_core::{JobId, Pid};

use super::process::ClaimedName;
use crate::watch::proc_stat::Stat;

/// The owner of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Owner {
    /// The job's main process, or a descendant of it.
    Main(JobId),
    /// A hook of the job, or a descendant of it.
    Hook(JobId),
    /// No job.
    NoJob,
}

/// The questions of the rules.
pub trait World {
    /// The state of a process.
    fn stat(&self, pid: Pid) -> Option<Stat>;
    /// The job and instance in the environment of a process.
    fn named(&self, pid: Pid) -> Option<ClaimedName>;
    /// Whether a process has a whole environment that names no job.
    fn is_foreign(&self, pid: Pid) -> bool;
    /// Whether a job has this name.
    fn is_called(&self, job: JobId, named: &ClaimedName) -> bool;
}
