//! Containers in memory that the caller owns. They contain no term of Upstart's.

pub(crate) mod arena;
mod by_content;
pub mod index;
pub(crate) mod pool;
pub(crate) mod queue;
mod span;
pub(crate) mod texts;
pub(crate) mod timers;
