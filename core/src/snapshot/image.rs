//! The bytes of an image: records in frames, and the checksum.

use embedded_io::{ErrorType, Read, Write};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::Unreadable;
use crate::control::frame::{FrameError, decode, read_frame, write_frame};
use crate::ids::{LeafId, WaiterId, kind};
use crate::limits::{Full, SNAPSHOT_PIECE, SNAPSHOT_RECORD};
use crate::memory::arena::ArenaView;
use crate::memory::index::Fnv;
use crate::memory::pool::{Content, PoolView, Record, Tally};
use crate::memory::queue::Queue;
use crate::memory::texts::Texts;
use crate::records::leaf::Leaf;
use crate::records::waiter::{WaitQueue, Waiter, WaiterKind};

/// A reader or writer that computes a checksum of the bytes that pass through.
pub(super) struct Summed<'w, W> {
    with: &'w mut W,
    sum: Fnv,
}

impl<'w, W> Summed<'w, W> {
    fn new(with: &'w mut W) -> Self {
        Summed { with, sum: Fnv::new() }
    }
}

impl<W: ErrorType> ErrorType for Summed<'_, W> {
    type Error = W::Error;
}

impl<W: Write> Write for Summed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, W::Error> {
        let written = self.with.write(bytes)?;
        self.sum = self.sum.with(bytes.get(..written).unwrap_or(bytes));
        Ok(written)
    }
    fn flush(&mut self) -> Result<(), W::Error> {
        Ok(())
    }
}

impl<R: Read> Read for Summed<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> Result<usize, R::Error> {
        let count = self.with.read(bytes)?;
        self.sum = self.sum.with(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }
}

pub(super) struct Writer<'w, W> {
    to: Summed<'w, W>,
    buffer: [u8; SNAPSHOT_RECORD],
}

impl<'w, W: Write> Writer<'w, W> {
    pub(super) fn new(to: &'w mut W) -> Self {
        Writer { to: Summed::new(to), buffer: [0; SNAPSHOT_RECORD] }
    }

    /// Writes the checksum of everything so far.
    pub(super) fn finish(mut self) -> Result<(), FrameError<W::Error>> {
        let sum = self.to.sum.value();
        self.put(&sum)
    }

    pub(super) fn put<T: Serialize>(&mut self, record: &T) -> Result<(), FrameError<W::Error>> {
        write_frame(&mut self.to, record, &mut self.buffer)
    }

    /// Writes a pool slot by slot, with the generations and the order in which free slots are taken.
    pub(super) fn pool<T: Record + Serialize>(&mut self, pool: &PoolView<'_, T>) -> Result<(), FrameError<W::Error>> {
        self.put(&(pool.slots.len() as u32, pool.tally.free))?;
        pool.slots.iter().try_for_each(|slot| self.put(slot))
    }

    /// Writes the texts of a record.
    pub(super) fn texts(&mut self, text: &ArenaView<'_>, mut of: impl Texts) -> Result<(), FrameError<W::Error>> {
        for &mut handle in of.texts() {
            let content = text.get(handle);
            self.put(&(content.len() as u32))?;
            content.chunks(SNAPSHOT_PIECE).try_for_each(|piece| self.put(&piece))?;
        }
        Ok(())
    }

    pub(super) fn texts_of<T: Record + Texts + Clone>(
        &mut self,
        text: &ArenaView<'_>,
        pool: &PoolView<'_, T>,
    ) -> Result<(), FrameError<W::Error>> {
        pool.ids().filter_map(|id| pool.get(id)).try_for_each(|thing| self.texts(text, thing.clone()))
    }

    /// Writes a queue of waiters; `None` ends it.
    pub(super) fn queue(
        &mut self,
        waiters: &PoolView<'_, Waiter>,
        first: Option<WaiterId>,
    ) -> Result<(), FrameError<W::Error>> {
        let mut at = first.and_then(|first| waiters.get(first));
        while let Some(waiter) = at {
            self.put(&Some(waiter.kind))?;
            at = waiter.link.and_then(|next| waiters.get(next));
        }
        self.put(&None::<WaiterKind>)
    }
}

pub(super) struct Reader<'r, R> {
    from: Summed<'r, R>,
    buffer: [u8; SNAPSHOT_RECORD],
}

impl<'r, R: Read> Reader<'r, R> {
    pub(super) fn new(from: &'r mut R) -> Self {
        Reader { from: Summed::new(from), buffer: [0; SNAPSHOT_RECORD] }
    }

    /// Compares the checksum with that of everything so far.
    pub(super) fn finish(&mut self) -> Result<(), Unreadable<R::Error>> {
        let sum = self.from.sum.value();
        if self.get::<u32>()? == sum { Ok(()) } else { Err(Unreadable::Checksum) }
    }

    pub(super) fn get<'b, T: Deserialize<'b>>(&'b mut self) -> Result<T, FrameError<R::Error>> {
        Ok(decode(read_frame(&mut self.from, &mut self.buffer)?)?)
    }

    /// Reads a pool slot by slot.
    pub(super) fn pool<T: Record + DeserializeOwned>(
        &mut self,
        pool: &mut PoolView<'_, T>,
    ) -> Result<(), Unreadable<R::Error>> {
        let (count, free): (u32, Option<u32>) = self.get()?;
        for _ in 0..count {
            pool.slots.push(self.get()?).map_err(|_| Full { limit: pool.limit })?;
        }
        let used = pool.slots.iter().filter(|slot| matches!(slot.content, Content::Used(_))).count() as u32;
        *pool.tally = Tally { free, used, reserved: 0 };
        if !pool.free_slots_are_sound() {
            return Err(Unreadable::Unsound("free slots"));
        }
        Ok(())
    }

    /// Reads the texts of a record.
    pub(super) fn texts(&mut self, text: &mut ArenaView<'_>, of: &mut impl Texts) -> Result<(), Unreadable<R::Error>> {
        for handle in of.texts() {
            let mut rest = self.get::<u32>()? as usize;
            if rest == 0 {
                continue;
            }
            text.begin()?;
            while rest > 0 {
                let piece: &[u8] = self.get()?;
                if piece.is_empty() || piece.len() > rest {
                    return Err(Unreadable::Unsound("a text's length"));
                }
                text.push(piece)?;
                rest = rest.saturating_sub(piece.len());
            }
            *handle = text.finish();
        }
        Ok(())
    }

    pub(super) fn texts_of<T: Record + Texts>(
        &mut self,
        text: &mut ArenaView<'_>,
        pool: &mut PoolView<'_, T>,
    ) -> Result<(), Unreadable<R::Error>> {
        pool.each_mut(|thing| self.texts(text, thing))
    }

    /// Reads the leaves of a condition that names so many events.
    pub(super) fn leaves(
        &mut self,
        pool: &mut PoolView<'_, Leaf>,
        events: u8,
    ) -> Result<Option<LeafId>, Unreadable<R::Error>> {
        let (mut first, mut last) = (None, None);
        for _ in 0..events {
            let leaf = pool.insert(Leaf { event: self.get()?, next: None })?;
            first = first.or(Some(leaf));
            if let Some(last) = last.replace(leaf).and_then(|last| pool.get_mut(last)) {
                last.next = Some(leaf);
            }
        }
        Ok(first)
    }

    /// Reads a queue of waiters.
    pub(super) fn queue(
        &mut self,
        pool: &mut PoolView<'_, Waiter>,
        queue: &mut Queue<kind::Waiter>,
        place: WaitQueue,
    ) -> Result<(), Unreadable<R::Error>> {
        while let Some(kind) = self.get()? {
            let waiter = pool.insert(Waiter { kind, place, link: None })?;
            queue.push(pool, waiter);
        }
        Ok(())
    }
}
