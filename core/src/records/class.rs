//! A job class: what a job file declares, as far as decisions depend on it.

use core::hash::Hash;

use crate::expect::Expect;
use crate::ids::{ClassId, InterestId, JobId, LeafId, kind};
use crate::limits::{CIRCLE_ROUNDS, KILL_TIMEOUT_SECONDS};
use crate::memory::arena::TextHandle;
use crate::memory::index::Indexed;
use crate::memory::pool::Record;
use crate::memory::texts::Texts;
use crate::process::Process;
use crate::signal::Signal;
use crate::tables::respawn::{RespawnDelay, RespawnLimit};

/// A job class.
///
/// Here and in the other records, fields are skipped in a snapshot if they follow from the rest.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Class {
    pub(crate) name: TextHandle,
    #[serde(skip)]
    pub(crate) hash: u32,
    #[serde(skip)]
    pub(crate) chain: Option<ClassId>,
    pub(crate) phase: Phase,
    /// The class that replaces this one when its last instance has ended.
    pub(crate) successor: Option<ClassId>,
    /// Whether the file is gone, so that the class is removed when its last instance has ended.
    pub(crate) deleted: bool,
    /// `KEY=VALUE` or `KEY` entries, in file order.
    pub(crate) environment: TextHandle,
    pub(crate) exports: TextHandle,
    /// The only event variables that instances get; empty if they get all.
    pub(crate) imports: TextHandle,
    pub(crate) emits: TextHandle,
    pub(crate) instance: TextHandle,
    pub(crate) usage: TextHandle,
    /// Four bytes for each entry, in little-endian order.
    pub(crate) normal_exits: TextHandle,
    pub(crate) start_on: TextHandle,
    #[serde(skip)]
    pub(crate) start_leaves: Option<LeafId>,
    pub(crate) stop_on: TextHandle,
    pub(crate) interests: Option<InterestId>,
    /// The number of instances.
    #[serde(skip)]
    pub(crate) instances: u32,
    /// The number that a start may not exceed (`instance limit`).
    pub(crate) most_instances: u32,
    pub(crate) first_job: Option<JobId>,
    pub(crate) last_job: Option<JobId>,
    /// One bit for each process of the class.
    pub(crate) processes: u8,
    pub(crate) respawn: bool,
    pub(crate) task: bool,
    pub(crate) expect: Expect,
    pub(crate) limit: RespawnLimit,
    pub(crate) delay: RespawnDelay,
    /// Seconds from giving up to the next start (`respawn retry`); 0 means that there is none.
    pub(crate) retry: u32,
    pub(crate) kill_signal: Signal,
    /// Whether every process of the job ends with the main process (`kill scope job`).
    pub(crate) kill_job: bool,
    /// Seconds from the kill signal to SIGKILL; 0 is at once.
    pub(crate) kill_timeout: u32,
    /// Seconds from its launch in which the main process must be ready; 0 means no limit.
    pub(crate) start_timeout: u32,
    /// Seconds that each hook may run; 0 means no limit.
    pub(crate) hook_timeout: u32,
    /// The longest time in seconds between two reports of the main process that it is alive; 0 means no limit.
    pub(crate) watchdog: u32,
    pub(crate) reload_signal: Signal,
    /// The number of events in `start on` and in `stop on`, at most [`CONDITION_EVENTS`] each.
    #[serde(skip)]
    pub(crate) start_events: u8,
    #[serde(skip)]
    pub(crate) stop_events: u8,
    /// The class whose event started the last instance, unless a process, a client or a timer has moved one since.
    pub(crate) cause: Option<ClassId>,
    /// How often in a row the causes led back to the class.
    pub(crate) rounds: u32,
    /// The lessons on the file that were logged, one bit each ([`crate::tables::expect::lesson`]).
    pub(crate) lessons: u32,
    /// Whether a launch is to be traced to learn what the daemon does.
    pub(crate) learning: Learning,
}

/// The need to learn how often a daemon forks.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Learning {
    /// Nothing: no process has been adopted that descends from the launched one by an unknown number of forks.
    Needless,
    /// The next launch is traced.
    Wanted,
    /// A traced launch has told.
    Done,
}

/// The phases of a class.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) enum Phase {
    /// The job file is being read.
    Draft,
    /// The class waits for the last instance of the class before it to end.
    Successor,
    /// The class is in force under its name.
    Current,
}

impl Class {
    pub(crate) fn draft(name: TextHandle, hash: u32) -> Class {
        Class {
            name,
            hash,
            chain: None,
            phase: Phase::Draft,
            successor: None,
            deleted: false,
            environment: TextHandle::EMPTY,
            exports: TextHandle::EMPTY,
            imports: TextHandle::EMPTY,
            emits: TextHandle::EMPTY,
            instance: TextHandle::EMPTY,
            usage: TextHandle::EMPTY,
            normal_exits: TextHandle::EMPTY,
            start_on: TextHandle::EMPTY,
            start_leaves: None,
            stop_on: TextHandle::EMPTY,
            interests: None,
            instances: 0,
            most_instances: u32::MAX,
            first_job: None,
            last_job: None,
            processes: 0,
            respawn: false,
            task: false,
            expect: Expect::None,
            limit: RespawnLimit::DEFAULT,
            delay: RespawnDelay::NONE,
            retry: 0,
            kill_signal: Signal::TERM,
            kill_job: false,
            kill_timeout: KILL_TIMEOUT_SECONDS,
            start_timeout: 0,
            hook_timeout: 0,
            watchdog: 0,
            reload_signal: Signal::HUP,
            start_events: 0,
            stop_events: 0,
            cause: None,
            rounds: 0,
            lessons: 0,
            learning: Learning::Needless,
        }
    }

    /// Whether the class has this process.
    pub(crate) const fn has(&self, process: Process) -> bool {
        self.processes & (1 << process.index()) != 0
    }

    /// Whether the job file is being read.
    pub(crate) const fn is_draft(&self) -> bool {
        matches!(self.phase, Phase::Draft)
    }

    /// Whether the class is in force under its name.
    pub(crate) const fn is_current(&self) -> bool {
        matches!(self.phase, Phase::Current)
    }

    /// Whether another process may take the place of a main process that has exited. Without `expect` and `respawn` the
    /// original lets such a job end, and job files rely on that.
    pub(crate) fn is_followed(&self) -> bool {
        self.expect != Expect::None || self.respawn
    }

    /// Whether it matters which processes are the job's.
    pub(crate) fn is_contained(&self) -> bool {
        self.is_followed() || self.kill_job
    }

    /// Whether the class takes part in a circle: job events alone start it again and again.
    pub(crate) const fn is_in_circle(&self) -> bool {
        self.rounds >= CIRCLE_ROUNDS
    }

    /// The largest number of events that can wait for one instance.
    pub(crate) fn most_waiting_events(&self) -> usize {
        usize::from(self.start_events.max(self.stop_events))
    }
}

impl Texts for Class {
    fn texts(&mut self) -> impl Iterator<Item = &mut TextHandle> {
        let texts = [
            &mut self.name,
            &mut self.environment,
            &mut self.exports,
            &mut self.imports,
            &mut self.emits,
            &mut self.instance,
            &mut self.usage,
            &mut self.normal_exits,
            &mut self.start_on,
            &mut self.stop_on,
        ];
        texts.into_iter()
    }
}

impl Indexed for Class {
    fn hash(&self) -> u32 {
        self.hash
    }
    fn next(&mut self) -> &mut Option<ClassId> {
        &mut self.chain
    }
    fn peek(&self) -> Option<ClassId> {
        self.chain
    }
}

impl Record for Class {
    type Kind = kind::Class;
}
