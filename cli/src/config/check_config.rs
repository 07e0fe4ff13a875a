//! `initctl check-config`: conditions that nothing which is there can fulfil.
//!
//! An event is known if the supervisor emits it of itself, some job says that it emits it (`emits`, a pattern), or it is to
//! be ignored; a job event also needs a job of that name. A condition is reported when one of its `and`s has an unknown
//! side or one of its `or`s has two, **wherever in it that is**: the original reports `(a or b) or startup` too. Then all
//! that is unknown in the first such part is named, from right to left; a whole comes before its parts, and the right part
//! before the left.

use crate::config::condition::{Condition, Event, Word};
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
const OWN_EVENTS: [&[u8]; 9] = [
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
        let known = OWN_EVENTS.contains(&&event.name[..])
            || self.ignored.contains(&event.name[..])
            || self.emitted.iter().any(|pattern| glob(pattern, &event.name));
        (!known).then(|| [b"event ", &event.name[..]].concat())
    }

    /// Whether this can be fulfilled.
    fn fulfils(&self, condition: &Condition) -> bool {
        match condition {
            Condition::Event(event) => self.missing(event).is_none(),
            Condition::Both(left, word, right) => {
                let (left, right) = (self.fulfils(left), self.fulfils(right));
                if *word == Word::And || self.strict { left && right } else { left || right }
            }
        }
    }

    /// The first part of a condition that cannot be fulfilled. An event alone is one only if it is all that there is.
    fn broken<'c>(&self, condition: &'c Condition) -> Option<&'c Condition> {
        if !self.fulfils(condition) {
            return Some(condition);
        }
        let Condition::Both(left, _, right) = condition else { return None };
        let mut parts = [right, left].into_iter().filter(|part| matches!(***part, Condition::Both(..)));
        parts.find_map(|part| self.broken(part))
    }

    /// The lines about a job.
    fn complaints(&self, config: &Config) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        for (word, condition) in config.conditions() {
            let Some(broken) = self.broken(condition) else { continue };
            let missing = broken.events().into_iter().rev().filter_map(|event| self.missing(event));
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
    let asked = context.invocation.first().map(OsStrExt::as_bytes);
    if let Some(job) = asked.filter(|&job| !known.jobs.contains(job)) {
        return Err(Failure::new(format_args!("Invalid job class: {}", Show(job))));
    }
    let mut result = Ok(());
    for (name, config) in jobs.iter().filter(|(name, _)| asked.is_none_or(|job| job == name)) {
        let complaints = known.complaints(config);
        if complaints.is_empty() {
            continue;
        }
        result = Err(Failure::Told);
        if !context.options.quiet {
            line(context.out, b"", name)?;
            complaints.iter().try_for_each(|complaint| line(context.out, b"", complaint))?;
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
