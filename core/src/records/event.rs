//! An event that is pending or being handled, and the state of its offering.

use core::hash::Hash;

use crate::ids::{ClassId, EventId, InterestId, JobId, kind};
use crate::memory::arena::TextHandle;
use crate::memory::pool::Record;
use crate::memory::queue::Queue;
use crate::memory::texts::Texts;
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
    /// The class of that job, which may be gone already.
    pub(crate) class: Option<ClassId>,
    /// The part of the job's reservation that the event uses: bytes of text.
    pub(crate) reservation: Option<u32>,
    /// The number of conditions that hold the event, and of jobs that the event waits for.
    #[serde(skip)]
    pub(crate) blockers: u32,
    pub(crate) failed: bool,
    #[serde(skip)]
    pub(crate) progress: Progress,
    #[serde(skip)]
    pub(crate) waiters: Queue<kind::Waiter>,
    /// The neighbours on the agenda.
    pub(crate) before: Option<EventId>,
    pub(crate) after: Option<EventId>,
}

/// The name of an event.
#[derive(Clone, Copy, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum EventName {
    /// One of the four events of jobs.
    Job(JobEvent),
    /// Any other event.
    Named(TextHandle),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub(crate) enum Progress {
    /// The event was not offered to any condition yet.
    Pending,
    /// The event was offered, and is blocked.
    #[default]
    Handling,
    /// Nothing blocks the event any more.
    Finished,
}

/// The state of the offering of one event: to every instance's `stop on`, then to the class's `start on`, class by
/// class.
///
/// No field is an enum or a bool, so that `None` of this type is all zeros, as an unused storage must be.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Dispatch {
    pub(crate) event: EventId,
    /// The present interest.
    pub(crate) interest: Option<InterestId>,
    /// The last interest whose instances were begun.
    pub(crate) begun: Option<InterestId>,
    /// The next instance.
    pub(crate) job: Option<JobId>,
}

impl Event {
    pub(crate) fn erase_texts(&mut self) {
        (self.environment, self.reservation) = (TextHandle::EMPTY, self.reservation.map(|_| 0));
    }

    pub(crate) fn new(
        name: EventName,
        environment: TextHandle,
        owner: Option<(JobId, ClassId)>,
        reservation: Option<u32>,
    ) -> Event {
        Event {
            name,
            of_failure: false,
            environment,
            owner: owner.map(|(job, _)| job),
            class: owner.map(|(_, class)| class),
            reservation,
            blockers: 0,
            failed: false,
            progress: Progress::Pending,
            waiters: Queue::new(),
            before: None,
            after: None,
        }
    }

    /// Whether the event is pending or finished.
    pub(crate) const fn is_ready(&self) -> bool {
        !matches!(self.progress, Progress::Handling)
    }

    pub(crate) const fn is_finished(&self) -> bool {
        matches!(self.progress, Progress::Finished)
    }
}

impl Texts for Event {
    fn texts(&mut self) -> impl Iterator<Item = &mut TextHandle> {
        let name = match &mut self.name {
            EventName::Named(text) => Some(text),
            EventName::Job(_) => None,
        };
        [&mut self.environment].into_iter().chain(name)
    }
}

impl Record for Event {
    type Kind = kind::Event;
}
