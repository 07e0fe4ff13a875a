//! A live process.

use core::hash::Hash;

use crate::ids::{JobId, ProcessId, kind};
use crate::memory::index::{Fnv, Indexed};
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

/// The hash by which a process id is found.
pub(crate) fn hash(pid: Pid) -> u32 {
    Fnv::new().with(&pid.get().to_le_bytes()).value()
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

impl LiveProcess {
    pub(crate) fn renumber_processes(&mut self, number: impl Fn(Pid) -> Pid) {
        // The order of a chain depends on the old process id.
        (self.pid, self.chain) = (number(self.pid), None);
    }
}

impl Record for LiveProcess {
    type Kind = kind::Process;
}
