//! The history of jobs: a table with the lasting part of each, and a ring of everything that has happened last.

mod ring;
mod table;

use uphold_core::control::why::{Happening, Past, Record, Tenths};
use uphold_core::{Fnv, Instant, Notice, Supervisor};

use crate::history::ring::Ring;
pub(crate) use crate::history::ring::RingEntry;
pub(crate) use crate::history::table::Remembered;
use crate::history::table::Table;

/// More bytes than a record has in the form of postcard.
const RECORD: usize = 32;

/// The history of all jobs. It has all the memory that it will ever need, and is resident as far as it is used.
pub(crate) struct History {
    table: Table,
    ring: Ring,
}

/// The hash of a job's name: a job is known by it, since its class changes with its file.
fn hash(name: &[u8]) -> u32 {
    Fnv::new().with(name).value()
}

/// A moment of the supervisor's clock.
pub(crate) fn tenths(now: Instant) -> Tenths {
    Tenths(u32::try_from(now.0 / 100).unwrap_or(u32::MAX))
}

impl History {
    /// An empty history.
    pub(crate) fn new() -> History {
        History { table: Table::new(), ring: Ring::new() }
    }

    /// Notes what a notice says about a job.
    pub(crate) fn note(&mut self, supervisor: &Supervisor<'_>, notice: &Notice, now: Instant) {
        if let Some((job, what)) = Happening::of(notice)
            && let Some(class) = supervisor.class_of(job)
        {
            let (name, record) = (hash(supervisor.class_name(class)), Record { at: tenths(now), what });
            self.table.note(class.index(), name, record);
            self.ring.note(name, record);
        }
    }

    /// The lasting part of the history of the job of that name.
    pub(crate) fn past(&self, name: &[u8]) -> Past {
        self.table.past(hash(name))
    }

    /// The last happenings of the job of that name, as many as fit into the room, the oldest first and one after
    /// another.
    pub(crate) fn last<'r>(&self, name: &[u8], room: &'r mut [u8]) -> &'r [u8] {
        let mut from = room.len();
        let mut one = [0; RECORD];
        for record in self.ring.backwards(hash(name)) {
            let bytes = postcard::to_slice(&record, &mut one).map_or(&[][..], |bytes| &*bytes);
            let Some(place) = from.checked_sub(bytes.len()) else { break };
            room[place..from].copy_from_slice(bytes);
            from = place;
        }
        &room[from..]
    }

    /// Whether anything was forgotten.
    pub(crate) fn has_forgotten(&self) -> bool {
        self.ring.is_full()
    }

    /// The rows and the ring, for the next program.
    pub(crate) fn carry(
        &self,
    ) -> (impl Iterator<Item = &Remembered> + Clone, impl Iterator<Item = &RingEntry> + Clone) {
        (self.table.rows(), self.ring.entries())
    }

    /// Takes what another program has carried.
    pub(crate) fn put_back(&mut self, (rows, entries): (Vec<Remembered>, Vec<RingEntry>)) {
        self.table.put_back(&rows);
        entries.into_iter().for_each(|entry| self.ring.put(entry));
    }
}
