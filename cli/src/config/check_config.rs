//! `initctl check-config`: finds conditions that can never become true.
//!
//! An event is known if the supervisor emits it, if a job declares it with `emits` (a pattern), or if it is ignored.
//! For an event of a job, that job must exist. A condition is reported if any `and` in it has an unknown side, or any
//! `or` has two, **at any depth**: `(a or b) or startup` is reported too, as by Upstart. The report names everything
//! unknown in the first such part, from right to left. A condition is examined before its parts, and the right part
//! before the left one.

use crate::condition::{Condition, Connective, Event};
use crate::config::show_config::Config;
use crate::context::Context;
use crate::failure::Failure;
use crate::json::{self, text};
use crate::print::line;
use serde::Serialize;
use std::borrow::Cow;
use std::collections::HashSet;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use uphold_core::bytes::Show;
use uphold_core::conf::glob;

/// The events that need no `emits`: those of the supervisor, and the first event of a supervisor that is debugged.
const BUILT_IN_EVENTS: [&[u8]; 9] = [
    b"startup",
    b"debug",
    b"starting",
    b"started",
    b"stopping",
    b"stopped",
    b"control-alt-delete",
    b"keyboard-request",
    b"power-status-changed",
];

/// The known jobs and events.
struct Known<'a> {
    jobs: HashSet<&'a [u8]>,
    /// The patterns of the stanza `emits` of all jobs.
    emitted: HashSet<&'a [u8]>,
    ignored: HashSet<&'a [u8]>,
    /// Whether one unknown side of an `or` is reported too.
    strict: bool,
}

/// A job or an event that is not known.
struct Unknown<'c> {
    /// `job` or `event`.
    what: &'static str,
    name: &'c [u8],
}

/// Something unknown in a condition.
struct Problem<'c> {
    /// The word before `on`.
    word: &'static str,
    unknown: Unknown<'c>,
}

impl Problem<'_> {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let Problem { word, unknown: Unknown { what, name } } = self;
        line(out, format!("  {word} on: unknown {what} ").as_bytes(), name)
    }
}

impl Known<'_> {
    /// The unknown part of an event; `None` if the event is known.
    fn missing<'c>(&self, event: &'c Event) -> Option<Unknown<'c>> {
        if let (Some(job), _) = event.job() {
            // The value of a variable is not known here.
            let known = self.jobs.contains(job) || job.starts_with(b"$");
            return (!known).then_some(Unknown { what: "job", name: job });
        }
        let known = BUILT_IN_EVENTS.contains(&&event.name[..])
            || self.ignored.contains(&event.name[..])
            || self.emitted.iter().any(|pattern| glob(pattern, &event.name));
        (!known).then_some(Unknown { what: "event", name: &event.name })
    }

    /// Whether a condition can become true.
    fn can_hold(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Event(event) => self.missing(event).is_none(),
            Condition::Binary(left, connective, right) => {
                let (left, right) = (self.can_hold(left), self.can_hold(right));
                if *connective == Connective::And || self.strict { left && right } else { left || right }
            }
        }
    }

    /// The first part of a condition that cannot become true. A single event counts only if it is the whole condition.
    fn first_unsatisfiable<'c>(&self, condition: &'c Condition) -> Option<&'c Condition> {
        if !self.can_hold(condition) {
            return Some(condition);
        }
        let Condition::Binary(left, _, right) = condition else { return None };
        let mut parts = [right, left].into_iter().filter(|part| matches!(***part, Condition::Binary(..)));
        parts.find_map(|part| self.first_unsatisfiable(part))
    }

    /// The unknown parts of a job's conditions.
    fn problems<'c>(&self, config: &'c Config) -> Vec<Problem<'c>> {
        let mut all = Vec::new();
        for (word, condition) in config.conditions() {
            let Some(part) = self.first_unsatisfiable(condition) else { continue };
            let missing = part.events().into_iter().rev().filter_map(|event| self.missing(event));
            all.extend(missing.map(|unknown| Problem { word, unknown }));
        }
        all
    }
}

/// The output of `--json`.
#[derive(Serialize)]
struct Problems<'a> {
    problems: Vec<Reported<'a>>,
}

#[derive(Serialize)]
struct Reported<'a> {
    job: Cow<'a, str>,
    stanza: String,
    unknown: &'static str,
    name: Cow<'a, str>,
}

impl<'a> Reported<'a> {
    fn of(job: &'a [u8], &Problem { word, unknown: Unknown { what, name } }: &Problem<'a>) -> Self {
        Reported { job: text(job), stanza: format!("{word} on"), unknown: what, name: text(name) }
    }
}

/// `check-config`
///
/// # Errors
/// The supervisor refuses, or a condition is reported. The report is printed here.
pub fn check(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut connection = match context.connect() {
        Ok(connection) => connection,
        Err(failure) if context.options.json => return Err(failure),
        Err(failure) => {
            // Upstart 1.13.2 exits with 0 in this case (measured).
            failure.report(context.program);
            return Ok(());
        }
    };
    let jobs = Config::all(&mut connection)?;
    let known = Known {
        jobs: jobs.iter().map(|(name, _)| &name[..]).collect(),
        emitted: jobs.iter().flat_map(|(_, config)| &config.emits).map(|event| &event[..]).collect(),
        ignored: context.options.ignored.split(|&byte| byte == b',').collect(),
        strict: context.options.warn,
    };
    let selected = context.invocation.first().map(OsStrExt::as_bytes);
    if let Some(job) = selected.filter(|&job| !known.jobs.contains(job)) {
        return Err(Failure::new(format_args!("Invalid job class: {}", Show(job))));
    }
    let mut found = vec![];
    for (name, config) in jobs.iter().filter(|(name, _)| selected.is_none_or(|job| job == name)) {
        let problems = known.problems(config);
        if !problems.is_empty() {
            found.push((&name[..], problems));
        }
    }
    if context.options.json {
        let reported = found.iter().flat_map(|(job, its)| its.iter().map(|problem| Reported::of(job, problem)));
        json::print(context.out, Problems { problems: reported.collect() })?;
    } else if !context.options.quiet {
        for (name, problems) in &found {
            line(context.out, b"", name)?;
            problems.iter().try_for_each(|problem| problem.print(context.out))?;
        }
    }
    if found.is_empty() { Ok(()) } else { Err(Failure::AlreadyReported) }
}
