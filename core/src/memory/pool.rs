//! Slots with generations: where classes, jobs and events live.
//!
//! The caller owns the memory. The core borrows it as views without capacities in their types, so there is one copy of
//! the machine code however large a system is. A slot that was never used is never touched.

use core::hash::{Hash, Hasher};
use core::num::NonZeroU32;

use heapless::{Vec, VecView};

use crate::ids::Id;
use crate::limits::{Full, Limit};
use crate::memory::copy;

/// A thing that can live in a pool.
pub(crate) trait Record {
    /// The kind of its ids.
    type Kind;
}

/// A slot for one thing.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Slot<T> {
    pub(crate) generation: NonZeroU32,
    pub(crate) content: Content<T>,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) enum Content<T> {
    Free { next: Option<u32> },
    Used(T),
}

/// The use of a pool's slots.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) free: Option<u32>,
    pub(crate) used: u32,
    pub(crate) reserved: u32,
}

/// Memory for up to `N` things.
#[derive(Debug)]
pub(crate) struct Pool<T, const N: usize> {
    slots: Vec<Slot<T>, N>,
    tally: Tally,
}

impl<T, const N: usize> Pool<T, N> {
    /// An empty pool; no memory is touched.
    pub const fn new() -> Self {
        Pool { slots: Vec::new(), tally: Tally { free: None, used: 0, reserved: 0 } }
    }

    /// Lends the pool.
    pub fn lend(&mut self, limit: Limit) -> PoolView<'_, T> {
        PoolView { slots: self.slots.as_mut_view(), tally: &mut self.tally, limit }
    }
}

impl<T: Clone, const N: usize> Clone for Pool<T, N> {
    fn clone(&self) -> Self {
        Pool { slots: self.slots.clone(), tally: self.tally }
    }

    fn clone_from(&mut self, other: &Self) {
        copy(&mut self.slots, &other.slots);
        self.tally = other.tally;
    }
}

impl<T: Hash, const N: usize> Hash for Pool<T, N> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for (index, slot) in self.slots.iter().enumerate() {
            if let Content::Used(thing) = &slot.content {
                index.hash(state);
                thing.hash(state);
            }
        }
    }
}

/// A lent pool.
pub(crate) struct PoolView<'s, T> {
    pub(crate) slots: &'s mut VecView<Slot<T>>,
    pub(crate) tally: &'s mut Tally,
    pub(crate) limit: Limit,
}

impl<T: Record> PoolView<'_, T> {
    /// The number of things.
    pub fn len(&self) -> usize {
        self.tally.used as usize
    }

    /// Whether the pool is empty.
    pub fn is_empty(&self) -> bool {
        self.tally.used == 0
    }

    /// The number of reserved slots.
    pub fn reserved(&self) -> usize {
        self.tally.reserved as usize
    }

    /// The number of things that can be added without a reservation.
    pub fn room(&self) -> usize {
        self.slots.capacity().saturating_sub(self.tally.used as usize).saturating_sub(self.tally.reserved as usize)
    }

    /// Reserves slots for `count` things, so that a later [`insert_reserved`](Self::insert_reserved) cannot fail.
    ///
    /// # Errors
    /// So many are not free; nothing is reserved.
    pub fn reserve(&mut self, count: usize) -> Result<(), Full> {
        if count > self.room() {
            return Err(Full { limit: self.limit });
        }
        self.tally.reserved = self.tally.reserved.saturating_add(count as u32);
        Ok(())
    }

    /// Cancels a reservation.
    pub fn unreserve(&mut self, count: usize) {
        self.tally.reserved = self.tally.reserved.saturating_sub(count as u32);
    }

    /// Adds a thing.
    ///
    /// # Errors
    /// Every slot that is not reserved is in use.
    pub fn insert(&mut self, thing: T) -> Result<Id<T::Kind>, Full> {
        if self.room() == 0 {
            return Err(Full { limit: self.limit });
        }
        self.place(thing)
    }

    /// Adds a thing in a reserved slot; the reservation is used up.
    ///
    /// # Errors
    /// Every slot is in use, so nothing was reserved.
    pub fn insert_reserved(&mut self, thing: T) -> Result<Id<T::Kind>, Full> {
        self.unreserve(1);
        self.place(thing)
    }

    fn place(&mut self, thing: T) -> Result<Id<T::Kind>, Full> {
        let full = Full { limit: self.limit };
        let index = match self.tally.free {
            Some(index) => {
                let slot = self.slots.get_mut(index as usize).ok_or(full)?;
                if let Content::Free { next } = slot.content {
                    self.tally.free = next;
                }
                slot.content = Content::Used(thing);
                index
            }
            None => {
                let index = self.slots.len() as u32;
                let slot = Slot { generation: NonZeroU32::MIN, content: Content::Used(thing) };
                self.slots.push(slot).map_err(|_| full)?;
                index
            }
        };
        self.tally.used = self.tally.used.saturating_add(1);
        self.id_at(index as usize).ok_or(full)
    }

    /// Removes a thing.
    pub fn remove(&mut self, id: Id<T::Kind>) -> Option<T> {
        let slot = self.slots.get_mut(id.index()).filter(|slot| slot.generation == id.generation())?;
        if let Content::Free { .. } = slot.content {
            return None;
        }
        let content = core::mem::replace(&mut slot.content, Content::Free { next: self.tally.free });
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.tally.free = Some(id.index() as u32);
        self.tally.used = self.tally.used.saturating_sub(1);
        match content {
            Content::Used(thing) => Some(thing),
            Content::Free { .. } => None,
        }
    }

    /// The thing, if it exists.
    pub fn get(&self, id: Id<T::Kind>) -> Option<&T> {
        match self.slots.get(id.index()) {
            Some(Slot { generation, content: Content::Used(thing) }) if *generation == id.generation() => Some(thing),
            _ => None,
        }
    }

    /// The thing, if it exists.
    pub fn get_mut(&mut self, id: Id<T::Kind>) -> Option<&mut T> {
        match self.slots.get_mut(id.index()) {
            Some(Slot { generation, content: Content::Used(thing) }) if *generation == id.generation() => Some(thing),
            _ => None,
        }
    }

    /// Whether the id names a thing that exists, or one that existed before.
    pub fn has_been(&self, id: Id<T::Kind>) -> bool {
        let earlier = |slot: &Slot<T>| id.generation() < slot.generation;
        self.get(id).is_some() || self.slots.get(id.index()).is_some_and(earlier)
    }

    /// The id of the thing in a slot, if there is one.
    pub fn id_at(&self, index: usize) -> Option<Id<T::Kind>> {
        match self.slots.get(index) {
            Some(Slot { generation, content: Content::Used(_) }) => Some(Id::new(index as u32, *generation)),
            _ => None,
        }
    }

    /// The first thing at or after a slot.
    pub fn id_from(&self, index: usize) -> Option<Id<T::Kind>> {
        (index..self.slots.len()).find_map(|index| self.id_at(index))
    }

    /// The first thing.
    pub fn first(&self) -> Option<Id<T::Kind>> {
        self.id_from(0)
    }

    /// The next thing, by slot.
    pub fn after(&self, id: Id<T::Kind>) -> Option<Id<T::Kind>> {
        self.id_from(id.index().saturating_add(1))
    }

    /// Reserves a slot again for a thing that was just removed.
    pub fn reserve_again(&mut self) {
        self.tally.reserved = self.tally.reserved.saturating_add(1);
    }

    /// Orders the free slots, whatever was removed when.
    pub(crate) fn sort_free(&mut self) {
        self.tally.free = None;
        for (index, slot) in self.slots.iter_mut().enumerate().rev() {
            if let Content::Free { next } = &mut slot.content {
                *next = self.tally.free.replace(index as u32);
            }
        }
    }

    /// Every thing, by slot.
    pub fn ids(&self) -> impl Iterator<Item = Id<T::Kind>> + '_ {
        (0..self.slots.len()).filter_map(|index| self.id_at(index))
    }
}
