//! Which processes belong to which job, and the control groups that tell.

pub mod cgroup;
mod found;
mod groups;
mod hierarchy;
pub mod job_processes;
mod kin;
pub(crate) mod left_behind;
mod marks;
mod owner;
pub mod process;
pub(crate) mod record;
mod table;
