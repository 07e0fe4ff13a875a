//! Starting and ending the supervisor: the command line, the preparation of a bare system, and the path into the loop.

mod beginning;
pub mod first_process;
mod leftovers;
pub mod options;
pub mod startup;
mod user_dirs;
