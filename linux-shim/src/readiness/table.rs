//! What is kept for each job while its main process may say something.

use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};
use uphold_core::{JobId, Pid};

use super::pid_file::Before;
use crate::capacity::JOBS;

/// The number in the name of a socket.
pub(super) type Name = [u64; 2];

/// A job's main process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Main {
    pub(super) pid: Pid,
    /// When it began: a later process of its number is somebody else.
    pub(super) began: u64,
    /// In whose name it acts, as far as is known.
    pub(super) user: Option<u32>,
}

/// What one job has, by the job's place. Nothing of it outlives a launch.
#[derive(Default)]
pub(super) struct DaemonSlot {
    /// Whose this is: the next job at that place is another one.
    pub(super) job: Option<JobId>,
    pub(super) socket: Option<OwnedFd>,
    pub(super) pipe: Option<OwnedFd>,
    pub(super) name: Name,
    pub(super) main: Option<Main>,
    /// The session of the process that was launched.
    pub(super) session: u32,
    /// How the file was that is to name the process.
    pub(super) before: Option<Before>,
    /// Which warnings were said.
    pub(super) warned: u8,
}

/// The jobs' records, by the job's index.
pub(crate) struct DaemonTable {
    pub(super) places: Vec<DaemonSlot>,
    /// The main processes, or 0, each at its job's place: whoever ends is looked for here.
    pub(super) mains: Vec<u32>,
}

impl DaemonTable {
    /// No job's; room for all, which costs nothing until it is used.
    pub(super) fn new() -> Self {
        DaemonTable { places: Vec::with_capacity(JOBS), mains: Vec::with_capacity(JOBS) }
    }

    /// The index of a job, at which there is a place for it from now on.
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

    /// A job's place.
    pub(super) fn place(&self, job: JobId) -> Option<&DaemonSlot> {
        self.places.get(job.index()).filter(|place| place.job == Some(job))
    }

    /// A job's place.
    pub(super) fn place_mut(&mut self, job: JobId) -> Option<&mut DaemonSlot> {
        self.places.get_mut(job.index()).filter(|place| place.job == Some(job))
    }

    /// Empties the place of that index, whichever job had it.
    pub(super) fn clear(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            *place = DaemonSlot::default();
            self.mains[index] = 0;
        }
    }
}
