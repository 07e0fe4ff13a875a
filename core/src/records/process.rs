//! A live process.

use core::hash::Hash;

use crate::ids::{JobId, ProcessId, kind};
use crate::memory::index::Indexed;
use crate::memory::pool::Record;
use crate::process::{Pid, Process};

/// A live process of a job.
#[derive(Clone, Debug, Hash)]
pub(crate) struct LiveProcess {
    pub(crate) pid: Pid,
    pub(crate) job: JobId,
    pub(crate) process: Process,
    pub(crate) chain: Option<ProcessId>,
}

/// The hash by which a process id is found: itself. Process ids are given in order, so neighbouring chains are used,
/// and the memory of the others is never touched.
pub(crate) const fn hash(pid: Pid) -> u32 {
    pid.get()
}

impl Indexed for LiveProcess {
    fn hash(&self) -> u32 {
        hash(self.pid)
    }
    fn next(&mut self) -> &mut Option<ProcessId> {
        &mut self.chain
    }
    fn peek(&self) -> Option<ProcessId> {
        self.chain
    }
}

impl Record for LiveProcess {
    type Kind = kind::Process;
}
