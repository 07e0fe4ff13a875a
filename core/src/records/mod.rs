//! The state of the machine: plain data.

pub(crate) mod agenda;
pub(crate) mod class;
pub(crate) mod event;
pub(crate) mod interest;
pub(crate) mod job;
pub(crate) mod leaf;
pub(crate) mod process;
pub(crate) mod shutdown;
pub(crate) mod waiter;
