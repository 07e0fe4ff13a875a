//! How full the supervisor's memory is.

use core::hash::Hash;

use crate::machine::Supervisor;
use crate::memory::pool::{PoolView, Record};

/// How much of one capacity is taken.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Taken {
    /// How much is in use.
    pub used: usize,
    /// How much is set aside for what must not fail.
    pub reserved: usize,
}

/// How much of every capacity is taken. With no job and no client it is what the job files alone take.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub struct Occupancy {
    pub classes: Taken,
    pub jobs: Taken,
    pub processes: Taken,
    pub events: Taken,
    pub waiters: Taken,
    pub leaves: Taken,
    pub names: Taken,
    pub interests: Taken,
    /// In bytes.
    pub text: Taken,
    /// Pieces of text.
    pub pieces: Taken,
    pub timers: Taken,
}

fn taken<T: Record>(pool: &PoolView<'_, T>) -> Taken {
    Taken { used: pool.len(), reserved: pool.reserved() }
}

impl Supervisor<'_> {
    /// How much of every capacity is taken.
    pub fn occupancy(&self) -> Occupancy {
        Occupancy {
            classes: taken(&self.classes),
            jobs: taken(&self.jobs),
            processes: taken(&self.running),
            events: taken(&self.events),
            waiters: taken(&self.waiters),
            leaves: taken(&self.leaves),
            names: taken(&self.names),
            interests: taken(&self.interests),
            text: Taken { used: self.text.used(), reserved: self.text.reserved() },
            pieces: Taken { used: self.text.pieces(), reserved: self.text.reserved_pieces() },
            timers: Taken { used: self.timers.heap.len(), reserved: 0 },
        }
    }
}
