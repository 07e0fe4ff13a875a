//! `initctl blame`: the jobs whose start took longest first.

use std::collections::HashSet;

use serde::Serialize;

use super::boot::{Boot, ask};
use crate::context::Context;
use crate::failure::Failure;
use crate::json;

/// How long the start of a job took.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Share {
    /// The job, as messages name it.
    pub job: String,
    /// Milliseconds.
    pub took: u32,
    /// Whether it was not ready in the end.
    pub failed: bool,
}

/// The longest start of each job in the record, the longest first, and the jobs that are not ready yet.
pub fn shares(boot: &Boot) -> (Vec<Share>, Vec<String>) {
    let (mut shares, mut starting) = (vec![], vec![]);
    for run in &boot.runs {
        match run.took() {
            Some(took) => shares.push(Share { job: run.job.clone(), took, failed: run.has_failed() }),
            None => starting.push(run.job.clone()),
        }
    }
    // Those that took the same time are in the order of their starts.
    shares.sort_by_key(|share| std::cmp::Reverse(share.took));
    let mut seen = HashSet::new();
    shares.retain(|share| seen.insert(share.job.clone()));
    (shares, starting)
}

/// A time as systemd-analyze(1) prints it: `1min 2.345s`, `1.234s`, `234ms`.
pub fn span(milliseconds: u32) -> String {
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    let seconds = format!("{}.{:03}s", rest / 1000, rest % 1000);
    match (minutes, rest) {
        (0, 0..1000) => format!("{rest}ms"),
        (0, _) => seconds,
        _ => format!("{minutes}min {seconds}"),
    }
}

/// The sentence about a record that is full.
pub fn forgotten(boot: &Boot) -> Option<String> {
    let since = span(boot.full_since?);
    Some(format!("The record is full: what happened later than {since} after the supervisor began is not in it."))
}

/// The output of `--json`.
#[derive(Serialize)]
struct Blamed<'a> {
    jobs: Vec<Blame<'a>>,
    /// The jobs that are not ready yet.
    starting: &'a [String],
    full_since_ms: Option<u32>,
}

#[derive(Serialize)]
struct Blame<'a> {
    job: &'a str,
    took_ms: u32,
    failed: bool,
}

/// `blame`
///
/// # Errors
/// The supervisor cannot be reached, or the output cannot be written.
pub fn blame(context: &mut Context<'_>) -> Result<(), Failure> {
    let boot = ask(&mut context.connect()?)?;
    let (shares, starting) = shares(&boot);
    if context.options.json {
        let jobs = shares.iter().map(|Share { job, took, failed }| Blame { job, took_ms: *took, failed: *failed });
        let jobs = jobs.collect();
        return Ok(json::print(context.out, Blamed { jobs, starting: &starting, full_since_ms: boot.full_since })?);
    }
    let spans: Vec<String> = shares.iter().map(|share| span(share.took)).collect();
    let width = spans.iter().map(String::len).max().unwrap_or_default();
    for (share, span) in shares.iter().zip(spans) {
        let failed = if share.failed { " (failed)" } else { "" };
        writeln!(context.out, "  {span:>width$} {}{failed}", share.job)?;
    }
    if !starting.is_empty() {
        writeln!(context.out, "Not ready yet: {}.", starting.join(", "))?;
    }
    if let Some(sentence) = forgotten(&boot) {
        writeln!(context.out, "{sentence}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_those_of_systemd() {
        assert_eq!([0, 234, 1234, 62_345].map(span), ["0ms", "234ms", "1.234s", "1min 2.345s"]);
    }
}
