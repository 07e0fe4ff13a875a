//! The kept state: what a supervisor leaves for its successor when it ends without a word, by SIGKILL or by a fault.
//!
//! It is one file: a checkpoint of the whole state, and a journal of the inputs that came after it, each written before
//! it is handled. The core is deterministic, so both together are the state. Nothing is written while nothing happens.

pub mod entry;
pub mod file;
pub(crate) mod first_steps;
pub mod keeper;
pub mod origin;
pub mod predecessor;
pub mod program;
pub mod replay;
pub(crate) mod stops;
pub(crate) mod strays;
pub(crate) mod taken;
