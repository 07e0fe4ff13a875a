//! Containers in memory that the caller owns. They contain no term of Upstart's.

pub(crate) mod arena;
mod by_content;
pub mod index;
pub(crate) mod pool;
pub(crate) mod queue;
mod span;
pub(crate) mod texts;
pub(crate) mod timers;

/// Makes a vector a copy of another one. A new copy would be moved with its unused part.
pub(crate) fn copy<T: Clone, const N: usize>(to: &mut heapless::Vec<T, N>, from: &heapless::Vec<T, N>) {
    to.clear();
    if to.extend_from_slice(from).is_err() {
        // There is room: they have the same capacity.
        *to = from.clone();
    }
}

#[cfg(test)]
mod tests;
