//! Starting and ending the supervisor: the command line, the preparation of a bare system, and the path into the loop.

mod beginning;
mod environment;
pub mod first_process;
mod help;
mod leftovers;
pub mod options;
mod sockets;
pub mod startup;
mod takeover;
mod user_dirs;
