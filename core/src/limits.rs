//! Structural maxima, which no capacity can raise, and the times that no job file sets: every number with its unit and
//! its reason.

use core::fmt;
use core::hash::Hash;

use crate::time::Backoff;

/// The capacity that was exhausted. The log and the client's reply name it, and nothing that was accepted is lost.
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
    /// Distinct event names in conditions, with the classes that name them.
    Interests,
    /// Bytes of text: names, environments, conditions.
    Text,
    /// Pieces of text: each name, environment and condition is one.
    Pieces,
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
            Limit::Pieces => "pieces of text",
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
    /// The capacity.
    pub limit: Limit,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no room for more {}", self.limit)
    }
}

impl core::error::Error for Full {}

// The most of one thing.

/// Longest instance name, in bytes. Becomes part of a log file's name, which Linux bounds at 255; real ones have below
/// 60.
pub const INSTANCE_NAME: usize = 1024;

/// Most events that one condition names; they are kept as the bits of a 64-bit word. Real ones have 11.
pub const CONDITION_EVENTS: usize = 64;

/// Longest name of an event in a condition, in bytes. Real ones have 38.
pub const EVENT_NAME: usize = 1024;

/// Longest argument of `stop on` once its variables have their values, in bytes; a longer one matches nothing. Real
/// ones have 55 before.
pub const ARGUMENT: usize = 1024;

/// Longest text in which a process says what it is doing, in bytes: a line for people. A longer one is cut.
pub const STATUS: usize = 256;

/// How deep parentheses in a condition, and braces in a name, may be nested. Real ones go to four.
pub const NESTING: usize = 64;

/// Longest message of the control protocol, in bytes: room for a variable that is as long as Linux lets an argument be,
/// 128 KiB. Each end lends the buffer that it can spare, and refuses what is longer.
pub const MAX_MESSAGE: usize = 144 << 10;

/// Longest message that is one page of a list, in bytes: about 200 jobs. Less than a message could hold, since the page
/// is made up in memory that is used for nothing else.
pub const PAGE: usize = 8192;

/// Room for one record of a snapshot, in bytes: a class is the largest, with some 200.
pub(crate) const SNAPSHOT_RECORD: usize = 1024;

/// Most bytes of text in one record of a snapshot: what is left beside its length.
pub(crate) const SNAPSHOT_PIECE: usize = 960;

const _: () = assert!(SNAPSHOT_PIECE + 4 <= SNAPSHOT_RECORD, "a record holds a piece of text and its length");

// The parts of the machine's own memory.

/// The most effects of one step: a forced job that is to be killed has its state logged, its process signalled, the
/// signal logged, and its other processes swept. An effect's answer, handled while others are still in the outbox, can
/// add as many; so can the ends of two processes that are reported with it. A call that changes classes retires at most
/// two.
pub(crate) const OUTBOX: usize = 16;

/// The number of events for which a job has room reserved: one that reports a step it has taken, and one that it waits
/// for. There can be more of the first kind while other jobs block them; they take unreserved room.
pub(crate) const EVENTS_PER_JOB: usize = 2;

/// The most events that are taken from the agenda before the world has a turn. A system of 658 job files handles some
/// 2,700 at boot, so that a client waits for a third of that at most; a job takes less than ten steps for an event.
pub const EVENTS_PER_DRAIN: u32 = 1024;

/// How often in a row a class starts itself again, with no process in between, before that is taken for a circle. No
/// job file that was seen does so once.
pub const CIRCLE_ROUNDS: u32 = 8;

/// The most classes of a circle that is recognised: the way back is followed at each start that a job causes.
pub(crate) const CIRCLE_MEMBERS: usize = 256;

/// The most jobs that are passed in the search for a circle of waits.
pub(crate) const WAIT_CIRCLE: usize = 16;

/// The most hash chains that a capacity derives from its counts. With 10,240 things a chain has two or three.
pub(crate) const CHAINS: usize = 4096;

/// Holes between texts that are left, in bytes: closing them would cost more than they take.
pub(crate) const TEXT_SLACK: usize = 4096;

// Upstart's own times and counts, where the job file says nothing.

/// Seconds from the kill signal to SIGKILL (init(5), `kill timeout`).
pub const KILL_TIMEOUT_SECONDS: u32 = 5;

/// How often a job is respawned within [`RESPAWN_SECONDS`] (init(5), `respawn limit`).
pub const RESPAWN_COUNT: u32 = 10;

/// The seconds in which respawns are counted (init(5), `respawn limit`).
pub const RESPAWN_SECONDS: u32 = 5;

/// The shortest time that jobs get to stop by themselves when the supervisor ends, in seconds, and what those get that
/// wait for the session's end: as many as a file that says nothing gives.
pub(crate) const END_SECONDS: u32 = KILL_TIMEOUT_SECONDS;

/// Seconds for which a main process must live to be taken for healthy: then the delays of `respawn delay` begin again.
pub const HEALTHY_SECONDS: u32 = 60;

/// How many runs in a row none of which was healthy are taken for a loop that `respawn limit` does not end.
pub const LOOP_RUNS: u8 = 5;

// How long is waited for what no stanza names. docs/decisions/0005 says why.

/// Seconds after a process was taken for the daemon in which its end may still be a step on the daemon's way into
/// the background. Later, the processes that it leaves behind are workers or a user's own, not a daemon.
pub(crate) const ADOPTION_SECONDS: u32 = 10;

/// Milliseconds that an adopted process must live to be taken for the daemon: a step on the way to one, or a child that
/// is about to end too, does not.
pub(crate) const TRIAL_MILLISECONDS: u32 = 300;

/// Seconds in which the process between the first and the daemon has ended, if it was only a step.
pub(crate) const MIDDLE_SECONDS: u32 = 3;

/// Milliseconds until a process that is expected to do something is observed again, unless the job waits for that
/// alone.
pub(crate) const LOOK_MILLISECONDS: u32 = 2500;

/// The same where observing is the only way to notice (`pid file`, `expect auto`): short enough for a person at a
/// prompt.
pub(crate) const QUICK_LOOK_MILLISECONDS: u32 = 250;

/// The number of observations of a busy process after which the time to the next one begins to double.
pub(crate) const FEW_LOOKS: u8 = 4;

/// The pauses before a job of a circle starts again: no longer than a person at a prompt waits.
pub(crate) const CIRCLE_PAUSE: Backoff = Backoff::new(16, 1000);

/// The pauses before a process is spawned again for which the world lacked a resource.
pub(crate) const RETRY_PAUSE: Backoff = Backoff::new(64, 1000);

/// The pauses before a world that could not find out which processes live is asked again. The kernel's wants pass in
/// seconds, or last.
pub(crate) const UNSEEN_PAUSE: Backoff = Backoff::new(100, 3200);

/// Milliseconds given to processes to end that received the same signal as a main process that has ended.
pub(crate) const AFTERMATH_MILLISECONDS: u32 = 100;

/// Seconds in which SIGKILL must end a process before a forced stop gives it up: only one that sleeps in the kernel
/// takes longer.
pub(crate) const GIVE_UP_SECONDS: u32 = 2;

/// How many processes a forced stop ends one after the other before it gives the rest up: more than a daemon has that
/// do not end together.
pub(crate) const STRIKES: u8 = 16;
