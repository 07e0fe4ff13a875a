//! The report for people.

use crate::probe::findings::Findings;
use crate::probe::judge::{Candidate, Expect};
use crate::probe::processes::find;
use crate::probe::reasons;
use crate::probe::tree;
use crate::probe::words::{count, name, seconds};
use std::io::{self, Write};

/// Prints the report.
///
/// # Errors
/// Writing fails.
pub fn print(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    let judged = &found.judgement;
    writeln!(out, "{}\n", head(found))?;
    let timed = if found.seen.timed { " (made - ended)" } else { "" };
    writeln!(out, "Processes{timed}:")?;
    for line in tree::draw(&found.seen, judged) {
        writeln!(out, "{line}")?;
    }
    if judged.daemon.is_some() {
        writeln!(out, "\nThe process that Upstart would follow:")?;
        let width = judged.candidates.iter().map(|candidate| follows(found, candidate).len()).max().unwrap_or(0);
        for candidate in &judged.candidates {
            let (follows, outcome) = (follows(found, candidate), outcome(found, candidate));
            writeln!(out, "  expect {:7} {follows:width$}  {outcome}", candidate.expect.name())?;
        }
    }
    let rows = also_seen(found);
    if !rows.is_empty() {
        writeln!(out, "\nAlso seen:")?;
    }
    for (what, text) in rows {
        writeln!(out, "  {what:14} {text}")?;
    }
    let (verdict, reasons) = (reasons::verdict(found), reasons::reasons(found));
    writeln!(out, "\nVerdict: {verdict}")?;
    for reason in reasons {
        writeln!(out, "  {reason}")?;
    }
    Ok(())
}

fn head(found: &Findings) -> String {
    let command = found.seen.command.join(" ");
    match &found.log {
        Some(log) => format!("{command} (read from {log})"),
        None if found.isolated => format!("{command} (in namespaces of its own)"),
        None => command,
    }
}

fn follows(found: &Findings, candidate: &Candidate) -> String {
    let process = find(&found.judgement.processes, candidate.follows);
    format!("{} {}", candidate.follows, process.map_or(String::new(), |process| name(&process.program)))
}

/// The outcome for a job with an `expect`.
fn outcome(found: &Findings, candidate: &Candidate) -> String {
    let at = |micros: u64| if found.seen.timed { format!(" at {}", seconds(micros)) } else { String::new() };
    let is_daemon = Some(candidate.follows) == found.judgement.daemon;
    let is_helper = find(&found.judgement.processes, candidate.follows)
        .is_some_and(|process| process.made.is_some() && !process.orphan);
    match (candidate.end, candidate.ready) {
        (Some((when, end)), _) if is_helper => {
            format!("wrong: a helper; {end}{}, and the job shows a dead process", at(when))
        }
        _ if candidate.right => "RIGHT: the daemon".into(),
        (Some((when, end)), true) => format!("wrong: {end}{}, and the daemon is lost", at(when)),
        (None, true) => "wrong: stays, but is not the daemon".into(),
        (Some((when, end)), false) => format!("wrong: {}; {end}{}", missing(candidate.expect), at(when)),
        (None, false) if is_daemon => {
            format!("wrong: the daemon, but {}, and `start' does not return", missing(candidate.expect))
        }
        (None, false) => format!("wrong: {}, and `start' does not return", missing(candidate.expect)),
    }
}

/// The expected action that a process has not taken.
fn missing(expect: Expect) -> &'static str {
    match expect {
        Expect::None => "does not run",
        Expect::Stop => "never raises SIGSTOP",
        Expect::Fork => "never forks",
        Expect::Daemon => "does not fork twice",
    }
}

/// The rows about everything but the processes.
fn also_seen(found: &Findings) -> Vec<(&'static str, String)> {
    let at = |micros: u64| if found.seen.timed { format!(" at {}", seconds(micros)) } else { String::new() };
    let mut rows = vec![];
    for file in found.pid_files() {
        let whose = if Some(file.holds) == found.judgement.daemon { "" } else { ", which is not the daemon" };
        rows.push((
            "pid file",
            format!("{} holds {}{whose}; written by {}{}", file.path, file.holds, file.by, at(file.at)),
        ));
    }
    for (address, pid, when) in found.sockets() {
        rows.push(("socket", format!("{address}, by {pid}{}", at(when))));
    }
    for (text, pid, when) in found.notifications() {
        rows.push(("notification", format!("{}, by {pid}{}", text.trim_end().replace('\n', " "), at(when))));
    }
    for (user, pid, when) in found.users() {
        rows.push(("user", format!("{pid} becomes {}{}", user_name(user), at(when))));
    }
    if let (Some((when, sign)), true) = (found.ready(), found.seen.timed) {
        rows.push(("ready", format!("after {}, when {sign}", seconds(when))));
    }
    rows.extend(ending(found).map(|text| ("SIGTERM", text)));
    rows.extend(found.foreground.as_ref().map(|line| ("foreground", format!("its help says: {line}"))));
    rows
}

fn user_name(user: u32) -> String {
    match nix::unistd::User::from_uid(user.into()) {
        Ok(Some(known)) => format!("{} ({user})", known.name),
        _ => user.to_string(),
    }
}

fn ending(found: &Findings) -> Option<String> {
    let ending = found.ending.as_ref()?;
    let patience = crate::probe::observer::PATIENCE.as_secs();
    let Some((after, end)) = ending.end else {
        return Some(format!(
            "does not end the daemon within {patience} s: SIGKILL is needed, or another `kill signal'"
        ));
    };
    let enough = match found.kill_timeout() {
        Some(needed) => format!("`kill timeout {needed}' is needed"),
        None => "the usual kill timeout will do".into(),
    };
    let left = match ending.left.len() {
        0 => String::new(),
        many => format!("; leaves {}, which `kill scope job' would end", count(many, "other process")),
    };
    Some(format!("{end} after {}; {enough}{left}", seconds(after)))
}
