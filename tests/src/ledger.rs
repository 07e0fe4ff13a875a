//! What the simulated kernel notes of the supervisor's messages, for the checks of whole systems.

use uphold_core::limits::{EVENTS_PER_DRAIN, KILL_TIMEOUT_SECONDS};
use uphold_core::{ClassId, Instant, JobId, Notice, Process, State};

use crate::tally::Tally;

/// The notes. They are kept only if the world is checked as a whole.
#[derive(Clone, Default)]
pub struct Ledger {
    /// Whether notes are kept.
    pub keeps: bool,
    /// The current time.
    pub now: Instant,
    /// What has happened, counted.
    pub tally: Tally,
    /// The most events of one drain; 0 is the default.
    pub bound: u32,
    /// The number of events that were offered in this drain.
    offered: u32,
    /// The classes that were reported to be in a circle, and have not left it.
    pub circles: Vec<ClassId>,
    /// What the job file of each class says.
    files: Vec<(ClassId, FileFacts)>,
    /// The class of each job that has processes.
    owners: Vec<(JobId, ClassId)>,
    /// The jobs that are not at rest and have changed their state.
    pub jobs: Vec<JobId>,
    /// The jobs that are being killed, and since when.
    pub killing: Vec<(JobId, Instant)>,
}

/// What a job file says, as far as the checks and the processes need it.
#[derive(Clone, Copy, Default)]
pub struct FileFacts {
    /// The `kill timeout`, in seconds.
    pub kill_timeout: u32,
    /// Whether the main process reports that it is ready.
    pub speaks: bool,
    /// Whether a pid file is written.
    pub writes: bool,
}

impl Ledger {
    /// A class was defined by the text of its job file.
    pub fn define(&mut self, class: ClassId, file: &str) {
        if !self.keeps {
            return;
        }
        let seconds = |line: &str| line.strip_prefix("kill timeout ")?.parse().ok();
        let kill_timeout = file.lines().filter_map(seconds).next_back().unwrap_or(KILL_TIMEOUT_SECONDS);
        let speaks = file.contains("expect notify") || file.contains("expect fd");
        let facts = FileFacts { kill_timeout, speaks, writes: file.contains("pid file") };
        self.files.push((class, facts));
    }

    pub(crate) fn retire(&mut self, class: ClassId) {
        self.files.retain(|(known, _)| *known != class);
        self.circles.retain(|known| *known != class);
    }

    /// What the job file of a class says. A class whose file is not known says nothing.
    pub fn facts(&self, class: ClassId) -> FileFacts {
        let known = self.files.iter().find(|(known, _)| *known == class);
        known.map_or(FileFacts { kill_timeout: KILL_TIMEOUT_SECONDS, ..FileFacts::default() }, |(_, facts)| *facts)
    }

    /// A process is spawned for a job.
    pub(crate) fn own(&mut self, job: JobId, class: Option<ClassId>) {
        if let Some(class) = class.filter(|_| self.keeps && !self.owners.iter().any(|(known, _)| *known == job)) {
            self.owners.push((job, class));
        }
    }

    /// What the job file of a job with processes says.
    pub fn facts_of(&self, job: JobId) -> FileFacts {
        let owner = self.owners.iter().find(|(known, _)| *known == job);
        owner.map(|(_, class)| self.facts(*class)).unwrap_or_default()
    }

    pub(crate) fn rest(&mut self, job: JobId) {
        self.owners.retain(|(known, _)| *known != job);
        self.jobs.retain(|known| *known != job);
        self.killing.retain(|(known, _)| *known != job);
    }

    /// The drain has ended, or was cut short.
    pub(crate) fn end_drain(&mut self) {
        self.offered = 0;
    }

    /// Takes a message of the supervisor. Returns the fault, if there is one.
    pub(crate) fn hear(&mut self, notice: Notice) -> Option<String> {
        if !self.keeps {
            return None;
        }
        self.tally.hear(notice);
        match notice {
            Notice::HandlingEvent(_) => {
                self.offered += 1;
                let most = if self.bound == 0 { EVENTS_PER_DRAIN } else { self.bound };
                if self.offered > most {
                    return Some(format!("a drain offers {} events, and may offer {most}", self.offered));
                }
            }
            Notice::StateChanged { job, to, .. } => {
                self.killing.retain(|(known, _)| *known != job);
                if !self.jobs.contains(&job) {
                    self.jobs.push(job);
                }
                if to == State::Killed {
                    self.killing.push((job, self.now));
                }
            }
            // The next one of the processes that have to end gets its signal, and time to end.
            Notice::Signalling { job, process: Process::Main, .. } => {
                let now = self.now;
                self.killing.iter_mut().filter(|(known, _)| *known == job).for_each(|(_, since)| *since = now);
            }
            Notice::Circle { class } => self.circles.push(class),
            Notice::CircleLeft { class, .. } => self.circles.retain(|known| *known != class),
            _ => {}
        }
        None
    }
}
