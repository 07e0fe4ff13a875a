//! Taking over from a supervisor that was killed. Its daemons live on as children of another process.

pub(crate) mod recovery;
pub(crate) mod taken;
