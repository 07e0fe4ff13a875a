//! Deadlines, at most one for each thing, the earliest first.

use heapless::VecView;
use serde::{Deserialize, Serialize};

use crate::ids::Id;
use crate::memory::pool::{PoolView, Record};
use crate::time::Instant;

/// A thing that can have a deadline.
pub(crate) trait Timed: Record {
    /// The place in the heap while the timer is armed.
    fn timer(&mut self) -> &mut Option<u32>;
    /// The place in the heap, to read.
    fn place(&self) -> Option<u32>;
}

/// One armed timer of a thing of kind `K`; `A` is the purpose of the timer.
#[derive(Clone, Copy, Debug, Hash, Serialize, Deserialize)]
#[serde(bound(serialize = "A: Serialize", deserialize = "A: Deserialize<'de>"))]
pub(crate) struct Timer<K, A> {
    /// The time at which it fires.
    pub(crate) at: Instant,
    /// The thing whose deadline it is.
    pub(crate) owner: Id<K>,
    /// The purpose.
    pub(crate) alarm: A,
}

/// A binary heap in which every thing knows its place, so that a timer is disarmed as fast as it is armed.
///
/// The heap has room for every thing of the pool.
pub(crate) struct Timers<'s, K, A> {
    /// The heap.
    pub(crate) heap: &'s mut VecView<Timer<K, A>>,
}

impl<K: Copy, A: Copy> Timers<'_, K, A> {
    /// The earliest timer.
    pub(crate) fn first(&self) -> Option<Timer<K, A>> {
        self.heap.first().copied()
    }

    /// The purpose of a thing's timer.
    pub(crate) fn armed<T: Timed<Kind = K>>(&self, pool: &PoolView<'_, T>, owner: Id<K>) -> Option<A> {
        let place = pool.get(owner)?.place()?;
        self.heap.get(place as usize).map(|timer| timer.alarm)
    }

    /// The time at which a thing's timer fires.
    pub(crate) fn due<T: Timed<Kind = K>>(&self, pool: &PoolView<'_, T>, owner: Id<K>) -> Option<Instant> {
        let place = pool.get(owner)?.place()?;
        self.heap.get(place as usize).map(|timer| timer.at)
    }

    /// Arms a thing's timer, replacing an armed one.
    pub(crate) fn arm<T: Timed<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, owner: Id<K>, alarm: A, at: Instant) {
        self.disarm(pool, owner);
        let place = self.heap.len();
        // There is room: the heap has as many places as the pool.
        if self.heap.push(Timer { at, owner, alarm }).is_ok() {
            self.settle(pool, place);
        }
    }

    /// Disarms a thing's timer, if it is armed.
    pub(crate) fn disarm<T: Timed<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, owner: Id<K>) {
        let Some(place) = pool.get_mut(owner).and_then(|thing| thing.timer().take()) else { return };
        let place = place as usize;
        if place < self.heap.len() {
            self.heap.swap_remove(place);
            if place < self.heap.len() {
                self.settle(pool, place);
            }
        }
    }

    fn settle<T: Timed<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, mut place: usize) {
        while let Some(parent) = place.checked_sub(1).map(|place| place / 2).filter(|&up| self.is_before(place, up)) {
            self.swap(pool, place, parent);
            place = parent;
        }
        while let Some(child) = self.earlier_child(place) {
            if !self.is_before(child, place) {
                break;
            }
            self.swap(pool, place, child);
            place = child;
        }
        self.note(pool, place);
    }

    /// Whether the timer at one place fires before the one at another.
    fn is_before(&self, a: usize, b: usize) -> bool {
        matches!((self.heap.get(a), self.heap.get(b)), (Some(a), Some(b)) if a.at < b.at)
    }

    fn earlier_child(&self, place: usize) -> Option<usize> {
        let left = place.saturating_mul(2).saturating_add(1);
        let right = left.saturating_add(1);
        match (self.heap.get(left), self.heap.get(right)) {
            (Some(a), Some(b)) if b.at < a.at => Some(right),
            (Some(_), _) => Some(left),
            (None, _) => None,
        }
    }

    fn swap<T: Timed<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, a: usize, b: usize) {
        if let Ok([a, b]) = self.heap.get_disjoint_mut([a, b]) {
            core::mem::swap(a, b);
        }
        self.note(pool, a);
        self.note(pool, b);
    }

    fn note<T: Timed<Kind = K>>(&self, pool: &mut PoolView<'_, T>, place: usize) {
        if let Some(thing) = self.heap.get(place).and_then(|timer| pool.get_mut(timer.owner)) {
            *thing.timer() = Some(place as u32);
        }
    }
}
