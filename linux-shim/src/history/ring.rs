//! The ring of what has happened last to all jobs.

use std::collections::VecDeque;

use uphold_core::control::why::Record;

use crate::capacity::HISTORY;

/// A happening of one job.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct RingEntry {
    name: u32,
    record: Record,
}

/// The ring.
pub(super) struct Ring(VecDeque<RingEntry>);

impl Ring {
    pub(super) fn new() -> Ring {
        Ring(VecDeque::with_capacity(HISTORY))
    }

    pub(super) fn note(&mut self, name: u32, record: Record) {
        self.put(RingEntry { name, record });
    }

    /// Takes an entry; the oldest one makes room for it.
    pub(super) fn put(&mut self, entry: RingEntry) {
        if self.is_full() {
            self.0.pop_front();
        }
        self.0.push_back(entry);
    }

    pub(super) fn is_full(&self) -> bool {
        self.0.len() >= HISTORY
    }

    /// The records of one job, the latest first.
    pub(super) fn backwards(&self, name: u32) -> impl Iterator<Item = Record> {
        self.0.iter().rev().filter(move |entry| entry.name == name).map(|entry| entry.record)
    }

    /// All, the oldest first.
    pub(super) fn entries(&self) -> impl Iterator<Item = &RingEntry> + Clone {
        self.0.iter()
    }
}
