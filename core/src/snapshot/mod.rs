//! Snapshots: the whole state in one image, for the program that replaces this one.
//!
//! An image is a sequence of [frames](crate::control::frame), one small record each, so that neither side ever holds
//! more than one: a header, every slot of every pool with its generation (so that ids in the image and outside it stay
//! valid), the texts in pieces, the members of each hash table, the timers, the rest of the state, and a checksum.
//!
//! Records are the machine's own structures, so a new field needs no code here. [`SHAPE`] detects a change in the size
//! of a structure. A test (`fields`) detects a change in the names, types or order of fields, and asks for a higher
//! [`VERSION`]. A change in the meaning of a field is not detected, and needs a higher [`VERSION`] too.
//!
//! Hash chains, timers and free texts are rebuilt, so that an image also fits a storage of other capacities. Any defect
//! of an image is an error, after which the storage is empty.

mod check;
#[cfg(test)]
mod fields;
mod pool;

use core::fmt;
use embedded_io::{ErrorType, Read, Write};
use serde::{Deserialize, Serialize};

use crate::control::frame::{FrameError, decode, read_frame, write_frame};
use crate::ids::{Id, kind};
use crate::limits::{Full, Limit, SNAPSHOT_PIECE, SNAPSHOT_RECORD};
use crate::machine::{Globals, Supervisor};
use crate::memory::arena::{ArenaView, Span, TextHandle};
use crate::memory::index::{Fnv, IndexView, Indexed};
use crate::memory::pool::{PoolView, Slot};
use crate::memory::timers::Timer;
use crate::records::class::Class;
use crate::records::event::Event;
use crate::records::interest::{Interest, Name};
use crate::records::job::{Alarm, Job};
use crate::records::leaf::Leaf;
use crate::records::process::LiveProcess;
use crate::records::waiter::Waiter;

/// Version of the image. Raised by hand when the fields of a record or their meaning change.
pub const VERSION: u32 = 6;

/// A hash of the records' sizes. The image of another version of the program is refused if any of them has changed.
#[allow(clippy::indexing_slicing, reason = "evaluated when the program is built, where a wrong index is an error")]
pub const SHAPE: u32 = {
    let sizes = [
        size_of::<Slot<Class>>(),
        size_of::<Slot<Job>>(),
        size_of::<Slot<LiveProcess>>(),
        size_of::<Slot<Event>>(),
        size_of::<Slot<Waiter>>(),
        size_of::<Slot<Leaf>>(),
        size_of::<Slot<Name>>(),
        size_of::<Slot<Interest>>(),
        size_of::<Timer<kind::Job, Alarm>>(),
        size_of::<Globals>(),
    ];
    let (mut shape, mut at) = (0_u32, 0);
    while at < sizes.len() {
        shape = (shape ^ sizes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    shape
};

const MAGIC: [u8; 8] = *b"upholded";

#[derive(Serialize, Deserialize)]
struct Header {
    magic: [u8; 8],
    version: u32,
    shape: u32,
}

/// The number of records that follow, and the amount that is reserved.
#[derive(Serialize, Deserialize)]
struct Extent {
    count: u32,
    reserved: u32,
}

/// The reason for which no image is written.
#[derive(Debug)]
pub enum Unsaved<E> {
    /// Work is pending: every effect must be polled first.
    Busy,
    /// The image could not be written.
    Frame(FrameError<E>),
}

/// The reason for which an image cannot be restored.
#[derive(Debug)]
pub enum Unreadable<E> {
    /// The image could not be read, ends too early, or does not consist of records.
    Frame(FrameError<E>),
    /// The bytes are not an image.
    NoImage,
    /// Another version of the program wrote the image.
    OtherVersion,
    /// The image does not fit.
    Full(Full),
    /// The records contradict each other.
    Unsound(&'static str),
    /// The image was changed after it was written.
    Checksum,
}

impl<E> From<FrameError<E>> for Unsaved<E> {
    fn from(error: FrameError<E>) -> Self {
        Unsaved::Frame(error)
    }
}

impl<E> From<FrameError<E>> for Unreadable<E> {
    fn from(error: FrameError<E>) -> Self {
        Unreadable::Frame(error)
    }
}

impl<E> From<Full> for Unreadable<E> {
    fn from(full: Full) -> Self {
        Unreadable::Full(full)
    }
}

impl<E: fmt::Display> fmt::Display for Unsaved<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsaved::Busy => f.write_str("not everything is done yet"),
            Unsaved::Frame(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Unreadable<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Frame(error) => error.fmt(f),
            Unreadable::NoImage => f.write_str("it is no state of a supervisor"),
            Unreadable::OtherVersion => f.write_str("another version of the supervisor wrote it"),
            Unreadable::Full(full) => full.fmt(f),
            Unreadable::Unsound(what) => write!(f, "it contradicts itself: {what}"),
            Unreadable::Checksum => f.write_str("wrong checksum"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Unsaved<E> {}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Unreadable<E> {}

impl Supervisor<'_> {
    /// Writes the whole state of the machine. Every effect must have been polled.
    ///
    /// # Errors
    /// Some effects have not been polled, or the writer fails.
    pub fn save<W: Write>(&self, to: &mut W) -> Result<(), Unsaved<W::Error>> {
        if !self.globals.is_calm() {
            return Err(Unsaved::Busy);
        }
        let mut writer = Writer { to: Summed { with: to, sum: Fnv::new() }, buffer: [0; SNAPSHOT_RECORD] };
        writer.put(&Header { magic: MAGIC, version: VERSION, shape: SHAPE })?;
        writer.pool(&self.classes)?;
        writer.pool(&self.jobs)?;
        writer.pool(&self.processes)?;
        writer.pool(&self.events)?;
        writer.pool(&self.waiters)?;
        writer.pool(&self.leaves)?;
        writer.pool(&self.names)?;
        writer.pool(&self.interests)?;
        writer.texts(&self.text)?;
        writer.index(&self.class_index, &self.classes)?;
        writer.index(&self.job_index, &self.jobs)?;
        writer.index(&self.pid_index, &self.processes)?;
        writer.index(&self.name_index, &self.names)?;
        writer.put(&(self.timers.heap.len() as u32))?;
        for timer in self.timers.heap.iter() {
            writer.put(timer)?;
        }
        writer.put(&*self.globals)?;
        let sum = writer.to.sum.value();
        Ok(writer.put(&sum)?)
    }

    /// Replaces the whole state with the one that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The image cannot be restored; the state is then empty.
    pub fn restore<R: Read>(&mut self, from: &mut R) -> Result<(), Unreadable<R::Error>> {
        self.forget_everything();
        let mut reader = Reader { from: Summed { with: from, sum: Fnv::new() }, buffer: [0; SNAPSHOT_RECORD] };
        let done = self.read_image(&mut reader).and_then(|()| self.check().map_err(Unreadable::Unsound));
        if done.is_err() {
            self.forget_everything();
        }
        done
    }

    fn read_image<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), Unreadable<R::Error>> {
        let header: Header = reader.get().map_err(|_| Unreadable::NoImage)?;
        if header.magic != MAGIC {
            return Err(Unreadable::NoImage);
        }
        if (header.version, header.shape) != (VERSION, SHAPE) {
            return Err(Unreadable::OtherVersion);
        }
        reader.pool(&mut self.classes)?;
        reader.pool(&mut self.jobs)?;
        reader.pool(&mut self.processes)?;
        reader.pool(&mut self.events)?;
        reader.pool(&mut self.waiters)?;
        reader.pool(&mut self.leaves)?;
        reader.pool(&mut self.names)?;
        reader.pool(&mut self.interests)?;
        reader.texts(&mut self.text)?;
        reader.index(&mut self.class_index, &mut self.classes)?;
        reader.index(&mut self.job_index, &mut self.jobs)?;
        reader.index(&mut self.pid_index, &mut self.processes)?;
        reader.index(&mut self.name_index, &mut self.names)?;
        self.read_timers(reader)?;
        *self.globals = reader.get()?;
        let sum = reader.from.sum.value();
        if reader.get::<u32>()? == sum { Ok(()) } else { Err(Unreadable::Checksum) }
    }

    /// Arms each timer again; in the order of the heap, this gives the same heap.
    fn read_timers<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), Unreadable<R::Error>> {
        self.jobs.each_mut(|job| job.timer = None);
        for _ in 0..reader.get::<u32>()? {
            let timer: Timer<kind::Job, Alarm> = reader.get()?;
            if self.jobs.get(timer.owner).is_none_or(|job| job.timer.is_some()) {
                return Err(Unreadable::Unsound("a timer"));
            }
            self.timers.arm(&mut self.jobs, timer.owner, timer.alarm, timer.at);
        }
        Ok(())
    }

    fn forget_everything(&mut self) {
        self.classes.clear();
        self.jobs.clear();
        self.processes.clear();
        self.events.clear();
        self.waiters.clear();
        self.leaves.clear();
        self.names.clear();
        self.interests.clear();
        self.text.clear();
        self.class_index.clear();
        self.job_index.clear();
        self.pid_index.clear();
        self.name_index.clear();
        self.timers.heap.clear();
        *self.globals = Globals::NEW;
        self.scratch.clear();
    }
}

/// A reader or writer that computes a checksum of the bytes that pass through.
struct Summed<'w, W> {
    with: &'w mut W,
    sum: Fnv,
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

struct Writer<'w, W> {
    to: Summed<'w, W>,
    buffer: [u8; SNAPSHOT_RECORD],
}

impl<W: Write> Writer<'_, W> {
    fn put<T: Serialize>(&mut self, record: &T) -> Result<(), FrameError<W::Error>> {
        write_frame(&mut self.to, record, &mut self.buffer)
    }

    fn texts(&mut self, text: &ArenaView<'_>) -> Result<(), FrameError<W::Error>> {
        self.put(&Extent { count: text.spans.len() as u32, reserved: text.reserved() as u32 })?;
        self.put(&(text.reserved_pieces() as u32))?;
        for handle in 1..=text.spans.len() as u32 {
            let content = text.get(TextHandle::of_handle(handle));
            self.put(&(content.len() as u32))?;
            for piece in content.chunks(SNAPSHOT_PIECE) {
                self.put(&piece)?;
            }
        }
        Ok(())
    }

    fn index<T: Indexed>(
        &mut self,
        index: &IndexView<'_, T::Kind>,
        pool: &PoolView<'_, T>,
    ) -> Result<(), FrameError<W::Error>> {
        self.put(&(index.members(pool).count() as u32))?;
        index.members(pool).try_for_each(|id| self.put(&id))
    }
}

struct Reader<'r, R> {
    from: Summed<'r, R>,
    buffer: [u8; SNAPSHOT_RECORD],
}

impl<R: Read> Reader<'_, R> {
    fn get<'b, T: Deserialize<'b>>(&'b mut self) -> Result<T, FrameError<R::Error>> {
        Ok(decode(read_frame(&mut self.from, &mut self.buffer)?)?)
    }

    /// Gives each text the handle that it had. A text without bytes is a free handle.
    fn texts(&mut self, text: &mut ArenaView<'_>) -> Result<(), Unreadable<R::Error>> {
        let Extent { count, reserved } = self.get()?;
        let reserved_pieces: u32 = self.get()?;
        for _ in 0..count {
            let mut rest = self.get::<u32>()? as usize;
            if rest == 0 {
                text.spans.push(Span::Free { next: 0 }).map_err(|_| Full { limit: Limit::Pieces })?;
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
            text.finish();
        }
        for (place, span) in text.spans.iter_mut().enumerate().rev() {
            if let Span::Free { next } = span {
                *next = core::mem::replace(&mut text.tally.free_handle, (place as u32).saturating_add(1));
            }
        }
        Ok(text.reserve(reserved_pieces as usize, reserved as usize)?)
    }

    fn index<T: Indexed>(
        &mut self,
        index: &mut IndexView<'_, T::Kind>,
        pool: &mut PoolView<'_, T>,
    ) -> Result<(), Unreadable<R::Error>> {
        pool.each_mut(|thing| *thing.next() = None);
        for _ in 0..self.get::<u32>()? {
            let id: Id<T::Kind> = self.get()?;
            if !index.append(pool, id) {
                return Err(Unreadable::Unsound("a hash table"));
            }
        }
        Ok(())
    }
}
