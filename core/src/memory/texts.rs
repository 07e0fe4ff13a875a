//! The texts that a record owns.

use crate::memory::arena::TextHandle;

/// A record that owns texts.
pub(crate) trait Texts {
    /// Every text of the record, in the order of a snapshot.
    fn texts(&mut self) -> impl Iterator<Item = &mut TextHandle>;
}
