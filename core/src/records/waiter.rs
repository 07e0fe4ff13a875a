//! A client or an event that waits.

use core::hash::Hash;

use crate::answer::Answer;
use crate::ids::{ClientId, EventId, JobId, WaiterId, kind};
use crate::input::JobCommand;
use crate::memory::pool::Record;
use crate::memory::queue::Linked;

/// A waiter.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Waiter {
    pub(crate) kind: WaiterKind,
    pub(crate) place: WaitQueue,
    pub(crate) link: Option<WaiterId>,
}

/// The queue that a waiter is in.
#[derive(Clone, Copy, Debug, PartialEq, Hash)]
pub(crate) enum WaitQueue {
    Job(JobId),
    Event(EventId),
    Answers,
    LastAnswers,
}

/// The kinds of waiters.
#[derive(Clone, Copy, Debug, PartialEq, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum WaiterKind {
    /// A client whose command is under way.
    Client(ClientId, JobCommand),
    /// A client whose event is under way.
    Emitter(ClientId),
    /// An event that started or stopped the job.
    Event(EventId),
    /// A client whose answer is settled.
    Answered(ClientId, Answer),
}

impl Linked for Waiter {
    fn link(&mut self) -> &mut Option<WaiterId> {
        &mut self.link
    }
}

impl Record for Waiter {
    type Kind = kind::Waiter;
}
