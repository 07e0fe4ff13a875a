//! Crashes of process 1: a panic, a fault, or a signal that means one.
//!
//! If process 1 exits, the kernel panics. So it runs its own program again in its place, with the state that it has
//! kept outside of its memory: the same happens as in a re-exec (`handover`), except that the crashed program only
//! executes what was prepared. After the fourth crash within a minute it only reaps, and runs a program for a person.
//!
//! Everything from the fault to the next program may run in the middle of anything: no allocation, no lock. A session's
//! supervisor does none of this.

mod again;
pub mod past;
#[cfg(feature = "planted-crash")]
pub mod planted;
mod rescue;
pub mod strike;
mod text;
