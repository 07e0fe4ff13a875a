//! The limit of open files: the supervisor needs descriptors for thousands of jobs, but jobs must not inherit that
//! limit.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit of open files with which the supervisor was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenFiles {
    /// The limit in force.
    pub soft: rlim_t,
    /// The value up to which it may be raised.
    pub hard: rlim_t,
}

impl OpenFiles {
    /// Raises the limit as far as possible. Returns the limit that each process gets back; `None` if it was at its
    /// maximum already.
    pub fn raise() -> Option<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).ok()?;
        let raised = soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok();
        raised.then_some(OpenFiles { soft, hard })
    }

    /// Restores the original limit.
    pub fn put_back(&self) {
        // This is within the hard limit, so it cannot be refused.
        setrlimit(Resource::RLIMIT_NOFILE, self.soft, self.hard).unwrap_or_default();
    }

    /// Raises the limit again.
    pub fn raise_again(&self) {
        setrlimit(Resource::RLIMIT_NOFILE, self.hard, self.hard).unwrap_or_default();
    }
}
