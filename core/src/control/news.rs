//! The news for clients that monitor the supervisor.

use serde::{Deserialize, Serialize};

use super::JobName;
use super::frame::Broken;
use super::why::{Happening, Tenths};
use crate::bytes::Strings;
use crate::notice::Priority;

/// A message about jobs or events, as it comes.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum News<'a> {
    /// Something has happened to a job.
    Job {
        /// The job.
        #[serde(borrow)]
        job: JobName<'a>,
        /// The thing that has happened.
        what: Happening,
    },
    /// An event is offered to conditions.
    Event {
        /// The event's name.
        event: &'a [u8],
        /// Whether `/failed` follows the name.
        of_failure: bool,
        /// The event's variables.
        environment: Strings<'a>,
    },
    /// Another message for the log.
    Message {
        /// The priority.
        priority: Priority,
        /// The text.
        text: &'a [u8],
    },
    /// So many messages were not sent, since the client did not read those before.
    Lost(u32),
}

/// News with their time.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Told<'a> {
    /// The time.
    pub at: Tenths,
    /// The news.
    #[serde(borrow)]
    pub news: News<'a>,
}

impl<'a> Told<'a> {
    /// The first of encoded news that follow each other, and the bytes after it; `None` if there is none that can be
    /// decoded.
    pub fn first(bytes: &'a [u8]) -> Option<(Told<'a>, &'a [u8])> {
        postcard::take_from_bytes(bytes).ok()
    }

    /// Encodes the news, for [`Reply::Told`](super::Reply::Told).
    ///
    /// # Errors
    /// [`Broken::TooLarge`]: the buffer is too small.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], Broken> {
        postcard::to_slice(self, buffer).map(|bytes| &*bytes).map_err(|_| Broken::TooLarge)
    }
}
