//! Notes of the supervisor's messages, for the checks of whole systems.

use uphold_core::limits::{EVENTS_PER_DRAIN, KILL_TIMEOUT_SECONDS};
use uphold_core::{ClassId, Goal, Instant, JobId, Notice, Pid, Process, State, Supervisor};

use crate::duties::{Declared, Duties};
use crate::tally::Tally;

/// The most events that follow from each other at one moment. Circles of jobs are slowed long before.
const EVENTS_AT_ONCE: u32 = 10_000;

/// The notes. They are kept only if the world is checked as a whole.
#[derive(Clone, Default)]
pub struct Ledger {
    /// Whether notes are kept.
    pub keeps: bool,
    /// The current time.
    pub now: Instant,
    /// The count of all that has happened.
    pub tally: Tally,
    /// The most events of one drain; 0 is the default.
    pub bound: u32,
    /// The number of events that were offered in this drain.
    offered: u32,
    /// The classes that were reported to be in a circle, and have not left it.
    pub circles: Vec<ClassId>,
    /// The content of the job file of each class.
    files: Vec<FileFacts>,
    /// The waiting clients whose event the `start on` of a class holds, each with the name of the class.
    pub held: Vec<(usize, String)>,
    /// The names of the classes that events have started since then, or tried to, or whose `start on` has changed.
    pub touched: Vec<String>,
    /// Whether the end was ordered.
    pub ends: bool,
    /// The names of the classes of which a job was forced to stop: that gives up what does not end.
    pub forced: Vec<String>,
    /// Whether no job may start any more: the end was ordered, and none waits for it.
    pub closed: bool,
    /// A message that counts as a fault: a test plants one.
    pub forbidden: Option<fn(&Notice) -> bool>,
    /// The processes that were born in a traced fork.
    pub traced: Vec<Pid>,
    /// The main processes whose parent was made by the launched process and lives: `expect daemon` names the child, and
    /// the parent is the daemon. Each with its parent, and since when.
    pub masters: Vec<(Pid, Pid, Instant)>,
    /// The class of each job that has processes.
    owners: Vec<(JobId, ClassId)>,
    /// The jobs that are not at rest and have changed their state.
    pub jobs: Vec<JobId>,
    /// The jobs that are being killed, and since when.
    pub killing: Vec<(JobId, Instant)>,
    /// The duties to daemons.
    pub(crate) duties: Duties,
}

/// The content of a job file, as far as the checks and the processes need it.
#[derive(Clone)]
pub struct FileFacts {
    class: ClassId,
    name: String,
    /// The stanzas that say when it starts.
    start: String,
    /// The `kill timeout`, in seconds.
    pub kill_timeout: u32,
    /// Whether the main process reports that it is ready.
    pub speaks: bool,
    /// Whether a pid file is written.
    pub writes: bool,
    /// Whether all processes of the job end with it.
    pub wide: bool,
    pub(crate) declared: Declared,
}

impl Ledger {
    /// A class was defined by the text of its job file.
    pub fn define(&mut self, class: ClassId, name: &str, file: &str) {
        if !self.keeps {
            return;
        }
        let seconds = |line: &str| line.strip_prefix("kill timeout ")?.parse().ok();
        let kill_timeout = file.lines().filter_map(seconds).next_back().unwrap_or(KILL_TIMEOUT_SECONDS);
        let speaks = file.contains("expect notify") || file.contains("expect fd");
        let start: String = file.lines().filter(|line| line.starts_with("start on") || *line == "manual").collect();
        let name = name.to_owned();
        let [writes, wide] = ["pid file", "kill scope job"].map(|stanza| file.contains(stanza));
        let declared = Declared::of(file);
        self.files.push(FileFacts { class, name, start, kill_timeout, speaks, writes, wide, declared });
    }

    pub(crate) fn retire(&mut self, class: ClassId) {
        if let Some(place) = self.files.iter().position(|facts| facts.class == class) {
            let old = self.files.swap_remove(place);
            let is_same = |facts: &FileFacts| facts.name == old.name && facts.start == old.start;
            if !self.files.iter().any(is_same) {
                self.touched.push(old.name);
            }
        }
        self.circles.retain(|known| *known != class);
    }

    /// The content of the job file of a class.
    pub fn facts(&self, class: ClassId) -> Option<&FileFacts> {
        self.files.iter().find(|facts| facts.class == class)
    }

    /// A process is spawned for a job.
    pub(crate) fn own(&mut self, job: JobId, class: Option<ClassId>) {
        if let Some(class) = class.filter(|_| self.keeps && !self.owners.iter().any(|(known, _)| *known == job)) {
            self.owners.push((job, class));
        }
    }

    /// The content of the job file of a job with processes.
    pub fn facts_of(&self, job: JobId) -> Option<&FileFacts> {
        self.owners.iter().find(|(known, _)| *known == job).and_then(|(_, class)| self.facts(*class))
    }

    /// Whether all processes of a job must have ended when it is at rest.
    pub(crate) fn must_end(&self, job: JobId) -> bool {
        self.facts_of(job).is_some_and(|facts| facts.wide) && !self.is_forced(job)
    }

    /// Whether a job was forced to stop, which gives up what does not end.
    pub(crate) fn is_forced(&self, job: JobId) -> bool {
        self.facts_of(job).is_some_and(|facts| self.forced.contains(&facts.name))
    }

    fn touch(&mut self, class: Option<ClassId>) {
        let name = class.and_then(|class| self.facts(class)).map(|facts| facts.name.clone());
        self.touched.extend(name);
    }

    pub(crate) fn rest(&mut self, job: JobId) {
        self.duties.rest(job);
        self.owners.retain(|(known, _)| *known != job);
        self.jobs.retain(|known| *known != job);
        self.killing.retain(|(known, _)| *known != job);
    }

    /// The most events that one drain offers.
    fn most_offered(&self) -> u32 {
        if self.bound == 0 { EVENTS_PER_DRAIN } else { self.bound }
    }

    /// Whether events have followed from each other, in so many drains without any time in between, that nothing slows
    /// the jobs which emit them.
    pub(crate) fn runs_round(&self, drains: u32) -> bool {
        self.keeps && drains.saturating_mul(self.most_offered()) > EVENTS_AT_ONCE
    }

    /// The drain has ended, or was cut short.
    pub(crate) fn end_drain(&mut self) {
        self.offered = 0;
    }

    /// Takes a message of the supervisor. Returns the fault, if there is one.
    pub(crate) fn hear(&mut self, supervisor: &Supervisor<'_>, notice: Notice) -> Option<String> {
        if !self.keeps {
            return None;
        }
        self.tally.hear(notice);
        if self.forbidden.is_some_and(|is_forbidden| is_forbidden(&notice)) {
            return Some("a planted fault".into());
        }
        let is_pressed = self.ends || !self.forced.is_empty();
        if let Some(fault) = self.duties.hear(supervisor, notice, is_pressed) {
            return Some(fault);
        }
        match notice {
            Notice::HandlingEvent(_) => {
                self.offered += 1;
                let most = self.most_offered();
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
            Notice::GoalChanged { job, to: Goal::Start, .. } if self.closed => {
                self.closed = false;
                return Some(format!("{} is to start, and the end has begun", supervisor.job_name(job)));
            }
            Notice::GoalChanged { job, .. } => self.touch(supervisor.class_of(job)),
            Notice::NoInstance { class, .. } | Notice::Full { class, .. } => self.touch(Some(class)),
            Notice::Circle { class } => self.circles.push(class),
            Notice::CircleLeft { class, .. } => self.circles.retain(|known| *known != class),
            _ => {}
        }
        None
    }
}
