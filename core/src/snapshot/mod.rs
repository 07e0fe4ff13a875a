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
//! The image leaves out everything that follows from the rest: it cannot be wrong there, and the image fits a storage
//! of other capacities (`derive`). The rest is checked (`check`): the state is one from which the machine comes to its
//! end with nothing left. Any defect of an image is an error, after which the storage is empty.

mod check;
mod derive;
mod error;
#[cfg(test)]
mod fields;
mod image;
mod part;
mod pool;

use embedded_io::{Read, Write};
use serde::{Deserialize, Serialize};

pub use error::{Unreadable, Unsaved};

use crate::ids::kind;
use crate::machine::{Globals, Supervisor};
use crate::memory::pool::Slot;
use crate::memory::timers::Timer;
use crate::records::class::Class;
use crate::records::event::Event;
use crate::records::interest::{Interest, Name};
use crate::records::job::{Alarm, Job};
use crate::records::waiter::{WaitQueue, WaiterKind};
use image::{Reader, Writer};

/// Version of the image. Raised by hand when the fields of a record or their meaning change.
pub const VERSION: u32 = 8;

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
        let mut writer = Writer::new(to);
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
        Ok(writer.finish()?)
    }

    /// Replaces the whole state with the one that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// The image cannot be restored; the state is then empty.
    pub fn restore<R: Read>(&mut self, from: &mut R) -> Result<(), Unreadable<R::Error>> {
        self.forget_everything();
        let mut reader = Reader::new(from);
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
        reader.finish()
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
                Some(job) if job.timer.is_none() => job.held = timer.alarm.hold(),
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
