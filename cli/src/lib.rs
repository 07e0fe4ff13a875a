//! The words of the supervisor: `initctl` (initctl(8)) and the programs around it.
//!
//! What is typed becomes requests, and their replies become lines. Which command asks what and prints what stands in one
//! table, [`command::COMMANDS`]; what a supervisor decides is none of this crate's business.
//!
//! One binary is all of these, by the name that it is called by:
//!
//! | name | is |
//! |---|---|
//! | a row of [`tools::TOOLS`]: `telinit`, `runlevel`, `shutdown`, `reboot`, `init-checkconf`, ... | that tool |
//! | a row of [`command::COMMANDS`]: `start`, `stop`, `restart`, `reload`, `status`, ... | `initctl` with that command |
//! | anything else | `initctl` |
#![forbid(unsafe_code)]

pub mod command;
mod config;
mod connection;
mod context;
pub mod descriptions;
mod dispatch;
mod environment;
mod failure;
pub mod help;
mod invocation;
pub mod options;
mod print;
mod requests;
mod sessions;
mod system;
pub mod tools;
mod wait_reporter;

pub use dispatch::main_as;
pub use system::utmp;
