//! Events: how they are emitted, and what conditions hold of them.

pub(crate) mod condition;
pub(crate) mod emit;
