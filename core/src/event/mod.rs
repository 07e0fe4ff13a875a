//! Events: how they are emitted, and which conditions hold them.

pub(crate) mod condition;
pub(crate) mod emit;
