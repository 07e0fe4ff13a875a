//! First in, first out, through links in the things themselves: a queue that cannot overflow.

use core::hash::{Hash, Hasher};

use crate::ids::Id;
use crate::memory::pool::{PoolView, Record};

/// A thing that can be in a queue; in one at a time.
pub(crate) trait Linked: Record {
    /// The next thing in the queue.
    fn link(&mut self) -> &mut Option<Id<Self::Kind>>;
}

/// A queue of things that live in a pool.
#[derive(Debug)]
pub(crate) struct Queue<K> {
    head: Option<Id<K>>,
    tail: Option<Id<K>>,
}

impl<K> Clone for Queue<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Queue<K> {}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K> Hash for Queue<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head.hash(state);
    }
}

impl<K> Queue<K> {
    /// An empty queue.
    pub const fn new() -> Self {
        Queue { head: None, tail: None }
    }

    /// Whether the queue is empty.
    pub const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The first thing.
    pub const fn head(&self) -> Option<Id<K>> {
        self.head
    }

    /// Adds a thing at the end.
    pub fn push<T: Linked<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, id: Id<K>) {
        if let Some(thing) = pool.get_mut(id) {
            *thing.link() = None;
        }
        match self.tail.and_then(|tail| pool.get_mut(tail)) {
            Some(last) => *last.link() = Some(id),
            None => self.head = Some(id),
        }
        self.tail = Some(id);
    }

    /// Removes the first thing.
    pub fn pop<T: Linked<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>) -> Option<Id<K>> {
        let first = self.head?;
        self.head = pool.get_mut(first).and_then(|thing| thing.link().take());
        if self.head.is_none() {
            self.tail = None;
        }
        Some(first)
    }

    /// Removes a thing at any place, in time proportional to the length of the queue.
    pub fn remove<T: Linked<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, id: Id<K>) {
        let (mut before, mut at) = (None, self.head);
        while let Some(here) = at {
            let next = pool.get_mut(here).and_then(|thing| *thing.link());
            if here != id {
                (before, at) = (Some(here), next);
                continue;
            }
            match before.and_then(|before| pool.get_mut(before)) {
                Some(before) => *before.link() = next,
                None => self.head = next,
            }
            if self.tail == Some(id) {
                self.tail = before;
            }
            return;
        }
    }
}
