//! Classes: what job files declare, the index of the events that they name, and how one gives way to another.

mod declare;
pub mod define;
mod instance;
mod interest;
mod replace;
