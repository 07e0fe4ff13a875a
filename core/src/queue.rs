//! First in, first out, through links in the things themselves: a queue that cannot overflow.

use core::hash::{Hash, Hasher};

use crate::storage::{Id, PoolView};

/// A thing that can stand in a queue; in one at a time.
pub trait Linked: Sized {
    /// The one behind it.
    fn link(&mut self) -> &mut Option<Id<Self>>;
}

/// A queue of things that live in a pool.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct Queue<T> {
    head: Option<Id<T>>,
    pub(crate) tail: Option<Id<T>>,
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Queue<T> {}
impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}
impl<T> Hash for Queue<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.head.hash(state);
    }
}

impl<T> Queue<T> {
    /// Nobody waits.
    pub const fn new() -> Self {
        Queue { head: None, tail: None }
    }

    /// Whether nobody waits.
    pub const fn is_empty(&self) -> bool {
        self.head.is_none()
    }

    /// The first.
    pub const fn head(&self) -> Option<Id<T>> {
        self.head
    }
}

impl<T: Linked> Queue<T> {
    /// Adds one at the end.
    pub fn push(&mut self, pool: &mut PoolView<'_, T>, id: Id<T>) {
        if let Some(thing) = pool.get_mut(id) {
            *thing.link() = None;
        }
        match self.tail.and_then(|tail| pool.get_mut(tail)) {
            Some(last) => *last.link() = Some(id),
            None => self.head = Some(id),
        }
        self.tail = Some(id);
    }

    /// Takes the first out.
    pub fn pop(&mut self, pool: &mut PoolView<'_, T>) -> Option<Id<T>> {
        let first = self.head?;
        self.head = pool.get_mut(first).and_then(|thing| thing.link().take());
        if self.head.is_none() {
            self.tail = None;
        }
        Some(first)
    }

    /// Takes one out, wherever it stands: as slow as the queue is long.
    pub fn remove(&mut self, pool: &mut PoolView<'_, T>, id: Id<T>) {
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
