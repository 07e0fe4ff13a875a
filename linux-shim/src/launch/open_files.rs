//! The supervisor's own limits: it needs descriptors for thousands of jobs, but no job is to inherit that.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit of open files as it was given to the supervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFiles {
    /// The limit in force.
    pub soft: rlim_t,
    /// How far it may be raised.
    pub hard: rlim_t,
}

impl OpenFiles {
    /// Raises the limit as far as it goes. Says what to put it back to in each process that is made; `None` if it was
    /// there already.
    pub fn raise() -> Option<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
        raised.then_some(OpenFiles { soft, hard })
    }

    /// Puts the limit back to what was given.
    pub fn put_back(&self) {
        // Within the hard limit, so it cannot be refused.
        setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard).unwrap_or_default();
    }

    /// Raises the limit again.
    pub fn raise_again(&self) {
        setrlimit(Resource::RLIMIT_NOFILE, self.hard, self.hard).unwrap_or_default();
    }
}
