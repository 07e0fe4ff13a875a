//! Starting and ending the supervisor: the command line, the preparation of a bare system, and the way into the loop.

pub mod first_process;
pub mod options;
pub mod startup;
