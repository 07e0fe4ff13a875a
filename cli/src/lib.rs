//! The command line of the supervisor: `initctl` and the programs around it.
//!
//! A command line becomes requests, and replies become lines of output. The table [`command::COMMANDS`] holds the
//! request and the output format of each command. This crate contains no rule about jobs: those are the supervisor's.
//!
//! One binary serves all programs. The name by which it is called selects one:
//!
//! | name | program |
//! |---|---|
//! | the name of a row of [`tools::TOOLS`]: `telinit`, `runlevel`, `shutdown`, ... | that tool |
//! | the name of a row of [`command::COMMANDS`]: `start`, `stop`, `status`, ... | `initctl` with that command |
//! | any other name | `initctl` |
#![forbid(unsafe_code)]

#[doc(hidden)]
pub mod chart;
pub mod command;
mod condition;
mod config;
mod connection;
mod context;
pub mod descriptions;
mod dispatch;
#[doc(hidden)]
pub mod dry_run;
mod environment;
mod failure;
pub mod help;
mod invocation;
mod jobs;
mod json;
mod monitor;
pub mod options;
mod order;
mod print;
mod probe;
mod requests;
mod service;
mod sessions;
mod signals;
mod system;
pub mod tools;
mod wait_reporter;
mod why;

pub use dispatch::main_as;
pub use system::utmp;
