//! Hash tables over pools: the heads are an array, and the chains run through the things themselves.

use crate::ids::Id;
use crate::memory::pool::{PoolView, Record};

/// A thing that can be found by a hash.
pub(crate) trait Indexed: Record {
    /// The hash, which never changes while the thing is in the table.
    fn hash(&self) -> u32;
    /// The next thing in the chain.
    fn next(&mut self) -> &mut Option<Id<Self::Kind>>;
    /// The next thing in the chain, to read.
    fn peek(&self) -> Option<Id<Self::Kind>>;
}

/// The heads of a table with `N` chains, a power of two. An empty table is all zeros, so untouched chains take no
/// memory.
#[derive(Clone, Debug)]
pub(crate) struct Index<K, const N: usize> {
    heads: [Option<Id<K>>; N],
}

impl<K, const N: usize> Index<K, N> {
    /// An empty table.
    pub const fn new() -> Self {
        const { assert!(N.is_power_of_two(), "a hash is cut to the number of a chain by a mask") }
        Index { heads: [None; N] }
    }

    /// Lends the table.
    pub fn lend(&mut self) -> IndexView<'_, K> {
        IndexView { heads: &mut self.heads }
    }
}

/// A lent table.
pub(crate) struct IndexView<'s, K> {
    heads: &'s mut [Option<Id<K>>],
}

impl<K> IndexView<'_, K> {
    /// The number of the chain for a hash. The number of chains is a power of two, so a mask gives it.
    fn chain(&self, hash: u32) -> usize {
        hash as usize & self.heads.len().wrapping_sub(1)
    }

    fn head(&self, hash: u32) -> Option<Id<K>> {
        self.heads.get(self.chain(hash)).copied().flatten()
    }

    fn set_head(&mut self, hash: u32, head: Option<Id<K>>) {
        let chain = self.chain(hash);
        if let Some(place) = self.heads.get_mut(chain) {
            *place = head;
        }
    }

    /// Adds a thing.
    pub fn insert<T: Indexed<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, id: Id<K>) {
        let Some(thing) = pool.get_mut(id) else { return };
        let hash = thing.hash();
        *thing.next() = self.head(hash);
        self.set_head(hash, Some(id));
    }

    /// Removes a thing.
    pub fn remove<T: Indexed<Kind = K>>(&mut self, pool: &mut PoolView<'_, T>, id: Id<K>) {
        let Some(thing) = pool.get_mut(id) else { return };
        let after = thing.next().take();
        let hash = thing.hash();
        let head = self.head(hash);
        if head == Some(id) {
            return self.set_head(hash, after);
        }
        let mut at = head;
        while let Some(thing) = at.and_then(|at| pool.get_mut(at)) {
            let next = thing.next();
            if *next == Some(id) {
                *next = after;
                return;
            }
            at = *next;
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&mut self) {
        // Only heads that were written are written, so that others stay untouched.
        self.heads.iter_mut().filter(|head| head.is_some()).for_each(|head| *head = None);
    }

    /// The thing with this hash for which `is_it` is true.
    pub fn find<T: Indexed<Kind = K>>(
        &self,
        pool: &PoolView<'_, T>,
        hash: u32,
        is_it: impl Fn(&T) -> bool,
    ) -> Option<Id<K>> {
        let mut at = self.head(hash);
        while let Some(id) = at {
            let thing = pool.get(id)?;
            if thing.hash() == hash && is_it(thing) {
                return Some(id);
            }
            at = thing.peek();
        }
        None
    }
}

/// FNV-1a over pieces, so that a name in two pieces has the hash of the whole.
#[derive(Clone, Copy)]
pub struct Fnv(u32);

impl Fnv {
    /// The hash of nothing.
    pub const fn new() -> Self {
        Fnv(0x811c_9dc5)
    }

    /// The hash of these bytes too.
    #[must_use]
    pub fn with(self, bytes: &[u8]) -> Self {
        Fnv(bytes.iter().fold(self.0, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)))
    }

    /// The value of the hash.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl Default for Fnv {
    fn default() -> Self {
        Self::new()
    }
}
