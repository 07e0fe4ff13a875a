//! The file of the kept state.
//!
//! | bytes      | content                                                                                        |
//! |------------|------------------------------------------------------------------------------------------------|
//! | 0          | the origin: which program and process wrote it ([`Origin`])                                     |
//! | 512, 1024  | of each slot: the generation of its checkpoint, its length and checksum                        |
//! | 3072       | the entry that is being replayed, and entries whose replay has crashed                          |
//! | 4096       | the journal: the entries since the last checkpoint, which bear its generation                   |
//! | 16 MiB     | the first slot                                                                                  |
//! | 1 GiB      | the second slot                                                                                 |
//!
//! A checkpoint goes into the slot that is not in force, and is in force as soon as its 24 bytes of the head are
//! written. So a torn checkpoint leaves the former one, whose journal has not been touched: only the next
//! entry overwrites that from its beginning. The file has holes where nothing was written.
//!
//! Plain writes are used and no mapping. A write fails where there is no room, and a mapping would end the process by
//! SIGBUS; a write costs less than a thousandth of what it costs to make a process.

use std::fs::File;
use std::io::{Error, ErrorKind, Result, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;

use serde::{Deserialize, Serialize};
use uphold_core::Fnv;

use super::entry::Entry;
use super::origin::Origin;

const SLOT_HEADS: [u64; 2] = [512, 1024];
const REPLAY: u64 = 3072;
const JOURNAL: u64 = 4096;
const SLOTS: [u64; 2] = [16 << 20, 1 << 30];

/// Bytes of the journal after which a checkpoint is due, unless the checkpoint itself is longer.
const JOURNAL_SOON: u64 = 64 << 10;

/// The most bytes of the journal.
const JOURNAL_MOST: u64 = SLOTS[0] - JOURNAL;

/// Bytes of the longest entry: a message of a client with room to spare.
const ENTRY: usize = 256 << 10;

/// Bytes of a checkpoint that are written at once: few, since they stay resident.
const PIECE: usize = 4 << 10;

/// The checkpoint in a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct SlotHead {
    generation: u64,
    length: u64,
    sum: u32,
}

impl SlotHead {
    fn bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.generation.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.length.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.sum.to_le_bytes());
        let own = Fnv::new().with(&bytes[..20]).value();
        bytes[20..].copy_from_slice(&own.to_le_bytes());
        bytes
    }

    fn of(bytes: [u8; 24]) -> Option<SlotHead> {
        let number = |at: usize| bytes[at..].first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
        let sum = bytes[16..].first_chunk().map_or(0, |number| u32::from_le_bytes(*number));
        let head = SlotHead { generation: number(0), length: number(8), sum };
        (head.bytes() == bytes && head.generation > 0).then_some(head)
    }
}

/// The replay that is under way, and what earlier ones showed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct ReplayMark {
    generation: u64,
    /// The number of the entry that is being replayed, plus one.
    now: u32,
    /// Entries whose replay has crashed, plus one.
    bad: [u32; 4],
}

/// The state that was found in a file.
pub struct Found {
    /// The checkpoint.
    pub checkpoint: Vec<u8>,
    /// The journal; what follows its last whole entry is not part of it.
    pub journal: Vec<u8>,
    /// The generation of both.
    pub generation: u64,
}

/// The open file of a supervisor that keeps its state in it.
pub struct KeptFile {
    file: File,
    generation: u64,
    /// The slot in force.
    slot: usize,
    /// Bytes of the journal so far.
    end: u64,
    /// Bytes of the journal after which a checkpoint is due.
    soon: u64,
    buffer: Vec<u8>,
}

impl KeptFile {
    /// Begins to keep a state in a file. Its content stays in force until the first checkpoint.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn new(file: File, origin: &Origin) -> Result<Self> {
        origin.write(&file)?;
        let heads = [0, 1].map(|slot| head(&file, slot).unwrap_or_default().generation);
        let (slot, generation) = if heads[1] > heads[0] { (1, heads[1]) } else { (0, heads[0]) };
        Ok(KeptFile { file, generation, slot, end: 0, soon: JOURNAL_SOON, buffer: vec![0; ENTRY] })
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// It cannot be written, or there is no room for it: a checkpoint is due.
    pub fn append(&mut self, entry: &Entry<'_>) -> Result<()> {
        let bytes = entry.write(self.generation, &mut self.buffer).ok_or(ErrorKind::FileTooLarge)?;
        let end = self.end + bytes.len() as u64;
        if end > JOURNAL_MOST {
            return Err(ErrorKind::FileTooLarge.into());
        }
        self.file.write_all_at(bytes, JOURNAL + self.end)?;
        self.end = end;
        Ok(())
    }

    /// Whether the journal is so long that a checkpoint is worth its cost.
    pub fn is_full(&self) -> bool {
        self.end >= self.soon
    }

    /// Begins a checkpoint. It is in force when it is [finished](SlotWriter::finish).
    pub fn checkpoint(&mut self) -> SlotWriter<'_> {
        let slot = 1 - self.slot;
        SlotWriter { kept: self, slot, sum: Fnv::new(), length: 0, pending: 0 }
    }
}

impl AsFd for KeptFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A checkpoint that is being written.
pub struct SlotWriter<'k> {
    kept: &'k mut KeptFile,
    slot: usize,
    sum: Fnv,
    /// Bytes that were written, and bytes in the buffer.
    length: u64,
    pending: usize,
}

impl SlotWriter<'_> {
    fn write_out(&mut self) -> Result<()> {
        let bytes = self.kept.buffer.get(..self.pending).unwrap_or_default();
        self.kept.file.write_all_at(bytes, SLOTS[self.slot] + self.length)?;
        self.length += self.pending as u64;
        self.pending = 0;
        Ok(())
    }

    /// Puts the checkpoint in force. The journal is empty from now on.
    ///
    /// # Errors
    /// It cannot be written; the former one stays in force.
    pub fn finish(mut self) -> Result<()> {
        self.write_out()?;
        let SlotWriter { kept, slot, sum, length, .. } = self;
        let generation = kept.generation + 1;
        let head = SlotHead { generation, length, sum: sum.value() };
        kept.file.write_all_at(&head.bytes(), SLOT_HEADS[slot])?;
        (kept.slot, kept.generation, kept.end) = (slot, generation, 0);
        kept.soon = length.clamp(JOURNAL_SOON, JOURNAL_MOST / 2);
        Ok(())
    }
}

impl Write for SlotWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let most = SLOTS[1] - SLOTS[0];
        if self.length + (self.pending + bytes.len()) as u64 > most {
            return Err(ErrorKind::FileTooLarge.into());
        }
        if self.pending == PIECE {
            self.write_out()?;
        }
        let room = self.kept.buffer.get_mut(self.pending..PIECE).unwrap_or_default();
        let count = room.len().min(bytes.len());
        let (place, taken) = (&mut room[..count], &bytes[..count]);
        place.copy_from_slice(taken);
        self.pending += count;
        self.sum = self.sum.with(taken);
        Ok(count)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

fn head(file: &File, slot: usize) -> Option<SlotHead> {
    let mut bytes = [0; 24];
    file.read_exact_at(&mut bytes, SLOT_HEADS[slot]).ok()?;
    SlotHead::of(bytes)
}

fn read_from(file: &File, mut at: u64, length: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut room = [0; 1 << 14];
    while (bytes.len() as u64) < length {
        let most = usize::try_from(length - bytes.len() as u64).unwrap_or(room.len()).min(room.len());
        match file.read_at(&mut room[..most], at)? {
            0 => break,
            count => {
                bytes.extend_from_slice(&room[..count]);
                at += count as u64;
            }
        }
    }
    Ok(bytes)
}

/// The whole entries of a generation. No more is read than there is.
fn read_journal(file: &File, generation: u64) -> Result<Vec<u8>> {
    let (mut journal, mut end) = (Vec::new(), 0);
    loop {
        while let Some((_, length)) = journal.get(end..).and_then(|rest| Entry::read(generation, rest)) {
            end += length;
        }
        let known = journal.len() as u64;
        // The longest entry may begin in what is known.
        if known >= end as u64 + ENTRY as u64 || known >= JOURNAL_MOST {
            break;
        }
        let more = read_from(file, JOURNAL + known, (JOURNAL_MOST - known).min(ENTRY as u64))?;
        if more.is_empty() {
            break;
        }
        journal.extend_from_slice(&more);
    }
    journal.truncate(end);
    Ok(journal)
}

impl Found {
    /// The newest whole checkpoint in a file, and its journal.
    ///
    /// # Errors
    /// There is none.
    pub fn read(file: &File) -> Result<Found> {
        let mut heads: Vec<(SlotHead, usize)> =
            [0, 1].into_iter().filter_map(|slot| Some((head(file, slot)?, slot))).collect();
        heads.sort_unstable_by_key(|(head, _)| std::cmp::Reverse(head.generation));
        for (SlotHead { generation, length, sum }, slot) in heads {
            if length > SLOTS[1] - SLOTS[0] {
                continue;
            }
            let checkpoint = read_from(file, SLOTS[slot], length)?;
            if checkpoint.len() as u64 != length || Fnv::new().with(&checkpoint).value() != sum {
                continue;
            }
            let journal = read_journal(file, generation)?;
            return Ok(Found { checkpoint, journal, generation });
        }
        Err(Error::new(ErrorKind::InvalidData, "there is no whole checkpoint"))
    }

    /// The entries of the journal.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (entry, length) = Entry::read(self.generation, self.journal.get(at..)?)?;
            at += length;
            Some(entry)
        })
    }
}

/// The marks by which an entry whose replay crashes is skipped the next time.
pub struct ReplayGuard<'f> {
    file: &'f File,
    mark: ReplayMark,
}

impl<'f> ReplayGuard<'f> {
    /// The marks for a generation. An entry at which the last replay has ended is bad.
    pub fn new(file: &'f File, generation: u64) -> Self {
        let mut bytes = [0; 64];
        let read = file.read_at(&mut bytes, REPLAY).is_ok();
        let mut mark = Some(bytes).filter(|_| read).and_then(|bytes| postcard::from_bytes(&bytes).ok());
        let mut mark: ReplayMark = mark.take().unwrap_or_default();
        if mark.generation != generation {
            mark = ReplayMark { generation, ..ReplayMark::default() };
        }
        if mark.now > 0
            && let Some(free) = mark.bad.iter_mut().find(|bad| **bad == 0)
        {
            *free = mark.now;
        }
        mark.now = 0;
        ReplayGuard { file, mark }
    }

    /// Whether the entry of this number is replayed, which is noted. If the note cannot be written, it is replayed too.
    pub fn begin(&mut self, number: u32) -> bool {
        self.mark.now = number.saturating_add(1);
        if self.mark.bad.contains(&self.mark.now) {
            return false;
        }
        self.write();
        true
    }

    /// The replay is over.
    pub fn end(&mut self) {
        self.mark.now = 0;
        self.write();
    }

    fn write(&self) {
        let mut bytes = [0; 64];
        if postcard::to_slice(&self.mark, &mut bytes).is_ok() {
            self.file.write_all_at(&bytes, REPLAY).unwrap_or_default();
        }
    }
}
