//! `tree`: jobs with their processes.

use std::os::unix::ffi::OsStrExt;

use uphold_core::Process;
use uphold_core::bytes::Printable;
use uphold_core::control::Refusal;

use super::processes::Processes;
use super::{Job, all, json};
use crate::context::Context;
use crate::failure::Failure;
use crate::probe::proc_files::command_line;
use crate::probe::tree::{Lines, lines};

/// `tree`
///
/// # Errors
/// The supervisor cannot be reached, there is no such job, or the output cannot be written.
pub fn tree(context: &mut Context<'_>) -> Result<(), Failure> {
    let jobs = all(&mut context.connect()?)?;
    let processes = Processes::read(&jobs);
    let wanted = context.invocation.first().map(|name| name.as_bytes().to_vec());
    let is_wanted = |job: &&Job| wanted.as_ref().is_none_or(|name| *name == job.name);
    let mut shown = jobs.iter().filter(is_wanted).peekable();
    if let (None, Some(name)) = (shown.peek(), &wanted) {
        return Err(Failure::new(Refusal::UnknownJob(name)));
    }
    let is_shown = |its: &[u32]| !its.is_empty() || wanted.is_some() || context.options.verbose;
    let shown = shown.map(|job| (job, processes.of(job))).filter(|(_, its)| is_shown(its));
    let shown: Vec<(&Job, Vec<u32>)> = shown.collect();
    if context.options.json {
        return Ok(json::tree(context.out, &shown, &processes)?);
    }
    for (job, its) in &shown {
        writeln!(context.out, "{} {}", job.title(), job.state())?;
        for row in rows(job, its, &processes, lines()) {
            writeln!(context.out, "{row}")?;
        }
    }
    Ok(())
}

/// The processes of a job as a tree. Those whose parent is not the job's are its first branches. There is a stack and
/// no recursion, because trees may be deep.
fn rows(job: &Job, its: &[u32], processes: &Processes, lines: &Lines) -> Vec<String> {
    let parent = |pid: u32| processes.parent(pid).filter(|parent| its.contains(parent));
    let children = |of: Option<u32>| its.iter().copied().filter(move |&pid| parent(pid) == of).collect::<Vec<u32>>();
    let (mut rows, mut waiting) = (vec![], vec![(None, String::new(), String::new())]);
    while let Some((pid, head, indent)) = waiting.pop() {
        if let Some(pid) = pid {
            rows.push(format!("{head}{}", line(job, pid)));
        }
        let mut below = children(pid);
        let last = below.pop();
        let row =
            |child, branch: &str, stem: &str| (Some(child), format!("{indent}{branch}"), format!("{indent}{stem}"));
        waiting.extend(last.map(|child| row(child, lines.last, lines.gap)));
        waiting.extend(below.into_iter().rev().map(|child| row(child, lines.branch, lines.stem)));
    }
    rows
}

/// A process: its id, its kind unless it is the main one or its descendant, and its command.
fn line(job: &Job, pid: u32) -> String {
    let kind = job.processes.iter().find(|(process, its)| *its == pid && *process != Process::Main);
    let kind = kind.map_or(String::new(), |(process, _)| format!(" ({process})"));
    let command = command_line(pid);
    format!("{pid}{kind} {}", Printable(command.as_bytes())).trim_end().to_owned()
}
