//! Snapshots: the whole state in one image, for the program that replaces this one.
//!
//! An image is a sequence of [frames](crate::control::frame), one small record each, so that neither side ever holds
//! more than one: a header, every slot of every pool with its generation (so that ids in the image and outside it stay
//! valid), the rest of the state, the texts in pieces, the events that conditions hold, the waiters, the timers, and a
//! checksum.
//!
//! Records are the machine's own structures, so a new field needs no code here. [`SHAPE`] detects a change in the size
//! of a structure. A test (`fields`) detects a change in the names, types or order of fields, and asks for a higher
//! [`VERSION`]. A change in the meaning of a field is not detected, and needs a higher [`VERSION`] too.
//!
//! What can be told from the rest is not in the image, so that it cannot be wrong there, and the image fits a storage of
//! other capacities (`derive`). What is in it is compared with the rest (`check`): the state is one from which the
//! machine comes to its end with nothing left. Any defect of an image is an error, after which the storage is empty.

mod check;
mod derive;
#[cfg(test)]
mod fields;
mod pool;

use core::fmt;
use embedded_io::{ErrorType, Read, Write};
use serde::{Deserialize, Serialize};

use crate::control::frame::{FrameError, decode, read_frame, write_frame};
use crate::ids::{LeafId, WaiterId, kind};
use crate::limits::{Full, SNAPSHOT_PIECE, SNAPSHOT_RECORD};
use crate::machine::{Globals, Supervisor};
use crate::memory::arena::{ArenaView, Texts};
use crate::memory::index::Fnv;
use crate::memory::pool::{PoolView, Record, Slot};
use crate::memory::queue::Queue;
use crate::memory::timers::Timer;
use crate::records::class::Class;
use crate::records::event::Event;
use crate::records::interest::{Interest, Name};
use crate::records::job::{Alarm, Job};
use crate::records::leaf::Leaf;
use crate::records::waiter::{WaitQueue, Waiter, WaiterKind};

/// Version of the image. Raised by hand when the fields of a record or their meaning change.
pub const VERSION: u32 = 6;

/// A hash of the records' sizes. The image of another version of the program is refused if any of them has changed.
#[allow(clippy::indexing_slicing, reason = "evaluated when the program is built, where a wrong index is an error")]
pub const SHAPE: u32 = {
    let sizes = [
        size_of::<Slot<Class>>(),
        size_of::<Slot<Job>>(),
        size_of::<Slot<Event>>(),
        size_of::<WaiterKind>(),
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

/// The reason for which no image is written.
#[derive(Debug)]
pub enum Unsaved<E> {
    /// Work is pending: every effect must be polled first.
    Busy,
    /// The image would be refused for that reason. Something is under way between the embedder and the machine: a
    /// class was begun and is neither committed nor abandoned, a spawn or a survey has no answer yet, or the end was
    /// reported.
    Unsound(&'static str),
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

/// A defect of an image that was read.
enum Defect {
    Full(Full),
    Unsound(&'static str),
}

impl From<Full> for Defect {
    fn from(full: Full) -> Self {
        Defect::Full(full)
    }
}

impl<E> From<Defect> for Unreadable<E> {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Full(full) => Unreadable::Full(full),
            Defect::Unsound(what) => Unreadable::Unsound(what),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Unsaved<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsaved::Busy => f.write_str("not everything is done yet"),
            Unsaved::Unsound(what) => write!(f, "something is under way: {what}"),
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
    /// Some effects have not been polled or answered, or the writer fails.
    pub fn save<W: Write>(&self, to: &mut W) -> Result<(), Unsaved<W::Error>> {
        if !self.globals.is_calm() {
            return Err(Unsaved::Busy);
        }
        // This program can go on, and the one that is refused the image has lost everything.
        self.check().map_err(Unsaved::Unsound)?;
        let mut writer = Writer { to: Summed { with: to, sum: Fnv::new() }, buffer: [0; SNAPSHOT_RECORD] };
        writer.put(&Header { magic: MAGIC, version: VERSION, shape: SHAPE })?;
        writer.pool(&self.classes)?;
        writer.pool(&self.jobs)?;
        writer.pool(&self.events)?;
        writer.pool(&self.names)?;
        writer.pool(&self.interests)?;
        writer.put(&*self.globals)?;
        writer.texts_of(&self.text, &self.classes)?;
        writer.texts_of(&self.text, &self.jobs)?;
        writer.texts_of(&self.text, &self.events)?;
        writer.texts_of(&self.text, &self.names)?;
        writer.texts(&self.text, self.globals.clone())?;
        let of_classes = self.classes.ids().filter_map(|id| self.classes.get(id)?.start_leaves);
        let of_jobs = self.jobs.ids().filter_map(|id| self.jobs.get(id)?.stop_leaves);
        let mut held = of_classes.chain(of_jobs).flat_map(|first| self.leaf_events(Some(first)));
        held.try_for_each(|event| writer.put(&event))?;
        let of_jobs = self.jobs.ids().filter_map(|id| Some(self.jobs.get(id)?.waiters.head()));
        let of_events = self.events.ids().filter_map(|id| Some(self.events.get(id)?.waiters.head()));
        of_jobs.chain(of_events).try_for_each(|first| writer.queue(&self.waiters, first))?;
        writer.put(&(self.timers.heap.len() as u32))?;
        for timer in self.timers.heap.iter() {
            writer.put(timer)?;
        }
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
        reader.pool(&mut self.events)?;
        reader.pool(&mut self.names)?;
        reader.pool(&mut self.interests)?;
        *self.globals = reader.get()?;
        reader.texts_of(&mut self.text, &mut self.classes)?;
        reader.texts_of(&mut self.text, &mut self.jobs)?;
        reader.texts_of(&mut self.text, &mut self.events)?;
        reader.texts_of(&mut self.text, &mut self.names)?;
        reader.texts(&mut self.text, self.globals)?;
        self.enter_in_tables()?;
        self.read_held(reader)?;
        self.read_waiters(reader)?;
        self.read_timers(reader)?;
        self.count()?;
        let sum = reader.from.sum.value();
        if reader.get::<u32>()? == sum { Ok(()) } else { Err(Unreadable::Checksum) }
    }

    /// Reads the events that conditions hold, in the order of classes, jobs and their conditions.
    fn read_held<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), Unreadable<R::Error>> {
        let mut at = self.classes.first();
        while let Some(class) = at.and_then(|id| self.classes.get_mut(id)) {
            class.start_leaves = reader.leaves(&mut self.leaves, class.start_events)?;
            at = at.and_then(|id| self.classes.after(id));
        }
        let mut at = self.jobs.first();
        while let Some(job) = at.and_then(|id| self.jobs.get_mut(id)) {
            let events = self.classes.get(job.class).map_or(0, |class| class.stop_events);
            job.stop_leaves = reader.leaves(&mut self.leaves, events)?;
            at = at.and_then(|id| self.jobs.after(id));
        }
        Ok(())
    }

    fn read_waiters<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), Unreadable<R::Error>> {
        let mut at = self.jobs.first();
        while let Some((id, job)) = at.and_then(|id| Some((id, self.jobs.get_mut(id)?))) {
            reader.queue(&mut self.waiters, &mut job.waiters, WaitQueue::Job(id))?;
            at = self.jobs.after(id);
        }
        let mut at = self.events.first();
        while let Some((id, event)) = at.and_then(|id| Some((id, self.events.get_mut(id)?))) {
            reader.queue(&mut self.waiters, &mut event.waiters, WaitQueue::Event(id))?;
            at = self.events.after(id);
        }
        Ok(())
    }

    /// Arms each timer again; in the order of the heap, this gives the same heap.
    fn read_timers<R: Read>(&mut self, reader: &mut Reader<'_, R>) -> Result<(), Unreadable<R::Error>> {
        for _ in 0..reader.get::<u32>()? {
            let timer: Timer<kind::Job, Alarm> = reader.get()?;
            match self.jobs.get_mut(timer.owner) {
                Some(job) if job.timer.is_none() => job.paused = timer.alarm == Alarm::Pause,
                _ => return Err(Unreadable::Unsound("the owner of a timer")),
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

    /// Writes the texts of a record.
    fn texts(&mut self, text: &ArenaView<'_>, mut of: impl Texts) -> Result<(), FrameError<W::Error>> {
        for &mut handle in of.texts() {
            let content = text.get(handle);
            self.put(&(content.len() as u32))?;
            content.chunks(SNAPSHOT_PIECE).try_for_each(|piece| self.put(&piece))?;
        }
        Ok(())
    }

    fn texts_of<T: Record + Texts + Clone>(
        &mut self,
        text: &ArenaView<'_>,
        pool: &PoolView<'_, T>,
    ) -> Result<(), FrameError<W::Error>> {
        pool.ids().filter_map(|id| pool.get(id)).try_for_each(|thing| self.texts(text, thing.clone()))
    }

    /// Writes a queue of waiters; `None` ends it.
    fn queue(&mut self, waiters: &PoolView<'_, Waiter>, first: Option<WaiterId>) -> Result<(), FrameError<W::Error>> {
        let mut at = first.and_then(|first| waiters.get(first));
        while let Some(waiter) = at {
            self.put(&Some(waiter.kind))?;
            at = waiter.link.and_then(|next| waiters.get(next));
        }
        self.put(&None::<WaiterKind>)
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

    /// Reads the texts of a record.
    fn texts(&mut self, text: &mut ArenaView<'_>, of: &mut impl Texts) -> Result<(), Unreadable<R::Error>> {
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

    fn texts_of<T: Record + Texts>(
        &mut self,
        text: &mut ArenaView<'_>,
        pool: &mut PoolView<'_, T>,
    ) -> Result<(), Unreadable<R::Error>> {
        pool.each_mut(|thing| self.texts(text, thing))
    }

    /// Reads the leaves of a condition that names so many events.
    fn leaves(&mut self, pool: &mut PoolView<'_, Leaf>, events: u8) -> Result<Option<LeafId>, Unreadable<R::Error>> {
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
    fn queue(
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
