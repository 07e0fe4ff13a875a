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
pub struct Occupancy {
    /// Job classes.
    pub classes: Usage,
    /// Job instances that are not at rest.
    pub jobs: Usage,
    /// Live processes.
    pub processes: Usage,
    /// Events that are not finished.
    pub events: Usage,
    /// Clients that wait for a reply, and events that wait for jobs.
    pub waiters: Usage,
    /// Events named in conditions, counted once for each operator of a condition.
    pub leaves: Usage,
    /// Distinct event names in conditions.
    pub names: Usage,
    /// Classes whose conditions name an event, counted once for each event name.
    pub interests: Usage,
    /// Bytes of text.
    pub text: Usage,
    /// Pieces of text.
    pub pieces: Usage,
    /// Armed timers of jobs.
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
