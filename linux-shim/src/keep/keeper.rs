//! Keeping the state current: every input is written before it is handled, and a checkpoint is taken when the journal
//! is full or when the state has changed in another way.

use std::io::Result;
use std::os::fd::{AsFd, BorrowedFd};

use uphold_core::{Effect, Input, Instant, Supervisor};

use super::entry::{Entry, Stamp};
use super::file::{KeptFile, SlotWriter};
use crate::clock::ticks;

/// The supervisor's kept state, if it keeps one.
#[derive(Default)]
pub struct Keep {
    kept: Option<KeptFile>,
    polled: u32,
    drained: bool,
    /// Whether the state is not what checkpoint and journal give: nothing is appended until the next checkpoint.
    is_stale: bool,
    /// Why nothing is kept at the moment, if a write has failed.
    failed: bool,
}

impl Keep {
    /// A supervisor that keeps no state.
    pub const fn off() -> Keep {
        Keep { kept: None, polled: 0, drained: false, is_stale: false, failed: false }
    }

    /// A supervisor that keeps its state in a file, from its first checkpoint on.
    pub fn new(file: KeptFile) -> Keep {
        Keep { kept: Some(file), is_stale: true, ..Keep::off() }
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
        let Keep { kept: Some(kept), polled, drained, is_stale, .. } = self else { return };
        let stamp = Stamp { polled: *polled, drained: *drained, now, ticks: ticks() };
        (*polled, *drained) = (0, false);
        if !*is_stale && kept.append(&Entry::new(stamp, input)).is_err() {
            *is_stale = true;
        }
    }

    /// Notes that the state has changed otherwise than by an input.
    pub fn has_changed(&mut self) {
        self.is_stale = true;
    }

    /// Whether a checkpoint is due. It can be taken when the supervisor is calm.
    pub fn is_due(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| self.is_stale || kept.is_full())
    }

    /// Takes a checkpoint. Returns the reason if it cannot be written, once until one can be: the next drain tries
    /// again, and until then the former state is in force, with its journal up to here.
    pub fn checkpoint(&mut self, write: impl FnOnce(SlotWriter<'_>) -> Result<()>) -> Option<std::io::Error> {
        let kept = self.kept.as_mut()?;
        match write(kept.checkpoint()) {
            Ok(()) => {
                (self.polled, self.drained, self.is_stale, self.failed) = (0, false, false, false);
                None
            }
            Err(problem) => {
                self.is_stale = true;
                (!std::mem::replace(&mut self.failed, true)).then_some(problem)
            }
        }
    }

    /// The descriptor of the file.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.kept.as_ref().map(AsFd::as_fd)
    }
}
