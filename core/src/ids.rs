//! Ids: how classes, jobs, events and clients are named. An id that outlives its thing names nothing.

use core::fmt;
use core::hash::{Hash, Hasher};
use core::marker::PhantomData;
use core::num::NonZeroU32;

/// The kinds of ids. They have no values: they only keep an id of one kind from being used as another's.
pub mod kind {
    /// A job class.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Class {}
    /// A job: one instance of a class.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Job {}
    /// A live process of a job.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Process {}
    /// An event that is pending or being handled.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Event {}
    /// A client or an event that waits.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Waiter {}
    /// An event operator of a condition.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Leaf {}
    /// An event name that some condition has.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Name {}
    /// A class whose conditions name an event.
    #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
    pub enum Interest {}
}

/// Names one thing of a kind for as long as it lives: an id that outlives it names nothing, never another thing.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(bound = "")]
pub struct Id<K> {
    index: u32,
    generation: NonZeroU32,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

/// Names a job class.
pub type ClassId = Id<kind::Class>;
/// Names a job: one instance of a class.
pub type JobId = Id<kind::Job>;
/// Names an event that is pending or being handled.
pub type EventId = Id<kind::Event>;
/// Names a live process in the storage; the world knows it by its [`Pid`](crate::Pid).
pub(crate) type ProcessId = Id<kind::Process>;
/// Names a waiter.
pub(crate) type WaiterId = Id<kind::Waiter>;
/// Names a leaf of a condition.
pub(crate) type LeafId = Id<kind::Leaf>;
/// Names an event name.
pub(crate) type NameId = Id<kind::Name>;
/// Names an interest.
pub(crate) type InterestId = Id<kind::Interest>;

impl<K> Id<K> {
    pub(crate) const fn new(index: u32, generation: NonZeroU32) -> Self {
        Id { index, generation, kind: PhantomData }
    }

    /// The slot's place, for tables that run beside the storage. Below the capacity of its kind.
    pub const fn index(self) -> usize {
        self.index as usize
    }

    pub(crate) const fn generation(self) -> NonZeroU32 {
        self.generation
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.generation == other.generation
    }
}
impl<K> Eq for Id<K> {}
impl<K> Hash for Id<K> {
    /// Without the generation: no id inside a storage is stale, and storages that differ in nothing but generations
    /// behave alike. This is what makes an exhaustive search of the states finite.
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.index.hash(state);
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.index, self.generation)
    }
}
#[cfg(feature = "defmt")]
impl<K> defmt::Format for Id<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "#{=u32}.{=u32}", self.index, self.generation.get());
    }
}

/// Names a client for as long as it is connected; the world chooses both numbers and never repeats a pair.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientId {
    /// The slot among the world's clients.
    pub slot: u32,
    /// The number of earlier clients in the slot.
    pub generation: u32,
}
