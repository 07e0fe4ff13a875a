//! Clients: what they ask, and how they are answered.

pub mod cause;
mod command;
pub mod requests;
mod set_env;
mod view;
