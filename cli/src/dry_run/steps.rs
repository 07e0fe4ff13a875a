//! The steps of a dry run, in words.

use std::fmt;

use uphold_core::bytes::{Show, split_variable};
use uphold_core::control::{JobName, Reply, Waiting};
use uphold_core::{ClassId, Input, Instant, JobCommand, JobId, Notice, Process, Select, State, Supervisor, Variable};

use super::pretend::{self, Seen};
use crate::condition::Condition;
use crate::failure::Failure;
use crate::print::{ErrorHint, refused};

/// The variables with the events that have started and stopped a job (init(7)).
const STARTED_BY: &[u8] = b"UPSTART_EVENTS";
const STOPPED_BY: &[u8] = b"UPSTART_STOP_EVENTS";

/// The deeds of a job.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Deed {
    Start,
    Run,
    Stop,
    Rest,
    /// Wait for an event that something holds.
    Wait,
    /// Go on from where it is now: it holds up another job.
    GoOn,
    /// Stay at rest, although an event of its `start on` has happened.
    NotStart,
}

impl Deed {
    /// The deed in the output of `--json`, and in words for a person.
    pub(super) const fn words(self) -> (&'static str, &'static str) {
        match self {
            Deed::Start => ("start", "would start"),
            Deed::Run => ("run", "would run"),
            Deed::Stop => ("stop", "would stop"),
            Deed::Rest => ("rest", "would be at rest"),
            Deed::Wait => ("wait", "would wait"),
            Deed::GoOn => ("go_on", "is taken to go on: it waits"),
            Deed::NotStart => ("not_start", "would not start yet"),
        }
    }
}

/// One step. `because` explains it; it may be empty.
pub(super) struct Step {
    pub(super) job: Vec<u8>,
    pub(super) instance: Vec<u8>,
    pub(super) deed: Deed,
    pub(super) because: String,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Step { job, instance, deed, because } = self;
        write!(f, "{} {}", JobName(job, instance), deed.words().1)?;
        match deed {
            _ if because.is_empty() => Ok(()),
            Deed::Wait | Deed::GoOn => write!(f, " {because}"),
            Deed::NotStart => write!(f, ": {because}"),
            _ => write!(f, " ({because})"),
        }
    }
}

/// The whole of a dry run.
#[derive(Default)]
pub struct Steps {
    pub(super) steps: Vec<Step>,
    /// The jobs that have got a part only of what they wait for.
    pub(super) not_yet: Vec<Step>,
    /// Whether jobs start each other without end.
    pub(super) is_endless: bool,
    /// The error of the real command.
    pub(super) refused: Option<Failure>,
    /// Whether the real command would be done at some time.
    pub(super) is_done: bool,
    /// The wait of a command that would not be done, in words; empty if that is not known.
    pub(super) waiting: String,
}

impl Steps {
    /// The steps and the outcome in words.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.steps.iter().map(Step::to_string).collect();
        if lines.is_empty() && self.refused.is_none() {
            lines.push("Nothing would start or stop.".to_owned());
        }
        lines.extend(self.not_yet.iter().map(Step::to_string));
        if self.is_endless {
            lines.push("This would go on without end: jobs start each other again and again.".to_owned());
        } else if !self.is_done && self.refused.is_none() {
            let waiting = if self.waiting.is_empty() { String::new() } else { format!(", {}", self.waiting) };
            lines.push(format!("The command would not be done{waiting}."));
        }
        lines
    }
}

/// Gives the copy a command, and notes each step.
pub(super) fn foresee(supervisor: &mut Supervisor<'_>, now: Instant, command: Input<'_>, hint: ErrorHint) -> Steps {
    let mut steps = Steps::default();
    let before = half_true(supervisor);
    let asked = Asked::of(supervisor, &command);
    let mut tell = |supervisor: &Supervisor<'_>, seen: Seen| match seen {
        Seen::Notice(Notice::StateChanged { job, to, .. }) => {
            let asked = asked.as_ref().is_some_and(|asked| asked.is_why(supervisor, job, to));
            steps.steps.extend(step_of(supervisor, job, to, asked));
        }
        Seen::Notice(_) => {}
        Seen::Reply(answer) => match supervisor.reply(answer) {
            Reply::Error(refusal) => steps.refused = Some(refused(&refusal, hint)),
            _ => steps.is_done = true,
        },
        Seen::Waits(job) => steps.steps.push(waiting(supervisor, job, Deed::Wait)),
        Seen::Under(job) => steps.steps.push(waiting(supervisor, job, Deed::GoOn)),
    };
    let has_end = pretend::foresee(supervisor, now, command, &mut tell);
    for (class, happened) in half_true(supervisor) {
        let known = before.iter().find(|known| known.0 == class).map_or(0, |known| known.1);
        if happened & !known != 0 {
            steps.not_yet.extend(not_yet(supervisor, class));
        }
    }
    steps.is_endless = !has_end;
    if has_end && !steps.is_done && steps.refused.is_none() {
        steps.waiting = supervisor.explain_client(pretend::CLIENT).map_or(String::new(), |it| it.to_string());
    }
    steps
}

/// The job that a command names, and what the command is.
struct Asked {
    job: Vec<u8>,
    /// `None` for an instance that has no name yet.
    instance: Option<Vec<u8>>,
    command: JobCommand,
}

impl Asked {
    fn of(supervisor: &mut Supervisor<'_>, command: &Input<'_>) -> Option<Asked> {
        let &Input::Command { command, target, .. } = command else { return None };
        let instance = match target.select {
            Select::Name(name) => Some(name.to_vec()),
            Select::Environment(_) => supervisor.explain(target).ok()?.job.map(|job| job.1.to_vec()),
        };
        let instance = instance.filter(|instance| command != JobCommand::Start || !instance.is_empty());
        Some(Asked { job: target.job.to_vec(), instance, command })
    }

    /// Whether the command itself lets the job move to a state.
    fn is_why(&self, supervisor: &Supervisor<'_>, job: JobId, to: State) -> bool {
        let JobName(name, instance) = supervisor.job_name(job);
        let is_it = name == self.job && self.instance.as_ref().is_none_or(|its| its == instance);
        let asks = match self.command {
            JobCommand::Start => to == State::Starting,
            JobCommand::Restart => true,
            JobCommand::Stop | JobCommand::Force | JobCommand::Reload => to == State::Stopping,
        };
        is_it && asks
    }
}

/// The step of a job that has moved to a state.
fn step_of(supervisor: &Supervisor<'_>, job: JobId, to: State, asked: bool) -> Option<Step> {
    let events = |name: &[u8], process| {
        let mut entries = supervisor.environment(job, process).map(|Variable(name, rest)| [name, rest].concat());
        let text = entries.find_map(|entry| match split_variable(&entry) {
            (its, Some(value)) if its == name => Some(Show(value).to_string()),
            _ => None,
        })?;
        Some(if text.contains(' ') { format!("events {text}") } else { format!("event {text}") })
    };
    let asked_or = |other: &str| if asked { "as asked".to_owned() } else { other.to_owned() };
    let (deed, because) = match to {
        State::Starting => {
            (Deed::Start, events(STARTED_BY, Process::Main).unwrap_or_else(|| asked_or("it is restarted")))
        }
        State::Running => (Deed::Run, String::new()),
        State::Stopping => (Deed::Stop, events(STOPPED_BY, Process::PreStop).unwrap_or_else(|| asked_or("it is done"))),
        State::Waiting => (Deed::Rest, String::new()),
        _ => return None,
    };
    Some(named(supervisor, job, deed, because))
}

fn named(supervisor: &Supervisor<'_>, job: JobId, deed: Deed, because: String) -> Step {
    let JobName(name, instance) = supervisor.job_name(job);
    Step { job: name.to_vec(), instance: instance.to_vec(), deed, because }
}

/// The wait of a job.
fn waiting(supervisor: &Supervisor<'_>, job: JobId, deed: Deed) -> Step {
    let cause = supervisor.class_of(job).map(|class| supervisor.why(class, Some(job)).cause);
    let because = cause.map_or(String::new(), |cause| Waiting { job: None, cause }.to_string());
    let because = because.strip_prefix("waiting ").unwrap_or_default().to_owned();
    named(supervisor, job, deed, because)
}

/// The classes for which a part of `start on` has happened, with those events as bits.
fn half_true(supervisor: &Supervisor<'_>) -> Vec<(ClassId, u64)> {
    let classes = supervisor.statuses(0).filter_map(|(status, _)| supervisor.find_class(status.job));
    let mut all: Vec<_> = classes.map(|class| (class, supervisor.why(class, None).happened)).collect();
    all.retain(|half| half.1 != 0);
    all.dedup();
    all
}

/// A class that has got a part of what it waits for.
fn not_yet(supervisor: &Supervisor<'_>, class: ClassId) -> Option<Step> {
    let why = supervisor.why(class, None);
    let condition = Condition::read(why.start_on)??;
    let missing = condition.events().into_iter().enumerate().filter(|&(at, _)| !why.has_happened(at));
    let list: Vec<String> = missing.map(|(_, event)| Show(&event.text()).to_string()).collect();
    let because = format!("missing: {}", list.join(", "));
    Some(Step { job: supervisor.class_name(class).to_vec(), instance: vec![], deed: Deed::NotStart, because })
}
