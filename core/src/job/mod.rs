//! Jobs: how they are made, move, are followed and killed, and end.

mod adopt;
mod end;
mod follow;
mod heir;
mod hold;
pub(crate) mod instance;
mod kill;
mod kill_rest;
mod notify;
mod process;
mod retry;
mod step;
mod survey;
mod timeouts;
pub(crate) mod waiters;
mod waits;
