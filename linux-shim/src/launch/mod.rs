//! From the order to spawn a process to its running program.

pub mod accounts;
#[allow(unsafe_code)]
pub(crate) mod child;
mod launch_wait;
pub mod launcher;
pub mod open_files;
pub mod preparation;
mod set_up;
pub(crate) mod slots;
pub mod spawn;
