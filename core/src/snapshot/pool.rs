//! Pools as a snapshot needs them.

use crate::memory::pool::{Content, PoolView, Record, Tally};

impl<T: Record> PoolView<'_, T> {
    /// Whether the list of free slots contains every free slot once.
    pub(super) fn free_slots_are_sound(&self) -> bool {
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
