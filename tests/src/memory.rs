//! The storages of pretend worlds.

use std::hash::Hash;

use uphold_core::{Storage, Supervisor, storage};

/// A storage of any size.
pub trait Memory: Hash {
    /// The capacity for text: bytes, and pieces.
    const TEXT: (usize, usize);
    /// The supervisor on this storage.
    fn supervisor(&mut self) -> Supervisor<'_>;
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> Memory for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS, SCRATCH>
{
    const TEXT: (usize, usize) = (TEXT, PIECES);

    fn supervisor(&mut self) -> Supervisor<'_> {
        Storage::supervisor(self)
    }
}

/// The storage for scenarios.
pub type Small = storage! {
    classes: 16,
    jobs: 16,
    events: 48,
    waiters: 48,
    leaves: 64,
    names: 64,
    text: 16384,
    pieces: 256,
};

/// A storage for one job at a time, one command and one event.
pub type Tiny = storage! {
    classes: 1,
    jobs: 1,
    events: 4,
    waiters: 6,
    leaves: 2,
    names: 2,
    text: 768,
    pieces: 16,
    chains: 4,
};
