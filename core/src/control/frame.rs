//! Frames: a length, followed by a postcard-encoded message of that length.
//!
//! A frame consists of a header and a message. The header is the message's length in four bytes, the lowest one first.
//! Frames travel over anything that implements [`embedded_io`]: a Unix socket on Linux, a UART on a board.
//!
//! | side | receives with | sends with |
//! |---|---|---|
//! | client, may block | [`read_frame`], [`decode`] | [`write_frame`] |
//! | supervisor, never blocks | [`Inbox`], [`decode`] | [`Outbox`] |
//!
//! Malformed bytes are an error and never a panic, and cost only the connection that they came from.

use core::fmt;

use embedded_io::Error as _;
use embedded_io::{ErrorKind, Read, Write};
use serde::{Deserialize, Serialize};

use super::Status;
use crate::bytes::copy_within;
use crate::limits::{INSTANCE_NAME, MAX_MESSAGE, PAGE};

/// Bytes in a header.
pub const HEADER: usize = 4;

/// Bytes in the longest frame: a buffer of this size holds any frame.
pub const MAX_FRAME: usize = HEADER + MAX_MESSAGE;

/// Bytes that a page of a list takes in a message besides its contents: the variant (1), `next` (1 + 5) and the length
/// (3).
pub const PAGE_OVERHEAD: usize = 10;

/// Most bytes of statuses in one page of a list.
pub const MAX_PAGE: usize = PAGE - PAGE_OVERHEAD;

const _: () = assert!(MAX_PAGE > 2 * INSTANCE_NAME, "a page must hold any one status");

/// The defects of a message or a frame, on any transport.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Broken {
    /// The message is longer than [`MAX_MESSAGE`], or than the buffer or the room that is left in it.
    TooLarge,
    /// The bytes are not a message of this protocol.
    Malformed,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Broken::TooLarge => write!(f, "message longer than {MAX_MESSAGE} bytes"),
            Broken::Malformed => f.write_str("malformed message"),
        }
    }
}

/// The reason for which a frame could not be received or sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FrameError<E> {
    /// The transport failed.
    Io(E),
    /// The other side closed the connection, between two frames.
    Closed,
    /// The other side closed the connection within a frame.
    CutOff,
    /// The bytes are not a frame.
    Broken(Broken),
}

impl<E> From<Broken> for FrameError<E> {
    fn from(broken: Broken) -> Self {
        FrameError::Broken(broken)
    }
}

impl<E: fmt::Display> fmt::Display for FrameError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Io(error) => error.fmt(f),
            FrameError::Closed => f.write_str("connection closed"),
            FrameError::CutOff => f.write_str("connection closed within a message"),
            FrameError::Broken(broken) => broken.fmt(f),
        }
    }
}

impl core::error::Error for Broken {}

impl<E: fmt::Debug + fmt::Display> core::error::Error for FrameError<E> {}

/// Writes header and message into `buffer`, and returns the frame. A buffer of [`MAX_FRAME`] bytes suffices for any
/// message.
///
/// # Errors
/// [`Broken::TooLarge`]: the message is longer than [`MAX_MESSAGE`], or the frame than the buffer.
pub fn encode<'b, T: Serialize>(message: &T, buffer: &'b mut [u8]) -> Result<&'b [u8], Broken> {
    let room = buffer.len().min(MAX_FRAME);
    let buffer = buffer.get_mut(..room).ok_or(Broken::TooLarge)?;
    let (header, body) = buffer.split_first_chunk_mut::<HEADER>().ok_or(Broken::TooLarge)?;
    let length = match postcard::to_slice(message, body) {
        Ok(used) => used.len(),
        Err(postcard::Error::SerializeBufferFull) => return Err(Broken::TooLarge),
        Err(_) => return Err(Broken::Malformed),
    };
    *header = u32::try_from(length).map_err(|_| Broken::TooLarge)?.to_le_bytes();
    buffer.get(..length.saturating_add(HEADER)).ok_or(Broken::TooLarge)
}

/// Decodes a message, which must fill `bytes`, and borrows from them.
///
/// # Errors
/// [`Broken::Malformed`]: the bytes are not such a message, or more bytes follow it.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Broken> {
    match postcard::take_from_bytes(bytes) {
        Ok((message, [])) => Ok(message),
        _ => Err(Broken::Malformed),
    }
}

/// The length that a header announces; an error if it is too large.
fn announced(header: [u8; HEADER]) -> Result<usize, Broken> {
    let length = usize::try_from(u32::from_le_bytes(header)).map_err(|_| Broken::TooLarge)?;
    if length <= MAX_MESSAGE { Ok(length) } else { Err(Broken::TooLarge) }
}

/// Sends a whole message; blocks if the writer blocks. `buffer` holds the frame meanwhile.
///
/// # Errors
/// The message is too long ([`Broken::TooLarge`]), or the writer fails.
pub fn write_frame<W: Write, T: Serialize>(
    writer: &mut W,
    message: &T,
    buffer: &mut [u8],
) -> Result<(), FrameError<W::Error>> {
    let mut rest = encode(message, buffer)?;
    while !rest.is_empty() {
        match writer.write(rest) {
            Ok(0) => return Err(FrameError::Closed),
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    loop {
        match writer.flush() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
}

/// Receives one whole frame, however long that takes, and returns its message, for [`decode`].
///
/// # Errors
/// The frame is longer than [`MAX_MESSAGE`] or the buffer, the stream ends within it, or the reader fails.
pub fn read_frame<'b, R: Read>(reader: &mut R, buffer: &'b mut [u8]) -> Result<&'b [u8], FrameError<R::Error>> {
    let mut header = [0; HEADER];
    match read_all(reader, &mut header)? {
        0 => return Err(FrameError::Closed),
        HEADER => {}
        _ => return Err(FrameError::CutOff),
    }
    let length = announced(header)?;
    let message = buffer.get_mut(..length).ok_or(Broken::TooLarge)?;
    if read_all(reader, message)? == length { Ok(message) } else { Err(FrameError::CutOff) }
}

/// Reads until `bytes` is full or the reader has no more, and returns the number of bytes read.
fn read_all<R: Read>(reader: &mut R, bytes: &mut [u8]) -> Result<usize, FrameError<R::Error>> {
    let mut got = 0;
    while let Some(room) = bytes.get_mut(got..).filter(|room| !room.is_empty()) {
        match reader.read(room) {
            Ok(0) => break,
            Ok(count) => got = got.saturating_add(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(FrameError::Io(error)),
        }
    }
    Ok(got)
}

/// The bytes received from one client: they go in in pieces of any size, and whole frames come out.
///
/// ```text
/// inbox.fill(&mut socket)?;                       // when there is something to read
/// while let Some(message) = inbox.message()? {    // an error: close this connection
///     answer(decode(message)?);
///     inbox.discard();
/// }
/// ```
///
/// The caller lends the buffer: `[u8; MAX_FRAME]` holds any frame, and a `&mut [u8]` of a few hundred bytes holds the
/// frames of a board with few jobs. A longer frame is an error. If frames are not taken out, nothing more is read, and
/// the sender blocks.
///
/// ```
/// use uphold_core::control::frame::{Broken, Inbox};
///
/// let mut buffer = [0; 8];
/// let mut inbox = Inbox::new(&mut buffer[..]);
/// inbox.fill(&mut &[2, 0, 0, 0, b'o', b'k'][..]).unwrap();
/// assert_eq!(inbox.message(), Ok(Some(&b"ok"[..])));
/// inbox.discard();
/// inbox.fill(&mut &[7, 0, 0, 0][..]).unwrap();
/// assert_eq!(inbox.message(), Err(Broken::TooLarge));
/// ```
pub struct Inbox<B> {
    buffer: B,
    used: usize,
}

impl<B> Inbox<B> {
    /// An empty inbox.
    pub const fn new(buffer: B) -> Self {
        Inbox { buffer, used: 0 }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Inbox<B> {
    /// Discards everything, for the next client.
    pub fn clear(&mut self) {
        self.used = 0;
    }

    /// The bytes that were received and not taken out yet. Another inbox can take them with [`fill`](Self::fill).
    pub fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().get(..self.used).unwrap_or_default()
    }

    /// The part of the buffer that holds nothing. Nothing depends on its bytes.
    pub fn unused(&mut self) -> &mut [u8] {
        self.buffer.as_mut().get_mut(self.used..).unwrap_or_default()
    }

    /// Whether [`fill`](Self::fill) has room to read into. It always has while no whole frame is in the inbox, if the
    /// buffer has more bytes than a header.
    pub fn has_room(&self) -> bool {
        self.used < self.buffer.as_ref().len()
    }

    /// Reads once, as much as there is room for. `Ok(0)` means that there is no room: take a frame out first.
    ///
    /// If a non-blocking reader has nothing at the moment, its error is returned as [`FrameError::Io`].
    ///
    /// # Errors
    /// The reader fails, or the stream has ended.
    pub fn fill<R: Read>(&mut self, reader: &mut R) -> Result<usize, FrameError<R::Error>> {
        let Some(room) = self.buffer.as_mut().get_mut(self.used..).filter(|room| !room.is_empty()) else {
            return Ok(0);
        };
        let most = room.len();
        match reader.read(room) {
            Ok(0) if self.used == 0 => Err(FrameError::Closed),
            Ok(0) => Err(FrameError::CutOff),
            Ok(count) => {
                let count = count.min(most);
                self.used = self.used.saturating_add(count);
                Ok(count)
            }
            Err(error) => Err(FrameError::Io(error)),
        }
    }

    /// The message of the first frame, if it has arrived whole. An error is permanent: close the connection.
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: the frame announces more than [`MAX_MESSAGE`], or more than the buffer holds.
    pub fn message(&self) -> Result<Option<&[u8]>, Broken> {
        let arrived = self.bytes();
        let Some((header, rest)) = arrived.split_first_chunk::<HEADER>() else { return Ok(None) };
        let length = announced(*header)?;
        if length > self.buffer.as_ref().len().saturating_sub(HEADER) {
            return Err(Broken::TooLarge);
        }
        Ok(rest.get(..length))
    }

    /// Drops the first frame, if it has arrived whole.
    pub fn discard(&mut self) {
        if let Ok(Some(message)) = self.message() {
            let frame = message.len().saturating_add(HEADER);
            let rest = self.used.saturating_sub(frame);
            copy_within(self.buffer.as_mut(), frame, rest, 0);
            self.used = rest;
        }
    }
}

/// The bytes still to be sent to one client: whole frames go in, and bytes leave as fast as the client takes them.
///
/// The caller lends the buffer, as for an [`Inbox`].
pub struct Outbox<B> {
    buffer: B,
    sent: usize,
    used: usize,
}

impl<B> Outbox<B> {
    /// An empty outbox.
    pub const fn new(buffer: B) -> Self {
        Outbox { buffer, sent: 0, used: 0 }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Outbox<B> {
    /// Discards everything, for the next client.
    pub fn clear(&mut self) {
        (self.sent, self.used) = (0, 0);
    }

    /// Whether everything has been sent.
    pub fn is_empty(&self) -> bool {
        self.sent == self.used
    }

    /// The part of the buffer that holds nothing, as in an [`Inbox`].
    pub fn unused(&mut self) -> &mut [u8] {
        let from = if self.is_empty() { 0 } else { self.used };
        self.buffer.as_mut().get_mut(from..).unwrap_or_default()
    }

    /// The bytes still to be sent. Another outbox can take them with [`put_back`](Self::put_back).
    pub fn bytes(&self) -> &[u8] {
        self.buffer.as_ref().get(self.sent..self.used).unwrap_or_default()
    }

    /// Replaces the contents with these bytes; returns false, and leaves the outbox empty, if they are too many.
    pub fn put_back(&mut self, bytes: &[u8]) -> bool {
        self.clear();
        let Some(room) = self.buffer.as_mut().get_mut(..bytes.len()) else { return false };
        room.copy_from_slice(bytes);
        self.used = bytes.len();
        true
    }

    /// Queues a message. An empty outbox takes any message whose frame fits into its buffer; one that is not empty may
    /// lack the room, and is then unchanged.
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: there is no room for the message now, or it never fits.
    pub fn put<T: Serialize>(&mut self, message: &T) -> Result<(), Broken> {
        let rest = self.used.saturating_sub(self.sent);
        copy_within(self.buffer.as_mut(), self.sent, rest, 0);
        (self.sent, self.used) = (0, rest);
        let room = self.buffer.as_mut().get_mut(self.used..).unwrap_or_default();
        self.used = self.used.saturating_add(encode(message, room)?.len());
        Ok(())
    }

    /// Writes once, as much as the writer takes, and returns the number of bytes: repeat until
    /// [`is_empty`](Self::is_empty).
    ///
    /// If a non-blocking writer takes nothing at the moment, its error is returned, and nothing is lost.
    ///
    /// # Errors
    /// The writer fails.
    pub fn flush<W: Write>(&mut self, writer: &mut W) -> Result<usize, W::Error> {
        let rest = self.bytes();
        if rest.is_empty() {
            return Ok(0);
        }
        let written = writer.write(rest)?.min(rest.len());
        self.sent = self.sent.saturating_add(written);
        Ok(written)
    }
}

/// Collects the statuses of one page of a list, or the entries of one.
pub struct PageWriter<'b> {
    bytes: &'b mut [u8],
    used: usize,
}

impl<'b> PageWriter<'b> {
    /// An empty page in `buffer`, for which [`MAX_PAGE`] bytes suffice.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        let most = buffer.len().min(MAX_PAGE);
        PageWriter { bytes: buffer.get_mut(..most).unwrap_or_default(), used: 0 }
    }

    /// Whether the page is still empty.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Adds a status. If the page is full it stays unchanged, and the next page begins with this status.
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: there is no room for the status on this page.
    pub fn push(&mut self, status: &Status<'_>) -> Result<(), Broken> {
        let room = self.bytes.get_mut(self.used..).unwrap_or_default();
        let written = postcard::to_slice(status, room).map_err(|_| Broken::TooLarge)?.len();
        self.used = self.used.saturating_add(written);
        Ok(())
    }

    /// Adds an entry, which is in two parts. If the page is full it stays unchanged, and the next page begins with this
    /// entry.
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: there is no room for the entry on this page.
    pub fn push_entry(&mut self, first: &[u8], rest: &[u8]) -> Result<(), Broken> {
        let length = first.len().saturating_add(rest.len()).saturating_add(1);
        let after = self.used.saturating_add(length);
        let room = self.bytes.get_mut(self.used..after).ok_or(Broken::TooLarge)?;
        room.iter_mut().zip(first.iter().chain(rest).chain(&[0])).for_each(|(to, from)| *to = *from);
        self.used = after;
        Ok(())
    }

    /// The page, for [`super::Reply::Page`] or [`super::Reply::Variables`].
    pub fn finish(self) -> &'b [u8] {
        let PageWriter { bytes, used } = self;
        bytes.get(..used).unwrap_or_default()
    }
}

/// The statuses of a page, in order; after an error nothing follows.
#[derive(Clone)]
pub struct PageReader<'a>(&'a [u8]);

impl<'a> PageReader<'a> {
    /// A reader of the `statuses` of a [`super::Reply::Page`].
    pub fn new(statuses: &'a [u8]) -> Self {
        PageReader(statuses)
    }
}

impl<'a> Iterator for PageReader<'a> {
    type Item = Result<Status<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        match postcard::take_from_bytes(self.0) {
            Ok((status, rest)) => {
                self.0 = rest;
                Some(Ok(status))
            }
            Err(_) => {
                self.0 = &[];
                Some(Err(Broken::Malformed))
            }
        }
    }
}
