//! The system calls of the Uphold process supervisor on Linux: one arm per effect, and no rule about jobs.
#![deny(unsafe_code)]

pub mod accounts;
pub mod capacity;
pub mod cgroup;
#[allow(unsafe_code)]
pub(crate) mod child;
pub mod client_table;
pub mod command;
pub mod conf_dir;
pub mod containment;
pub mod control_socket;
pub(crate) mod ends;
pub mod errands;
pub mod error;
pub mod first_process;
pub mod handover;
pub mod job_file;
pub mod job_log;
pub mod kept_output;
#[allow(unsafe_code)]
pub mod kernel;
pub mod kill;
pub mod launch;
mod left_behind;
pub mod linux;
pub mod login_records;
pub mod message_log;
pub mod options;
mod patience;
pub mod pidfd;
pub mod preparation;
pub(crate) mod proc_stat;
pub mod programs;
pub mod readiness;
pub mod reap;
pub mod resources;
pub mod run_loop;
pub mod sessions;
mod set_up;
pub mod settings;
pub mod signals;
mod slots;
pub mod spawn;
pub mod startup;
mod system_socket;
pub(crate) mod terminals;
pub mod trace;
mod turn;
pub mod wait;
