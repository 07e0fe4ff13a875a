//! The processes that belong to each job, and the control groups that show it.

mod attribution;
pub mod cgroup;
mod evidence;
pub(crate) mod executables;
mod found;
mod groups;
mod hierarchy;
pub mod job_processes;
pub(crate) mod leaving;
pub(crate) mod left_behind;
mod left_search;
mod owner;
pub mod process;
pub(crate) mod record;
mod sweep;
mod table;
pub(crate) mod unseen;
