//! The kernel's reports on processes: waiting, reaping, tracing, pidfds, signals.

pub(crate) mod exits;
pub mod kill;
pub mod pidfd;
pub(crate) mod proc_files;
pub mod proc_stat;
pub mod reap;
pub mod signals;
pub mod trace;
pub mod wait;
