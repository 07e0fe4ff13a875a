//! Clients: what they ask, and how they are answered.

pub mod cause;
mod command;
mod set_env;
mod view;
