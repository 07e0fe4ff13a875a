//! What the kernel reports, and the processes that it reports on: waiting, reaping, tracing, pidfds, signals.

pub(crate) mod exits;
pub mod kill;
pub mod pidfd;
pub(crate) mod proc_files;
pub mod proc_stat;
pub mod reap;
pub mod signals;
pub mod trace;
pub mod wait;
