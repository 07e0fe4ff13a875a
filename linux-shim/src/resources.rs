//! The supervisor's own limits: it needs descriptors for thousands of jobs, but no job is to inherit that.

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit of open files: as it was, which is what jobs get, and as high as it goes.
pub struct OpenFiles {
    given: rlim_t,
    most: rlim_t,
}

impl OpenFiles {
    /// Raises the limit as far as it goes.
    pub fn raise() -> Self {
        let (given, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
        let limit = OpenFiles { given, most };
        limit.raise_again();
        limit
    }

    /// Puts the limit back as it was, for a process that is about to be made.
    pub fn lower(&self) {
        if self.given < self.most {
            // Within the hard limit, so it cannot be refused.
            setrlimit(Resource::RLIMIT_NOFILE, self.given, self.most).unwrap_or_default();
        }
    }

    /// Raises the limit after a process was made.
    pub fn raise_again(&self) {
        if self.given < self.most {
            setrlimit(Resource::RLIMIT_NOFILE, self.most, self.most).unwrap_or_default();
        }
    }
}
