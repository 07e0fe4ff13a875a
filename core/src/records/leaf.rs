//! An event operator of a condition.

use core::hash::Hash;

use crate::ids::{EventId, LeafId, kind};
use crate::memory::pool::Record;

/// The event that one event operator of a condition holds. The leaves of a condition form a list, in the order of its
/// text.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Leaf {
    pub(crate) event: Option<EventId>,
    pub(crate) next: Option<LeafId>,
}

impl Record for Leaf {
    type Kind = kind::Leaf;
}
