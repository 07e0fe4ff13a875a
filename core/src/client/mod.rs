//! Clients: their requests, and the replies to them.

pub mod cause;
mod command;
mod found;
pub mod requests;
mod set_env;
mod view;
mod why;
