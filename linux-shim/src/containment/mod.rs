//! The processes that belong to each job, and the control groups that show it.

mod abroad;
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
mod proc;
pub mod process;
pub(crate) mod record;
pub mod survey;
mod sweep;
mod table;
mod takeover;
pub(crate) mod unseen;
