//! How full the supervisor's memory is.

use core::hash::Hash;

use crate::machine::Supervisor;
use crate::memory::pool::{PoolView, Record};

/// The use of one capacity.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Usage {
    /// The number in use.
    pub used: usize,
    /// The number reserved for what must not fail.
    pub reserved: usize,
}

/// The use of every capacity. Without jobs and clients it is what the job files alone need.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub struct Occupancy {
    pub classes: Usage,
    pub jobs: Usage,
    pub processes: Usage,
    pub events: Usage,
    pub waiters: Usage,
    pub leaves: Usage,
    pub names: Usage,
    pub interests: Usage,
    /// Bytes of text.
    pub text: Usage,
    /// Pieces of text.
    pub pieces: Usage,
    pub timers: Usage,
}

fn taken<T: Record>(pool: &PoolView<'_, T>) -> Usage {
    Usage { used: pool.len(), reserved: pool.reserved() }
}

impl Supervisor<'_> {
    /// The use of every capacity.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            classes: taken(&self.classes),
            jobs: taken(&self.jobs),
            processes: taken(&self.processes),
            events: taken(&self.events),
            waiters: taken(&self.waiters),
            leaves: taken(&self.leaves),
            names: taken(&self.names),
            interests: taken(&self.interests),
            text: Usage { used: self.text.used(), reserved: self.text.reserved() },
            pieces: Usage { used: self.text.pieces(), reserved: self.text.reserved_pieces() },
            timers: Usage { used: self.timers.heap.len(), reserved: 0 },
        }
    }
}
