//! `initctl check-config`: conditions that nothing which is there can fulfil.
//!
//! An event is known if the supervisor emits it of itself, some job says that it emits it (`emits`, a pattern), or it is to
//! be ignored; a job event also needs a job of that name. A condition is reported when one of its `and`s has an unknown
//! side or one of its `or`s has two, **wherever in it that is**: the original reports `(a or b) or startup` too. Then all
//! that is unknown in the first such part is named, from right to left; a whole comes before its parts, and the right part
//! before the left.

use crate::config::condition::{Condition, Connective, Event};
use crate::config::show_config::Config;
use crate::connection::Connection;
use crate::context::Context;
use crate::failure::Failure;
use crate::print::line;
use std::collections::HashSet;
use std::os::unix::ffi::OsStrExt;
use uphold_core::bytes::Show;
use uphold_core::conf::glob;

/// The events that nobody needs to say he emits: the supervisor's own, and what it starts with when it is debugged.
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

/// What is there.
struct Known<'a> {
    jobs: HashSet<&'a [u8]>,
    /// Patterns of what jobs say that they emit.
    emitted: HashSet<&'a [u8]>,
    ignored: HashSet<&'a [u8]>,
    /// Any unknown event or job is reported, even where another will do.
    strict: bool,
}

impl Known<'_> {
    /// What of this event is unknown, if anything is.
    fn missing(&self, event: &Event) -> Option<Vec<u8>> {
        if let (Some(job), _) = event.job() {
            // A variable is anybody's guess.
            let known = self.jobs.contains(job) || job.starts_with(b"$");
            return (!known).then(|| [b"job ", job].concat());
        }
        let known = BUILT_IN_EVENTS.contains(&&event.name[..])
            || self.ignored.contains(&event.name[..])
            || self.emitted.iter().any(|pattern| glob(pattern, &event.name));
        (!known).then(|| [b"event ", &event.name[..]].concat())
    }

    /// Whether this can be fulfilled.
    fn can_hold(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Event(event) => self.missing(event).is_none(),
            Condition::Binary(left, connective, right) => {
                let (left, right) = (self.can_hold(left), self.can_hold(right));
                if *connective == Connective::And || self.strict { left && right } else { left || right }
            }
        }
    }

    /// The first part of a condition that cannot be fulfilled. An event alone is one only if it is all that there is.
    fn first_unsatisfiable<'c>(&self, condition: &'c Condition) -> Option<&'c Condition> {
        if !self.can_hold(condition) {
            return Some(condition);
        }
        let Condition::Binary(left, _, right) = condition else { return None };
        let mut parts = [right, left].into_iter().filter(|part| matches!(***part, Condition::Binary(..)));
        parts.find_map(|part| self.first_unsatisfiable(part))
    }

    /// The lines about a job.
    fn problems(&self, config: &Config) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for (word, condition) in config.conditions() {
            let Some(part) = self.first_unsatisfiable(condition) else { continue };
            let missing = part.events().into_iter().rev().filter_map(|event| self.missing(event));
            lines.extend(missing.map(|what| [format!("  {word} on: unknown ").as_bytes(), &what].concat()));
        }
        lines
    }
}

/// `check-config`
///
/// # Errors
/// The supervisor cannot be reached, or refuses. What is found wrong is printed, and is one too.
pub fn check(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut connection = match context.connect() {
        Ok(connection) => connection,
        Err(failure) => {
            // Measured on Upstart 1.13.2: nothing wrong has been found.
            failure.report(context.program);
            return Ok(());
        }
    };
    let jobs = configurations(&mut connection)?;
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
    let mut result = Ok(());
    for (name, config) in jobs.iter().filter(|(name, _)| selected.is_none_or(|job| job == name)) {
        let problems = known.problems(config);
        if problems.is_empty() {
            continue;
        }
        result = Err(Failure::AlreadyReported);
        if !context.options.quiet {
            line(context.out, b"", name)?;
            problems.iter().try_for_each(|problem| line(context.out, b"", problem))?;
        }
    }
    result
}

fn configurations(connection: &mut Connection) -> Result<Vec<(Vec<u8>, Config)>, Failure> {
    let mut jobs = Vec::new();
    for name in connection.jobs()? {
        // One that is gone since the list was made is not there.
        if let Some(config) = Config::ask(connection, &name)? {
            jobs.push((name, config));
        }
    }
    Ok(jobs)
}
