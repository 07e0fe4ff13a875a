//! The owners of processes, and the questions to the system by which they are found.

use nix::errno::Errno;
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

/// The questions of the rules. Each has three answers: yes, no, and an error if the system does not tell now.
pub trait World {
    /// The state of a process.
    ///
    /// # Errors
    /// The system does not tell now.
    fn stat(&self, pid: Pid) -> Result<Option<Stat>, Errno>;
    /// The job and instance in the environment of a process.
    ///
    /// # Errors
    /// The system does not tell now.
    fn named(&self, pid: Pid) -> Result<Option<ClaimedName>, Errno>;
    /// Whether a job has this name.
    fn is_called(&self, job: JobId, named: &ClaimedName) -> bool;
}
