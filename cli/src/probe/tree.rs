//! The tree of processes, as text.

use crate::probe::facts::{Birth, Fact, Observation, What};
use crate::probe::judge::Judgement;
use crate::probe::processes::Process;
use crate::probe::words::{name, seconds};

/// The most processes that are drawn.
const MOST: usize = 60;
/// The least width of the first column.
const COLUMN: usize = 34;

/// The lines that a tree is made of.
pub struct Lines {
    pub branch: &'static str,
    pub last: &'static str,
    pub stem: &'static str,
    pub gap: &'static str,
    mark: &'static str,
}

const UNICODE: Lines = Lines { branch: "├─", last: "└─", stem: "│ ", gap: "  ", mark: "◀ the daemon" };
const ASCII: Lines = Lines { branch: "|-", last: "`-", stem: "| ", gap: "  ", mark: "<- the daemon" };

/// Draws the tree.
pub fn draw(seen: &Observation, judgement: &Judgement) -> Vec<String> {
    let drawing = Drawing { lines: lines(), seen, judgement };
    let mut rows = vec![];
    let first = judgement.processes.iter().take(1).collect::<Vec<_>>();
    drawing.draw(&first, "", &mut rows);
    let left = judgement.processes.len().saturating_sub(MOST);
    let width = rows.iter().map(|(text, _)| text.chars().count()).max().unwrap_or(0).clamp(COLUMN, 60);
    let row = |(text, what): &(String, String)| format!("  {text:width$}  {what}").trim_end().to_owned();
    let mut all: Vec<String> = rows.iter().map(row).collect();
    if left > 0 {
        all.push(format!("  … and {left} more processes"));
    }
    all
}

/// The lines that the terminal shows.
pub fn lines() -> &'static Lines {
    if is_unicode() { &UNICODE } else { &ASCII }
}

/// Whether the terminal shows more than ASCII, by its locale.
fn is_unicode() -> bool {
    let value =
        ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    value.is_some_and(|value| value.to_uppercase().replace('-', "").contains("UTF8"))
}

struct Drawing<'a> {
    lines: &'static Lines,
    seen: &'a Observation,
    judgement: &'a Judgement,
}

impl Drawing<'_> {
    /// Draws processes and their descendants: a stack rather than recursion, because trees may be deep.
    fn draw(&self, first: &[&Process], indent: &str, rows: &mut Vec<(String, String)>) {
        let mut waiting: Vec<(&Process, String, String)> =
            first.iter().map(|process| (*process, indent.to_owned(), indent.to_owned())).collect();
        while let Some((process, head, indent)) = waiting.pop() {
            if rows.len() >= MOST {
                return;
            }
            rows.push((format!("{head}{}", self.head(process)), self.what(process)));
            let mut children = self.children(process);
            let last = children.pop();
            let lines = self.lines;
            let row = |child, branch: &str, stem: &str| (child, format!("{indent}{branch}"), format!("{indent}{stem}"));
            waiting.extend(last.map(|child| row(child, lines.last, lines.gap)));
            waiting.extend(children.into_iter().rev().map(|child| row(child, lines.branch, lines.stem)));
        }
    }

    fn children(&self, of: &Process) -> Vec<&Process> {
        let is_child = |process: &&Process| process.made.is_some_and(|(parent, _)| parent == of.pid);
        let all = self.judgement.processes.iter().filter(is_child);
        // An id that was used again makes a process its own descendant.
        all.filter(|process| process.born >= of.born && !std::ptr::eq(*process, of)).collect()
    }

    fn head(&self, process: &Process) -> String {
        let how = process.made.map_or(String::new(), |(_, how)| format!("{} ", how.name()));
        format!("{how}{} {}", process.pid, name(&process.program))
    }

    /// The times of a process, and what else there is about it.
    fn what(&self, process: &Process) -> String {
        let timed = self.seen.timed;
        let mut parts = vec![];
        let end = match process.end {
            None => "stays".to_owned(),
            Some((at, end)) if timed => format!("{} {end}", seconds(at)),
            Some((_, end)) => end.to_string(),
        };
        match timed {
            true => parts.push(format!("{} - {end}", seconds(process.born))),
            false => parts.push(end),
        }
        parts.extend(self.deeds(process));
        if self.judgement.daemon == Some(process.pid) {
            parts.push(self.lines.mark.to_owned());
        }
        parts.join(", ")
    }

    fn deeds(&self, process: &Process) -> Vec<String> {
        let of = |fact: &&Fact| fact.pid == process.pid && fact.at >= process.born;
        let has = |what: fn(&What) -> bool| self.seen.facts.iter().filter(of).any(|fact| what(&fact.what));
        let late = |what: fn(&What) -> bool| has(what);
        let mut parts = vec![];
        match process.threads {
            0 => {}
            1 => parts.push("1 thread".to_owned()),
            many => parts.push(format!("{many} threads")),
        }
        if process.session.is_some() {
            parts.push("setsid".to_owned());
        }
        if late(|what| matches!(what, What::Stopped)) {
            parts.push("SIGSTOP".to_owned());
        }
        if has(|what| matches!(what, What::Born { by_thread: true, how: Birth::Fork, .. })) {
            parts.push("forks from a thread".to_owned());
        }
        parts
    }
}
