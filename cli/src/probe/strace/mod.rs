//! Logs of strace(1) with `-f` or `-ff`, with or without times.

mod line;
mod reader;
#[cfg(test)]
mod tests;

use crate::probe::facts::{Observation, What};
pub use line::CUT;
use line::{Event, Line, Time};
use reader::Reader;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Microseconds of a day.
const DAY: u64 = 86_400_000_000;

/// Reads a log. Of `-ff`, which writes a file for each thread, any file or their common name without the number.
///
/// # Errors
/// A file cannot be read.
pub fn read(log: &OsStr) -> io::Result<Observation> {
    let log = Path::new(log);
    let text = |path: &Path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let pieces = match pieces(log) {
        many if many.len() > 1 || !log.exists() => many,
        _ => return Ok(observation(&[(None, text(log)?)])),
    };
    if pieces.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    let texts: io::Result<Vec<_>> = pieces.into_iter().map(|(thread, path)| Ok((Some(thread), text(&path)?))).collect();
    Ok(observation(&texts?))
}

/// The files of `-ff` beside a path: `NAME.1234`.
fn pieces(log: &Path) -> Vec<(u32, PathBuf)> {
    let number = |path: &Path| path.extension()?.to_str()?.parse::<u32>().ok();
    let stem = if number(log).is_some() && log.exists() { log.with_extension("") } else { log.into() };
    let folder = stem.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|file| file.path());
    let is_piece = |path: &PathBuf| path.with_extension("").file_name() == stem.file_name();
    let mut all: Vec<(u32, PathBuf)> = files.filter(is_piece).filter_map(|path| Some((number(&path)?, path))).collect();
    all.sort();
    all
}

/// The observation that texts of logs describe, each with the thread that it is about, if it is about one.
pub fn observation(texts: &[(Option<u32>, String)]) -> Observation {
    let mut events = vec![];
    let root = root(texts);
    let (of_root, others): (Vec<_>, Vec<_>) = texts.iter().partition(|(thread, _)| *thread == root);
    for (thread, text) in of_root.into_iter().chain(others) {
        collect(*thread, text, &mut events);
    }
    let timed = !events.is_empty() && events.iter().all(|event| event.at.is_some());
    if texts.len() > 1 {
        // Without times the order of files is that in which their threads were made; what comes after the signal that
        // ended a thread comes last.
        events.sort_by_key(|event| if timed { (false, event.at) } else { (event.after_end, None) });
    }
    let start = events.first().and_then(|event| event.at).unwrap_or(0);
    let mut reader = Reader::default();
    for Entry { thread, at, event, .. } in &events {
        reader.take(*thread, at.unwrap_or(0).saturating_sub(start), event);
    }
    let first = reader.first.unwrap_or(0);
    let has_run = reader.facts.iter().any(|fact| matches!(fact.what, What::Exec(_)));
    let facts = if has_run { reader.facts } else { vec![] };
    Observation { command: reader.command, first, facts, is_log: true, timed, quiet: true }
}

/// The thread that none of the others made: numbers begin again, so it need not be the lowest.
fn root(texts: &[(Option<u32>, String)]) -> Option<u32> {
    let lines = || texts.iter().flat_map(|(_, text)| text.lines().filter_map(Line::parse));
    let children: Vec<u32> = lines().filter_map(|line| child(&line)).collect();
    texts.iter().filter_map(|(thread, _)| *thread).find(|thread| !children.contains(thread))
}

/// The process or thread that a line's call has made.
fn child(line: &Line<'_>) -> Option<u32> {
    match line.event {
        Event::Call(name, _, result) | Event::Resumed(name, _, result)
            if ["fork", "vfork", "clone", "clone3"].contains(&name) =>
        {
            line::number(result)
        }
        _ => None,
    }
}

/// An event of a thread.
struct Entry<'a> {
    thread: u32,
    at: Option<u64>,
    after_end: bool,
    event: Event<'a>,
}

/// Adds the events of one text.
fn collect<'a>(own: Option<u32>, text: &'a str, all: &mut Vec<Entry<'a>>) {
    let lines: Vec<Line<'a>> = text.lines().filter_map(Line::parse).collect();
    // Without `-o` the first process has no number until there is a second one.
    let children: Vec<u32> = lines.iter().filter_map(child).collect();
    let unnamed = || lines.iter().filter_map(|line| line.thread).find(|thread| !children.contains(thread));
    let own = own.or_else(unnamed).unwrap_or(1);
    let (mut now, mut base, mut after_end) = (None::<u64>, 0, false);
    for line in lines {
        now = match line.time {
            None => now,
            Some(Time::After(span)) => Some(now.unwrap_or(0) + span),
            Some(Time::Since(time)) => {
                // Times of the day begin again at midnight.
                if now.is_some_and(|now| time + base + DAY / 2 < now) {
                    base += DAY;
                }
                Some(time + base)
            }
        };
        after_end |= match line.event {
            Event::Signal(name, _) => ["SIGTERM", "SIGINT", "SIGQUIT"].contains(&name),
            Event::Killed(name) => name == "SIGKILL",
            Event::Call(name, _, result) | Event::Resumed(name, _, result) => {
                name == "rt_sigtimedwait" && result.contains("SIGTERM")
            }
            _ => false,
        };
        all.push(Entry { thread: line.thread.unwrap_or(own), at: now, after_end, event: line.event });
    }
}
