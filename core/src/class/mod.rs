//! Classes: the declarations of job files, the index of the events that they name, and their replacement.

mod circle;
mod declare;
pub mod define;
pub(crate) mod instance;
pub(crate) mod interest;
mod replace;
