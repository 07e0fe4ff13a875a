//! The record of each job while its main process may report.

use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use uphold_core::{JobId, Pid};

use super::pid_file::Before;
use crate::capacity::JOBS;

/// The random number in the name of a socket.
pub(super) type Name = [u64; 2];

/// A job's main process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Main {
    pub(super) pid: Pid,
    /// The start time, which distinguishes it from a later process with the same process id.
    pub(super) began: u64,
    /// The effective user, as far as known.
    pub(super) user: Option<u32>,
}

/// The record of one job, by the job's index. Nothing of it outlives a launch.
#[derive(Default)]
pub(super) struct DaemonSlot {
    /// The job, which distinguishes it from the next job with that index.
    pub(super) job: Option<JobId>,
    pub(super) socket: Option<OwnedFd>,
    pub(super) pipe: Option<OwnedFd>,
    pub(super) name: Name,
    pub(super) main: Option<Main>,
    /// The session of the process that was launched.
    pub(super) session: u32,
    /// The version of the pid file before the launch.
    pub(super) before: Option<Before>,
    /// The warnings that were logged.
    pub(super) warned: u8,
}

/// The jobs' records, by the job's index.
pub(crate) struct DaemonTable {
    pub(super) places: Vec<DaemonSlot>,
    /// The process ids of the main processes, or 0, by the job's index. They are searched when a process exits.
    pub(super) mains: Vec<u32>,
}

impl DaemonTable {
    /// A table without records. Its capacity costs nothing until it is used.
    pub(super) fn new() -> Self {
        DaemonTable { places: Vec::with_capacity(JOBS), mains: Vec::with_capacity(JOBS) }
    }

    /// The index of a job, for which there is a record from now on.
    pub(super) fn make_room(&mut self, job: JobId) -> Option<usize> {
        let index = job.index();
        if index >= JOBS {
            return None;
        }
        if self.places.len() <= index {
            self.places.resize_with(index + 1, DaemonSlot::default);
            self.mains.resize(index + 1, 0);
        }
        Some(index)
    }

    /// The record of a job.
    pub(super) fn place(&self, job: JobId) -> Option<&DaemonSlot> {
        self.places.get(job.index()).filter(|place| place.job == Some(job))
    }

    /// The record of a job.
    pub(super) fn place_mut(&mut self, job: JobId) -> Option<&mut DaemonSlot> {
        self.places.get_mut(job.index()).filter(|place| place.job == Some(job))
    }

    /// Clears the record of that index, whichever job had it.
    pub(super) fn clear(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            *place = DaemonSlot::default();
            self.mains[index] = 0;
        }
    }
}
