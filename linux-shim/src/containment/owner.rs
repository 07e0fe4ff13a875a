//! To whom a process can belong, and what is asked of the system to find that out.

use uphold_core::{JobId, Pid};

use super::process::ClaimedName;
use crate::watch::proc_stat::Stat;

/// Whose a process is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Owner {
    /// It belongs to the job's main process.
    Main(JobId),
    /// It is a hook, or belongs to one.
    Hook(JobId),
    /// No job's.
    Nobody,
}

/// What the rules ask of the world.
pub trait World {
    /// What is known of a process.
    fn stat(&self, pid: Pid) -> Option<Stat>;
    /// What its environment says.
    fn named(&self, pid: Pid) -> Option<ClaimedName>;
    /// Whether it has a whole environment that names no job.
    fn is_foreign(&self, pid: Pid) -> bool;
    /// Whether a job is called so.
    fn is_called(&self, job: JobId, named: &ClaimedName) -> bool;
}
