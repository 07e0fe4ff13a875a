//! The history of jobs: a table with the lasting part of each, a ring of everything that has happened last, and a
//! record of the boot.

mod boot;
mod ring;
mod table;

use std::io::Result;

use uphold_core::control::boot::{Entry, Page};
use uphold_core::control::why::{Happening, Past, Record};
use uphold_core::{Fnv, Instant, Notice, Supervisor};

use crate::capacity::{BOOT, CLASSES, HISTORY};
use crate::clock::tenths;
use crate::history::boot::{Boot, BootHead};
use crate::history::ring::{Ring, RingEntry};
use crate::history::table::{Remembered, Table};
use crate::image::{Reader, Writer};

/// More bytes than a record has in the form of postcard.
const RECORD: usize = 32;

const _: () = assert!(
    CLASSES * size_of::<Remembered>() + HISTORY * size_of::<RingEntry>() + BOOT * size_of::<Entry>() <= CLASSES * 64,
    "the memory of a job"
);

/// The history of all jobs. It has all the memory that it will ever need, and is resident as far as it is used.
pub(crate) struct History {
    table: Table,
    ring: Ring,
    boot: Boot,
}

/// The hash of a job's name: a job is known by it, since its class changes with its file.
fn hash(name: &[u8]) -> u32 {
    Fnv::new().with(name).value()
}

impl History {
    /// An empty history.
    pub(crate) fn new() -> History {
        History { table: Table::new(), ring: Ring::new(), boot: Boot::new() }
    }

    /// Notes what a notice says about a job, or that an event is being offered.
    pub(crate) fn note(&mut self, supervisor: &Supervisor<'_>, notice: &Notice, now: Instant) {
        if let Notice::HandlingEvent(event) = *notice {
            self.boot.offer(event, now);
        }
        if let Some((job, what)) = Happening::of(notice)
            && let Some(class) = supervisor.class_of(job)
        {
            let (name, record) = (hash(supervisor.class_name(class)), Record { at: tenths(now), what });
            self.table.note(class.index(), name, record);
            self.ring.note(name, record);
            if let Notice::StateChanged { job, from, to } = *notice {
                let failed = self.table.has_failed(class.index(), name);
                self.boot.note(supervisor, (job, name), (from, to), failed, now);
            }
        }
    }

    /// A page of the record of the boot.
    pub(crate) fn boot<'r>(&mut self, from: u32, now: Instant, room: &'r mut [u8]) -> Page<'r> {
        let (entries, next) = self.boot.page(from as usize, room);
        Page { now: self.boot.since(now), is_full: self.boot.is_full(), next, entries }
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

    /// Writes all for the next program.
    pub(crate) fn carry(&self, writer: &mut Writer<'_>) -> Result<()> {
        writer.put_all(self.table.rows())?;
        writer.put_all(self.ring.entries())?;
        let (head, entries) = self.boot.carry();
        writer.put(head)?;
        writer.put_all(entries)
    }

    /// Takes what another program has carried.
    pub(crate) fn put_back(&mut self, carried: Carried) {
        self.table.put_back(&carried.rows);
        carried.ring.into_iter().for_each(|entry| self.ring.put(entry));
        self.boot.put_back(carried.head, &carried.boot);
    }
}

/// A history on its way to the next program.
pub(crate) struct Carried {
    rows: Vec<Remembered>,
    ring: Vec<RingEntry>,
    head: BootHead,
    boot: Vec<Entry>,
}

impl Carried {
    /// Reads what [`carry`](History::carry) has written.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Carried> {
        Ok(Carried { rows: reader.get_all()?, ring: reader.get_all()?, head: reader.get()?, boot: reader.get_all()? })
    }
}
