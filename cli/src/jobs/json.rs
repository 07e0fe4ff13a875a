//! `list` and `tree` as JSON.

use std::io::{Result, Write};

use serde::Serialize;

use super::processes::{Processes, age};
use super::{Job, main_process};
use crate::json::{self, milliseconds};
use crate::probe::proc_files::command_line;

#[derive(Serialize)]
struct Jobs<T> {
    jobs: Vec<T>,
}

/// A job of `list`.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    job: json::Job<'a>,
    age_ms: Option<u64>,
    memory_kb: Option<u64>,
}

/// A job of `tree`.
#[derive(Serialize)]
struct Rooted<'a> {
    #[serde(flatten)]
    job: json::Job<'a>,
    tree: Vec<Node>,
}

/// A process in the tree. The parent is null if it is not a process of the job.
#[derive(Serialize)]
struct Node {
    pid: u32,
    parent: Option<u32>,
    command: String,
}

fn status(job: &Job) -> json::Job<'_> {
    json::Job::new(&job.name, &job.instance, job.goal, job.state, &job.processes)
}

/// Prints `list`.
pub(super) fn list(out: &mut dyn Write, jobs: &[Job]) -> Result<()> {
    let processes = Processes::read(jobs);
    let listed = |job| {
        let its = processes.of(job);
        Listed {
            job: status(job),
            age_ms: main_process(job).and_then(age).map(milliseconds),
            memory_kb: (!its.is_empty()).then(|| processes.memory(&its)),
        }
    };
    json::print(out, Jobs { jobs: jobs.iter().map(listed).collect() })
}

/// Prints `tree`: jobs with their processes.
pub(super) fn tree(out: &mut dyn Write, jobs: &[(&Job, Vec<u32>)], processes: &Processes) -> Result<()> {
    let mut rooted = vec![];
    for (job, its) in jobs {
        let parent = |pid| processes.parent(pid).filter(|parent| its.contains(parent));
        let node = |&pid| Node { pid, parent: parent(pid), command: command_line(pid) };
        rooted.push(Rooted { job: status(job), tree: its.iter().map(node).collect() });
    }
    json::print(out, Jobs { jobs: rooted })
}
