//! An event that is pending or being handled, and how far its offering has come.

use core::hash::Hash;

use crate::ids::{EventId, InterestId, JobId, kind};
use crate::memory::arena::TextHandle;
use crate::memory::pool::Record;
use crate::memory::queue::Queue;
use crate::state::JobEvent;

/// An event that is pending or being handled.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Event {
    pub(crate) name: EventName,
    /// Whether `/failed` follows the name.
    pub(crate) of_failure: bool,
    pub(crate) environment: TextHandle,
    /// The job that emitted it.
    pub(crate) owner: Option<JobId>,
    /// What of the job's reservations it takes: bytes of text.
    pub(crate) reservation: Option<u32>,
    /// How many conditions hold it and how many jobs it waits for.
    pub(crate) blockers: u32,
    pub(crate) failed: bool,
    pub(crate) progress: Progress,
    pub(crate) waiters: Queue<kind::Waiter>,
    /// Its neighbours on the agenda.
    pub(crate) before: Option<EventId>,
    pub(crate) after: Option<EventId>,
}

/// An event's name.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum EventName {
    /// One of the four that jobs emit.
    Job(JobEvent),
    /// Any other.
    Named(TextHandle),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Progress {
    /// Not yet offered to any condition.
    Pending,
    /// Offered, and blocked.
    Handling,
    /// Nothing blocks it any more.
    Finished,
}

/// How far the offering of one event has come: to every instance's `stop on`, then to the class's `start on`, class by class.
///
/// No field is an enum or a bool: `None` of this is then all zeros, as an unused storage must be.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Dispatch {
    pub(crate) event: EventId,
    /// Whose turn it is.
    pub(crate) interest: Option<InterestId>,
    /// The last interest whose instances were begun with.
    pub(crate) begun: Option<InterestId>,
    /// The instance that is next.
    pub(crate) job: Option<JobId>,
}

impl Event {
    pub(crate) fn erase_texts(&mut self) {
        (self.environment, self.reservation) = (TextHandle::EMPTY, self.reservation.map(|_| 0));
    }

    pub(crate) const fn new(
        name: EventName,
        environment: TextHandle,
        owner: Option<JobId>,
        reservation: Option<u32>,
    ) -> Event {
        Event {
            name,
            of_failure: false,
            environment,
            owner,
            reservation,
            blockers: 0,
            failed: false,
            progress: Progress::Pending,
            waiters: Queue::new(),
            before: None,
            after: None,
        }
    }

    /// Whether something is to be done about it.
    pub(crate) const fn is_ready(&self) -> bool {
        !matches!(self.progress, Progress::Handling)
    }

    pub(crate) const fn blockers(&self) -> usize {
        self.blockers as usize
    }
}

impl Record for Event {
    type Kind = kind::Event;
}
