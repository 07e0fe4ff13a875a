//! Keeping the state current: every input is written before it is handled, and a checkpoint is taken when the journal
//! is full or when the state has changed in another way.

use std::io::Result;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicI32, Ordering};

use uphold_core::{Effect, Input, Instant, Supervisor};

use super::entry::{Entry, Stamp};
use super::file::KeptFile;
use crate::capacity::CHECKPOINT_PAUSE;
use crate::clock::{now, ticks};
use crate::image::Writer;

/// Bytes for a record of a checkpoint: only the programs of a job file, and the marks of very many jobs, are longer.
const RECORD: usize = 64 << 10;

/// The descriptor of the file, once there is a whole state in it.
static NUMBER: AtomicI32 = AtomicI32::new(-1);

/// The descriptor of the kept state, for the program that is executed in the place of one that has crashed
/// (`--restart --state-fd N`). Every other descriptor has to stay open too.
pub fn number() -> Option<i32> {
    Some(NUMBER.load(Ordering::Acquire)).filter(|&number| number > 2)
}

/// The supervisor's kept state, if it keeps one.
#[derive(Default)]
pub struct Keep {
    kept: Option<KeptFile>,
    polled: u32,
    drained: bool,
    /// Whether the state is not what checkpoint and journal give: nothing is appended until the next checkpoint.
    is_stale: bool,
    /// When a checkpoint is tried again, after one could not be written.
    again: Option<Instant>,
    record: Vec<u8>,
    /// The descriptor of the client that has sent the next input.
    client: Option<i32>,
    /// The state of the previous program, which is of use until the first checkpoint.
    before: Option<OwnedFd>,
}

impl Keep {
    /// A supervisor that keeps no state.
    pub const fn off() -> Keep {
        Keep {
            kept: None,
            polled: 0,
            drained: false,
            is_stale: false,
            again: None,
            record: Vec::new(),
            client: None,
            before: None,
        }
    }

    /// A supervisor that keeps its state in a file, from its first checkpoint on.
    pub fn new(file: KeptFile) -> Keep {
        Keep { kept: Some(file), is_stale: true, record: Vec::with_capacity(RECORD), ..Keep::off() }
    }

    /// Holds the state of the previous program open until there is one of this program.
    pub fn holding(self, before: Option<OwnedFd>) -> Keep {
        Keep { before, ..self }
    }

    /// The next effect.
    pub fn poll(&mut self, supervisor: &mut Supervisor<'_>) -> Option<Effect> {
        let effect = supervisor.poll_effect();
        match effect {
            Some(_) => self.polled = self.polled.wrapping_add(1),
            None => self.drained = true,
        }
        effect
    }

    /// Writes an input, and then gives it to the supervisor.
    pub fn handle(&mut self, supervisor: &mut Supervisor<'_>, now: Instant, input: Input<'_>) {
        self.write_ahead(now, input);
        supervisor.handle(now, input);
    }

    fn write_ahead(&mut self, now: Instant, input: Input<'_>) {
        let Keep { kept: Some(kept), polled, drained, is_stale, client, .. } = self else { return };
        let stamp = Stamp { polled: *polled, drained: *drained, now, ticks: ticks() };
        (*polled, *drained) = (0, false);
        let mut entry = Entry::new(stamp, input);
        entry.client = client.take();
        if !*is_stale && kept.append(&entry).is_err() {
            *is_stale = true;
        }
    }

    /// Notes the descriptor of the client that has sent the next input.
    pub(crate) fn comes_from(&mut self, client: Option<BorrowedFd<'_>>) {
        self.client = client.map(|client| client.as_raw_fd());
    }

    /// Notes that the state has changed otherwise than by an input.
    pub fn has_changed(&mut self) {
        self.is_stale = true;
    }

    /// Whether a checkpoint is due. It can be taken when the supervisor is calm.
    pub fn is_due(&self) -> bool {
        let due = self.kept.as_ref().is_some_and(|kept| self.is_stale || kept.is_full());
        due && self.again.is_none_or(|again| again <= now())
    }

    /// The time at which a checkpoint that has failed is tried again. Without it an idle supervisor would leave an old
    /// state in its file.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.again.filter(|_| self.kept.is_some())
    }

    /// Takes a checkpoint. Returns the reason if it cannot be written, once until one can be: it is tried again after
    /// some seconds, and until then the former state is in force, with its journal up to here.
    pub(crate) fn checkpoint(&mut self, write: impl FnOnce(&mut Writer<'_>) -> Result<()>) -> Option<std::io::Error> {
        let kept = self.kept.as_mut()?;
        let mut slot = kept.checkpoint();
        let mut writer = Writer::to(&mut slot, std::mem::take(&mut self.record));
        let written = write(&mut writer);
        self.record = writer.into_buffer();
        match written.and_then(|()| slot.finish()) {
            Ok(()) => {
                let number = self.kept.as_ref().map_or(-1, |kept| kept.as_fd().as_raw_fd());
                NUMBER.store(number, Ordering::Release);
                self.before = None;
                (self.polled, self.drained, self.is_stale, self.again) = (0, false, false, None);
                None
            }
            Err(problem) => {
                self.is_stale = true;
                self.again.replace(now().after_seconds(CHECKPOINT_PAUSE)).is_none().then_some(problem)
            }
        }
    }
}
