//! System calls that nix does not offer in a usable form, as safe functions. `unsafe` is here and in `launch/child.rs`
//! only.
//!
//! nix's `Signal` has no real-time signals: its `kill` and `ptrace::cont` cannot pass them on, and its `waitid` fails
//! with EINVAL for a process that such a signal killed, after it has reaped the process, so that the exit would be
//! lost. nix has no clone(2) on a stack that is kept, no close_range(2) and no pidfds. Its setuid(2) is the C
//! library's, which changes every thread of the process whose memory it runs in.
//!
//! Nothing here but the allocator allocates, and nothing locks or panics: a child that runs in the supervisor's memory
//! (see `launch::child`) uses it too.

pub mod allocator;
pub(crate) mod attributes;
pub(crate) mod crash;
pub mod descriptors;
pub mod error;
pub(crate) mod exec;
pub mod memory;
pub(crate) mod process;
pub(crate) mod ptrace;
pub(crate) mod signals;
pub(crate) mod socket;
pub mod terminal;
