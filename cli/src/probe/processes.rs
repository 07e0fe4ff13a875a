//! The processes of an observation: which of them made which, and which of them stay.

use crate::probe::facts::{Birth, End, Fact, Observation, What};

/// A process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// The process id.
    pub pid: u32,
    /// The process that made it, and how; `None` for the first one.
    pub made: Option<(u32, Birth)>,
    /// When it was made, in microseconds.
    pub born: u64,
    /// The command line of the last program that it ran, or that its parent ran.
    pub program: String,
    /// How many threads it made.
    pub threads: usize,
    /// When it made a session.
    pub session: Option<u64>,
    /// When and how it ended; `None` if it stays.
    pub end: Option<(u64, End)>,
    /// Whether it ended after its parent.
    pub orphan: bool,
}

/// The part of the facts that shows how the program starts. In a log this is the part before it was ended, if no
/// process was left after that: before the signal, or before the exit of a daemon that was ended in another way.
pub fn start_up(seen: &Observation) -> &[Fact] {
    let all = &seen.facts[..];
    let count = |what: fn(&What) -> bool| all.iter().filter(|fact| what(&fact.what)).count();
    let ends = count(|what| matches!(what, What::Exit(_)));
    if !seen.is_log || ends <= count(|what| matches!(what, What::Born { .. })) {
        return all;
    }
    let killed = all.iter().position(|fact| matches!(fact.what, What::Told | What::Exit(End::Signal(9))));
    let last = all.iter().rposition(|fact| matches!(fact.what, What::Exit(End::Status(_))));
    // A parent that exits is part of the start, even if a pid file has named it.
    let line = killed.map_or(vec![], |at| line(seen.first, all, all[at].pid));
    let is_parent = |pid: u32| line.iter().skip(1).any(|ancestor| *ancestor == pid);
    let exit = last.filter(|&at| serves(seen.first, all, all[at].pid) && !is_parent(all[at].pid));
    // In a log of several files the signal may be in the file of a thread that is read later.
    let end = killed.into_iter().chain(exit).min();
    &all[..end.unwrap_or(all.len())]
}

/// A process and its ancestors, up to the first process.
fn line(first: u32, facts: &[Fact], pid: u32) -> Vec<u32> {
    let mut line = vec![pid];
    while let Some(parent) = line.last().filter(|last| **last != first).and_then(|last| parent(facts, *last)) {
        if line.contains(&parent) {
            break;
        }
        line.push(parent);
    }
    line
}

/// Whether a process behaves as a daemon: a pid file names it, or it or an ancestor listens.
fn serves(first: u32, facts: &[Fact], pid: u32) -> bool {
    let line = line(first, facts, pid);
    facts.iter().any(|fact| match &fact.what {
        What::PidFile { holds, .. } => *holds == pid,
        What::Listens(_) => line.contains(&fact.pid),
        _ => false,
    })
}

fn parent(facts: &[Fact], pid: u32) -> Option<u32> {
    facts.iter().find(|fact| matches!(fact.what, What::Born { child, .. } if child == pid)).map(|fact| fact.pid)
}

/// The processes in the order in which they were made.
pub fn processes(first: u32, facts: &[Fact]) -> Vec<Process> {
    let new = |pid, made, born, program| {
        let (threads, session, end, orphan) = (0, None, None, false);
        Process { pid, made, born, program, threads, session, end, orphan }
    };
    let mut all = vec![new(first, None, facts.first().map_or(0, |fact| fact.at), String::new())];
    for Fact { at, pid, what } in facts {
        let Some(place) = place(&all, *pid) else { continue };
        match what {
            What::Born { child, how, .. } => {
                let program = all[place].program.clone();
                all.push(new(*child, Some((*pid, *how)), *at, program));
            }
            What::Thread => all[place].threads += 1,
            What::Exec(program) => all[place].program = program.clone(),
            What::Exit(end) => {
                let parent = all[place].made.and_then(|(parent, _)| find(&all, parent));
                all[place].orphan = parent.is_some_and(|parent| parent.end.is_some());
                all[place].end = Some((*at, *end));
            }
            What::Session => all[place].session = Some(*at),
            _ => {}
        }
    }
    all
}

/// The place of the last process with that id: ids are used again.
fn place(all: &[Process], pid: u32) -> Option<usize> {
    all.iter().rposition(|process| process.pid == pid)
}

/// The process with that id.
pub fn find(all: &[Process], pid: u32) -> Option<&Process> {
    place(all, pid).map(|place| &all[place])
}

/// The processes that stay and have no ancestor that stays: orphans, or the first process.
pub fn tops(all: &[Process]) -> Vec<u32> {
    let stays = |process: &&Process| process.end.is_none();
    all.iter().filter(stays).filter(|process| living_ancestor(all, process).is_none()).map(|top| top.pid).collect()
}

/// The nearest ancestor that stays.
pub fn living_ancestor(all: &[Process], process: &Process) -> Option<u32> {
    let mut at = process;
    // Bounded, because ids may be used again.
    for _ in 0..all.len() {
        at = find(all, at.made?.0)?;
        if at.end.is_none() {
            return Some(at.pid);
        }
    }
    None
}
