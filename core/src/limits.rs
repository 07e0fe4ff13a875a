//! Structural maxima: what no capacity can raise.

use core::fmt;

/// Which capacity was exhausted. Full is an answer: it names the limit, reaches the log and the client, and nothing is lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Limit {
    /// Job classes: job files loaded.
    Classes,
    /// Job instances.
    Jobs,
    /// Live processes.
    Processes,
    /// Events that clients emitted and that are not finished.
    Events,
    /// Things that wait for a job or an event: clients, jobs, events.
    Blocked,
    /// Event operators of `start on` and `stop on`, one set a class and one an instance.
    Operators,
    /// Distinct event names in conditions, and who names them.
    Interests,
    /// Bytes of text: names, environments, conditions.
    Text,
    /// Length of an instance name.
    InstanceName,
    /// Events in one condition.
    ConditionEvents,
    /// Length of an event's name in a condition.
    EventName,
}

impl Limit {
    /// The limit in words, as log and client see it.
    pub const fn name(self) -> &'static str {
        match self {
            Limit::Classes => "job classes",
            Limit::Jobs => "job instances",
            Limit::Processes => "processes",
            Limit::Events => "events",
            Limit::Blocked => "waiting clients and events",
            Limit::Operators => "event operators",
            Limit::Interests => "event names in conditions",
            Limit::Text => "text",
            Limit::InstanceName => "instance name",
            Limit::ConditionEvents => "events in a condition",
            Limit::EventName => "event name in a condition",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A capacity is exhausted; nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Full {
    /// Which.
    pub limit: Limit,
}

/// Longest instance name, in bytes. Becomes part of a log file's name, which Linux bounds at 255; real ones have below 60.
pub const INSTANCE_NAME: usize = 1024;

/// Most events that one condition names; they are kept as the bits of a 64-bit word. Real ones have 11.
pub const CONDITION_EVENTS: usize = 64;

/// Longest name of an event in a condition, in bytes. Real ones have 38.
pub const EVENT_NAME: usize = 1024;

/// Longest argument of `stop on` once its variables have their values, in bytes; a longer one matches nothing.
pub const ARGUMENT: usize = 1024;

/// Longest text in which a process says what it is doing, in bytes.
pub const STATUS: usize = 256;

/// Deepest nesting of a condition. Real ones have 4.
pub const CONDITION_DEPTH: usize = 64;

/// Memory for names on their way in or out: the longest instance name, or the longest job name of a request.
pub const SCRATCH: usize = 4096;
