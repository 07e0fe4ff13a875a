//! One arena for all text: names, environments, conditions.
//!
//! Text varies by a factor of fifty from job to job, so each piece takes what it needs from one block of memory and is
//! named by a handle. A freed piece leaves a hole. Holes are closed by moving the rest down when they exceed a quarter
//! of it. Nothing is ever truncated: what does not fit is refused as a whole.

use core::hash::{Hash, Hasher};

use heapless::{Vec, VecView};

use crate::bytes::copy_within;
use crate::limits::{Full, Limit, TEXT_SLACK};
use crate::memory::by_content::ByContent;
use crate::memory::copy;
use crate::memory::span::{HEADER, Span, by_content, end, span_of, text_at};

/// The handle of a piece of text; the empty text takes no room.
///
/// A handle has one owner, which frees the piece with [`ArenaView::free`]. It has no generation, since it is never held
/// twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(from = "Unwritten", into = "Unwritten")]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TextHandle(u32);

/// The form of a handle in a snapshot: nothing. The texts follow the records, in the order of their handles.
#[derive(serde::Serialize, serde::Deserialize)]
struct Unwritten;

impl From<Unwritten> for TextHandle {
    fn from(_: Unwritten) -> Self {
        TextHandle::EMPTY
    }
}

impl From<TextHandle> for Unwritten {
    fn from(_: TextHandle) -> Self {
        Unwritten
    }
}

impl Hash for TextHandle {
    /// Hashed as the only 128-bit number, so that `ByContent` recognises a handle.
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u128(u128::from(self.0));
    }
}

impl TextHandle {
    /// The empty text.
    pub const EMPTY: TextHandle = TextHandle(0);

    /// Whether it is the empty text.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The use of an arena.
#[derive(Clone, Copy, Debug)]
struct Tally {
    free_handle: u32,
    holes: u32,
    /// Reserved bytes.
    reserved: u32,
    /// The number of pieces, and of further ones for which a handle is reserved.
    pieces: u32,
    reserved_pieces: u32,
    /// The offset of the header of the piece that is being written, plus one; 0 if there is none.
    open: u32,
}

impl Tally {
    const NEW: Tally = Tally { free_handle: 0, holes: 0, reserved: 0, pieces: 0, reserved_pieces: 0, open: 0 };
}

/// Memory for `BYTES` bytes of text in up to `PIECES` pieces.
#[derive(Debug)]
pub struct Arena<const BYTES: usize, const PIECES: usize> {
    bytes: Vec<u8, BYTES>,
    spans: Vec<Span, PIECES>,
    tally: Tally,
}

impl<const BYTES: usize, const PIECES: usize> Arena<BYTES, PIECES> {
    /// An empty arena; no memory is touched.
    pub const fn new() -> Self {
        Arena { bytes: Vec::new(), spans: Vec::new(), tally: Tally::NEW }
    }

    /// A hasher that hashes texts by their content.
    pub(crate) fn by_content<'h, 't, H: Hasher>(
        &'t self,
        hasher: &'h mut H,
    ) -> ByContent<'h, H, impl Fn(u32) -> &'t [u8]> {
        by_content(&self.bytes, &self.spans, hasher)
    }

    /// Lends the arena.
    pub fn lend(&mut self) -> ArenaView<'_> {
        ArenaView { bytes: self.bytes.as_mut_view(), spans: self.spans.as_mut_view(), tally: &mut self.tally }
    }
}

impl<const BYTES: usize, const PIECES: usize> Clone for Arena<BYTES, PIECES> {
    /// Copies all bytes at once: the clone of a heapless vector copies them one by one.
    fn clone(&self) -> Self {
        let mut bytes = [0; BYTES];
        if let Some(written) = bytes.get_mut(..self.bytes.len()) {
            written.copy_from_slice(&self.bytes);
        }
        let mut bytes: Vec<u8, BYTES> = Vec::from_array(bytes);
        bytes.truncate(self.bytes.len());
        Arena { bytes, spans: self.spans.clone(), tally: self.tally }
    }

    fn clone_from(&mut self, other: &Self) {
        copy(&mut self.bytes, &other.bytes);
        copy(&mut self.spans, &other.spans);
        self.tally = other.tally;
    }
}

/// A lent arena.
pub struct ArenaView<'s> {
    bytes: &'s mut VecView<u8>,
    spans: &'s mut VecView<Span>,
    tally: &'s mut Tally,
}

const NO_BYTES: Full = Full { limit: Limit::Text };
const NO_PIECES: Full = Full { limit: Limit::Pieces };

impl ArenaView<'_> {
    /// A hasher that hashes texts by their content.
    pub(crate) fn by_content<'h, 't, H: Hasher>(
        &'t self,
        hasher: &'h mut H,
    ) -> ByContent<'h, H, impl Fn(u32) -> &'t [u8]> {
        by_content(self.bytes, self.spans, hasher)
    }

    /// The bytes of a piece.
    pub fn get(&self, text: TextHandle) -> &[u8] {
        match self.span(text) {
            Some((start, len)) => text_at(self.bytes, start, len),
            None => &[],
        }
    }

    /// Adds a piece with these bytes.
    ///
    /// # Errors
    /// There is no room ([`Limit::Text`] or [`Limit::Pieces`]).
    pub fn add(&mut self, bytes: &[u8]) -> Result<TextHandle, Full> {
        if bytes.is_empty() {
            return Ok(TextHandle::EMPTY);
        }
        self.begin()?;
        self.push(bytes)?;
        Ok(self.finish())
    }

    /// Adds a copy of a piece.
    ///
    /// # Errors
    /// There is no room ([`Limit::Text`] or [`Limit::Pieces`]).
    pub fn copy(&mut self, text: TextHandle) -> Result<TextHandle, Full> {
        if text.is_empty() {
            return Ok(TextHandle::EMPTY);
        }
        self.begin()?;
        self.push_text(text)?;
        Ok(self.finish())
    }

    /// Appends bytes to a piece: in place if it was written last, so that a long list costs no more than its length.
    ///
    /// # Errors
    /// There is no room ([`Limit::Text`] or [`Limit::Pieces`]); the piece is unchanged.
    pub fn append(&mut self, text: &mut TextHandle, bytes: &[u8]) -> Result<(), Full> {
        self.abandon();
        self.make_room(bytes.len())?;
        let last = self.span(*text).filter(|&(start, len)| end(start, len) == self.bytes.len());
        let Some((start, len)) = last else {
            self.begin()?;
            self.push_text(*text)?;
            self.push(bytes)?;
            let new = self.finish();
            self.replace(text, new);
            return Ok(());
        };
        self.bytes.extend_from_slice(bytes).map_err(|_| NO_BYTES)?;
        let len = len.saturating_add(bytes.len());
        self.write_header(start, text.0, len);
        self.set_span(text.0, Span::Used { start: start as u32, len: len as u32 });
        Ok(())
    }

    /// Frees a piece.
    pub fn free(&mut self, text: TextHandle) {
        let Some((start, len)) = self.span(text) else { return };
        self.tally.pieces = self.tally.pieces.saturating_sub(1);
        self.tally.holes = self.tally.holes.saturating_add(end(0, len) as u32);
        self.write_header(start, 0, len);
        self.set_span(text.0, Span::Free { next: self.tally.free_handle });
        self.tally.free_handle = text.0;
    }

    /// Frees a piece and replaces its handle.
    pub fn replace(&mut self, old: &mut TextHandle, new: TextHandle) {
        self.free(core::mem::replace(old, new));
    }

    /// Reserves room: so many pieces with so many bytes in all, counted by [`cost`], certainly fit when they are
    /// written after [`unreserve`](Self::unreserve).
    ///
    /// # Errors
    /// There is not so much room.
    pub fn reserve(&mut self, pieces: usize, bytes: usize) -> Result<(), Full> {
        self.check_room(pieces, bytes)?;
        self.reserve_again(pieces, bytes);
        Ok(())
    }

    /// Checks that there is room for so many pieces with so many bytes in all.
    ///
    /// # Errors
    /// There is not so much room.
    pub fn check_room(&self, pieces: usize, bytes: usize) -> Result<(), Full> {
        if !self.fits(bytes) {
            return Err(NO_BYTES);
        }
        let taken = self.pieces().saturating_add(self.reserved_pieces());
        if taken.saturating_add(pieces) <= self.spans.capacity() { Ok(()) } else { Err(NO_PIECES) }
    }

    /// Reserves again what a piece used that was just freed.
    pub fn reserve_again(&mut self, pieces: usize, bytes: usize) {
        self.tally.reserved_pieces = self.tally.reserved_pieces.saturating_add(pieces as u32);
        self.tally.reserved = self.tally.reserved.saturating_add(bytes as u32);
    }

    /// Cancels a reservation.
    pub fn unreserve(&mut self, pieces: usize, bytes: usize) {
        self.tally.reserved_pieces = self.tally.reserved_pieces.saturating_sub(pieces as u32);
        self.tally.reserved = self.tally.reserved.saturating_sub(bytes as u32);
    }

    /// The number of bytes that all pieces take.
    pub fn used(&self) -> usize {
        self.bytes.len().saturating_sub(self.tally.holes as usize)
    }

    /// The number of reserved bytes.
    pub fn reserved(&self) -> usize {
        self.tally.reserved as usize
    }

    /// The number of pieces.
    pub fn pieces(&self) -> usize {
        self.tally.pieces as usize
    }

    /// The number of pieces for which a handle is reserved.
    pub fn reserved_pieces(&self) -> usize {
        self.tally.reserved_pieces as usize
    }

    /// Begins a piece that is written bit by bit; one at a time.
    ///
    /// # Errors
    /// There is no room for another piece ([`Limit::Text`] or [`Limit::Pieces`]).
    pub fn begin(&mut self) -> Result<(), Full> {
        self.abandon();
        self.check_room(1, 0)?;
        self.make_room(HEADER)?;
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; HEADER]).map_err(|_| NO_BYTES)?;
        self.set_open(Some(start));
        Ok(())
    }

    /// Appends bytes to the piece that is being written. If they do not fit, the piece is abandoned.
    ///
    /// # Errors
    /// There is no room ([`Limit::Text`]).
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let done = self.make_room(bytes.len()).and_then(|()| self.bytes.extend_from_slice(bytes).map_err(|_| NO_BYTES));
        if done.is_err() {
            self.abandon();
        }
        done
    }

    /// Appends another piece to the piece that is being written.
    ///
    /// # Errors
    /// There is no room ([`Limit::Text`]).
    pub fn push_text(&mut self, text: TextHandle) -> Result<(), Full> {
        let Some((_, len)) = self.span(text) else { return Ok(()) };
        self.push_part(text, 0, len)
    }

    /// Appends `len` bytes of another piece, from its byte `from` on, to the piece that is being written.
    ///
    /// # Errors
    /// There is no room ([`Limit::Text`]).
    pub fn push_part(&mut self, text: TextHandle, from: usize, len: usize) -> Result<(), Full> {
        if let Err(full) = self.make_room(len) {
            self.abandon();
            return Err(full);
        }
        // This comes after making room, which may have moved the piece.
        let Some((start, all)) = self.span(text) else { return Ok(()) };
        let (from, to) = (from.min(all), self.bytes.len());
        let len = len.min(all.saturating_sub(from));
        self.bytes.resize(to.saturating_add(len), 0).map_err(|_| NO_BYTES)?;
        copy_within(self.bytes, end(start, from), len, to);
        Ok(())
    }

    /// The number of bytes written so far to the piece that is being written.
    pub fn written(&self) -> usize {
        self.open().map_or(0, |start| self.bytes.len().saturating_sub(end(start, 0)))
    }

    /// Ends the piece that is being written.
    pub fn finish(&mut self) -> TextHandle {
        let len = self.written();
        let Some(start) = self.open().filter(|_| len > 0) else {
            self.abandon();
            return TextHandle::EMPTY;
        };
        self.set_open(None);
        self.tally.pieces = self.tally.pieces.saturating_add(1);
        let span = Span::Used { start: start as u32, len: len as u32 };
        let handle = match self.tally.free_handle {
            0 => {
                // `begin` made sure that there is a handle.
                let _full = self.spans.push(span);
                self.spans.len() as u32
            }
            handle => {
                if let Some(Span::Free { next }) = self.set_span(handle, span) {
                    self.tally.free_handle = next;
                }
                handle
            }
        };
        self.write_header(start, handle, len);
        TextHandle(handle)
    }

    /// Drops the piece that is being written.
    pub fn abandon(&mut self) {
        if let Some(start) = self.open() {
            self.bytes.truncate(start);
            self.set_open(None);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
        *self.tally = Tally::NEW;
    }

    fn span(&self, text: TextHandle) -> Option<(usize, usize)> {
        span_of(self.spans, text.0)
    }

    /// Sets the span of a handle, and returns the previous one.
    fn set_span(&mut self, handle: u32, span: Span) -> Option<Span> {
        let place = self.spans.get_mut((handle as usize).checked_sub(1)?)?;
        Some(core::mem::replace(place, span))
    }

    /// The offset of the header of the piece that is being written.
    fn open(&self) -> Option<usize> {
        (self.tally.open as usize).checked_sub(1)
    }

    fn set_open(&mut self, start: Option<usize>) {
        self.tally.open = start.map_or(0, |start| (start as u32).saturating_add(1));
    }

    fn fits(&self, bytes: usize) -> bool {
        let taken = self.used().saturating_add(self.tally.reserved as usize);
        bytes <= self.bytes.capacity().saturating_sub(taken)
    }

    fn make_room(&mut self, bytes: usize) -> Result<(), Full> {
        let holes = self.tally.holes as usize;
        let tight = bytes > self.bytes.capacity().saturating_sub(self.bytes.len());
        if holes > 0 && (tight || holes > (self.used() / 4).saturating_add(TEXT_SLACK)) {
            self.close_holes();
        }
        if self.fits(bytes) { Ok(()) } else { Err(NO_BYTES) }
    }

    fn write_header(&mut self, start: usize, handle: u32, len: usize) {
        let place = self.bytes.get_mut(start..).and_then(|rest| rest.first_chunk_mut::<HEADER>());
        if let Some(place) = place {
            let header = u64::from(handle) | (len as u64) << 32;
            *place = header.to_le_bytes();
        }
    }

    fn read_header(&self, start: usize) -> (u32, usize) {
        let place = self.bytes.get(start..).and_then(|rest| rest.first_chunk::<HEADER>());
        let header = place.map_or(0, |place| u64::from_le_bytes(*place));
        (header as u32, (header >> 32) as usize)
    }

    /// Moves every piece down over the holes before it, in order of address.
    fn close_holes(&mut self) {
        let all = self.bytes.len();
        let open = self.open();
        let (mut from, mut to) = (0, 0);
        while from < open.unwrap_or(all) {
            let (handle, len) = self.read_header(from);
            let size = end(0, len);
            if handle != 0 {
                copy_within(self.bytes, from, size, to);
                self.set_span(handle, Span::Used { start: to as u32, len: len as u32 });
                to = end(to, len);
            }
            from = end(from, len);
        }
        if let Some(open) = open {
            let size = all.saturating_sub(open);
            copy_within(self.bytes, open, size, to);
            self.set_open(Some(to));
            to = to.saturating_add(size);
        }
        self.bytes.truncate(to);
        self.tally.holes = 0;
    }
}

/// The number of bytes that a piece of `len` bytes takes in the arena.
pub const fn cost(len: usize) -> usize {
    if len == 0 { 0 } else { end(0, len) }
}
