//! Pools in a snapshot: slot by slot, with the generations and the order in which free slots are taken.

use embedded_io::{Read, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Reader, Unreadable, Writer};
use crate::control::frame::FrameError;
use crate::limits::Full;
use crate::memory::pool::{Content, PoolView, Record, Tally};

impl<W: Write> Writer<'_, W> {
    pub(super) fn pool<T: Record + Serialize>(&mut self, pool: &PoolView<'_, T>) -> Result<(), FrameError<W::Error>> {
        self.put(&(pool.slots.len() as u32, pool.tally.free))?;
        pool.slots.iter().try_for_each(|slot| self.put(slot))
    }
}

impl<R: Read> Reader<'_, R> {
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
}

impl<T: Record> PoolView<'_, T> {
    /// Whether the list of free slots contains every free slot once.
    fn free_slots_are_sound(&self) -> bool {
        let free = self.slots.len().saturating_sub(self.len());
        let mut at = self.tally.free;
        for _ in 0..free {
            match at.and_then(|at| self.slots.get(at as usize)).map(|slot| &slot.content) {
                Some(&Content::Free { next }) => at = next,
                _ => return false,
            }
        }
        // The list ends after as many steps as there are free slots, so no slot occurred twice.
        at.is_none()
    }

    /// Calls `change` on everything in the pool, until that fails.
    pub(super) fn each_mut<E>(&mut self, mut change: impl FnMut(&mut T) -> Result<(), E>) -> Result<(), E> {
        self.slots.iter_mut().try_for_each(|slot| match &mut slot.content {
            Content::Used(thing) => change(thing),
            Content::Free { .. } => Ok(()),
        })
    }

    pub(super) fn clear(&mut self) {
        self.slots.clear();
        *self.tally = Tally { free: None, used: 0, reserved: 0 };
    }
}
