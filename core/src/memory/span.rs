//! Where the pieces of text are in the arena.

use core::hash::Hasher;

use crate::memory::by_content::ByContent;

/// The place of a piece: `start` is the offset of its header, `len` the number of its bytes. A free handle links to the
/// next.
#[derive(Clone, Copy, Debug)]
pub(super) enum Span {
    Used { start: u32, len: u32 },
    Free { next: u32 },
}

/// Bytes in front of each piece: its handle (0 for a hole) and its length.
pub(super) const HEADER: usize = 8;

/// The end of a piece with `len` bytes after the header at `start`.
pub(super) const fn end(start: usize, len: usize) -> usize {
    start.saturating_add(HEADER).saturating_add(len)
}

/// The offset and the length of the piece of a handle, if it is in use.
pub(super) fn span_of(spans: &[Span], handle: u32) -> Option<(usize, usize)> {
    match spans.get((handle as usize).checked_sub(1)?) {
        Some(&Span::Used { start, len }) => Some((start as usize, len as usize)),
        _ => None,
    }
}

/// A hasher that hashes texts by their content.
pub(super) fn by_content<'h, 't, H: Hasher>(
    bytes: &'t [u8],
    spans: &'t [Span],
    hasher: &'h mut H,
) -> ByContent<'h, H, impl Fn(u32) -> &'t [u8]> {
    let text = |handle: u32| match span_of(spans, handle) {
        Some((start, len)) => text_at(bytes, start, len),
        None => &[],
    };
    ByContent { hasher, text }
}

/// The bytes of a piece.
pub(super) fn text_at(bytes: &[u8], start: usize, len: usize) -> &[u8] {
    bytes.get(end(start, 0)..end(start, len)).unwrap_or(&[])
}
