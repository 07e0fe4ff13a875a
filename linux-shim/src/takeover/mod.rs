//! Taking over from a supervisor that was killed, whose daemons live on as children of another process; or from this
//! very process, after a crash.

pub(crate) mod crash;
pub(crate) mod lost;
pub(crate) mod recovery;
pub(crate) mod taken;
