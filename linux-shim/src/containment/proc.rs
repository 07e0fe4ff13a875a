//! The system as it is, for the rules of attribution.

use nix::errno::Errno;
use uphold_core::{JobId, Pid};

use super::owner::World;
use super::process::{self, ClaimedName};
use crate::watch::proc_stat::Stat;

/// The question whether a job has a name.
pub type IsCalled<'q> = &'q dyn Fn(JobId, &ClaimedName) -> bool;

/// `/proc`, and the names of jobs.
#[derive(Clone, Copy)]
pub(super) struct Proc<'f> {
    pub(super) is_called: IsCalled<'f>,
    /// Whether only processes count that have moved to another control group than the supervisor's, which is that of
    /// hooks.
    pub(super) moved: bool,
    /// The session that the environment of a process must name; empty for any.
    pub(super) session: &'f [u8],
}

impl<'f> Proc<'f> {
    /// Any process counts, of whatever session.
    pub(super) const fn of(is_called: IsCalled<'f>) -> Self {
        Proc { is_called, moved: false, session: &[] }
    }
}

impl World for Proc<'_> {
    fn stat(&self, pid: Pid) -> Result<Option<Stat>, Errno> {
        Stat::of(pid)
    }

    fn named(&self, pid: Pid) -> Result<Option<ClaimedName>, Errno> {
        if self.moved && process::is_in_our_group(pid)? {
            return Ok(None);
        }
        if self.session.is_empty() {
            return process::named(pid);
        }
        Ok(process::marked(pid)?.filter(|marked| marked.session == self.session).map(|marked| marked.name))
    }

    fn is_called(&self, job: JobId, named: &ClaimedName) -> bool {
        (self.is_called)(job, named)
    }
}
