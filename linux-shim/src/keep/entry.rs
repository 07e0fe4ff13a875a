//! One entry of the journal: an input, and the place in the sequence of effects where it came.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use uphold_core::{Fnv, Input, Instant, Survivor};

/// When an input came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// The number of effects that were polled since the input before.
    pub polled: u32,
    /// Whether no effect was left: then the input does not answer one.
    pub drained: bool,
    /// The time that the core was given.
    pub now: Instant,
    /// The same in ticks since boot, the unit of a process's start time.
    pub ticks: u64,
}

/// An entry.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry<'e> {
    /// When the input came.
    pub stamp: Stamp,
    #[serde(borrow)]
    input: Input<'e>,
    survivors: Cow<'e, [Survivor]>,
    /// The descriptor of the client that has sent the input.
    pub client: Option<i32>,
}

/// Bytes before each entry: its length, and a checksum of length, generation and content.
pub const ENTRY_HEAD: usize = 8;

impl<'e> Entry<'e> {
    /// An entry for an input.
    pub fn new(stamp: Stamp, input: Input<'e>) -> Self {
        let survivors = match input {
            Input::Survivors { survivors, .. } => Cow::Borrowed(survivors),
            _ => Cow::Borrowed(&[][..]),
        };
        Entry { stamp, input, survivors, client: None }
    }

    /// The input.
    pub fn input(&self) -> Input<'_> {
        match self.input {
            Input::Survivors { job, complete, .. } => Input::Survivors { job, survivors: &self.survivors, complete },
            input => input,
        }
    }

    /// Writes the entry into a buffer, and returns its bytes. `None` if there is no room for it.
    pub fn write<'b>(&self, generation: u64, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let (head, body) = buffer.split_first_chunk_mut::<ENTRY_HEAD>()?;
        let length = postcard::to_slice(self, body).ok()?.len();
        let [a, b, c, d] = (length as u32).to_le_bytes();
        let [e, f, g, h] = sum(generation, body.get(..length)?).to_le_bytes();
        *head = [a, b, c, d, e, f, g, h];
        buffer.get(..ENTRY_HEAD + length)
    }

    /// Reads the first entry of that generation, and returns it with its length. `None` if there is none that is whole.
    pub fn read(generation: u64, bytes: &'e [u8]) -> Option<(Self, usize)> {
        let (&[a, b, c, d, e, f, g, h], rest) = bytes.split_first_chunk::<ENTRY_HEAD>()?;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let body = rest.get(..length).filter(|body| !body.is_empty())?;
        if sum(generation, body) != u32::from_le_bytes([e, f, g, h]) {
            return None;
        }
        Some((postcard::from_bytes(body).ok()?, ENTRY_HEAD + length))
    }
}

fn sum(generation: u64, body: &[u8]) -> u32 {
    Fnv::new().with(&generation.to_le_bytes()).with(&(body.len() as u32).to_le_bytes()).with(body).value()
}
