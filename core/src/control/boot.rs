//! The record of the boot: the first changes of state of all jobs since the supervisor began, and the events that
//! started jobs.

use serde::{Deserialize, Serialize};

use crate::state::State;

/// The way in which a job was started, and whether it is a task.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Start {
    /// A job that is not a task, by the event before in the record.
    ByEvent,
    /// A job that is not a task, by a command.
    ByCommand,
    /// A task, by the event before in the record.
    TaskByEvent,
    /// A task, by a command.
    TaskByCommand,
}

impl Start {
    /// The value for these two facts.
    pub const fn of(is_task: bool, by_event: bool) -> Start {
        match (is_task, by_event) {
            (false, true) => Start::ByEvent,
            (false, false) => Start::ByCommand,
            (true, true) => Start::TaskByEvent,
            (true, false) => Start::TaskByCommand,
        }
    }

    /// Whether the job is a task.
    pub const fn is_task(self) -> bool {
        matches!(self, Start::TaskByEvent | Start::TaskByCommand)
    }

    /// Whether an event started it.
    pub const fn is_by_event(self) -> bool {
        matches!(self, Start::ByEvent | Start::TaskByEvent)
    }
}

/// A thing that happened in the boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Step {
    /// An event was offered to conditions. Only those that started a job are recorded.
    Event,
    /// A job at rest was started, and its state is `starting`.
    Started(Start),
    /// A job has come into this state. Of the states on the way, only those that a chart shows are recorded: the one
    /// after `starting`, `spawned`, `running`, `stopping` and `waiting`.
    State(State),
    /// A job has come to rest after a failure.
    Failed,
}

/// An entry of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Entry {
    /// Milliseconds since the record began.
    pub at: u32,
    /// The hash (32 bits of FNV-1a, [`Fnv`](crate::Fnv)) of a job's name; of an event's name; or of the name of one of
    /// the four events of a job, a blank, and the job's name.
    pub name: u32,
    /// The lower half of the hash of the instance's name.
    pub instance: u16,
    /// The thing that happened.
    pub step: Step,
}

/// A page of the record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Page<'a> {
    /// Milliseconds since the record began.
    pub now: u32,
    /// Whether the record is full, so that later changes are not in it.
    pub is_full: bool,
    /// The start of the next page; `None` after the last.
    pub next: Option<u32>,
    /// The entries, each a postcard-encoded [`Entry`], one after another.
    pub entries: &'a [u8],
}

impl<'a> Page<'a> {
    /// The entries, in order. The list ends before bytes that cannot be decoded.
    pub fn list(&self) -> impl Iterator<Item = Entry> + 'a {
        let mut rest = self.entries;
        core::iter::from_fn(move || {
            let (entry, after) = postcard::take_from_bytes(rest).ok()?;
            rest = after;
            Some(entry)
        })
    }
}
