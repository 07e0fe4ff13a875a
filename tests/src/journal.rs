//! The inputs of a world, in the form in which the shim keeps them.

use uphold_core::{Input, Instant};
use uphold_linux::keep::entry::{Entry, Stamp};

/// The inputs of a world, as the shim writes them.
#[derive(Clone, Default)]
pub struct Journal {
    /// The generation of the checkpoint before them.
    pub generation: u64,
    /// The entries.
    pub bytes: Vec<u8>,
    /// The effects since the last input, and whether there was none left.
    pub(crate) polled: u32,
    pub(crate) drained: bool,
}

impl Journal {
    /// An empty journal.
    pub fn new(generation: u64) -> Self {
        Journal { generation, ..Journal::default() }
    }

    pub(crate) fn write(&mut self, now: Instant, input: Input<'_>) {
        let (polled, drained) = (std::mem::take(&mut self.polled), std::mem::take(&mut self.drained));
        let mut room = [0; 1 << 12];
        let entry = Entry::new(Stamp { polled, drained, now, ticks: 0 }, input);
        self.bytes.extend_from_slice(entry.write(self.generation, &mut room).expect("room for an input"));
    }
}
