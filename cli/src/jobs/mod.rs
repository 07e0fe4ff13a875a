//! All jobs with their processes: `list` and `tree`.

mod json;
mod list;
mod processes;
mod tree;

use uphold_core::control::frame::PageReader;
use uphold_core::control::{JobName, Reply, Request};
use uphold_core::{Goal, Process, State};

use crate::connection::Connection;
use crate::failure::{Failure, unreadable_list};

pub use list::list;
pub use tree::tree;

/// The status of an instance, or of a job without instances.
pub struct Job {
    /// The job's name.
    pub name: Vec<u8>,
    /// The instance's name.
    pub instance: Vec<u8>,
    goal: Goal,
    /// The state.
    pub state: State,
    processes: Vec<(Process, u32)>,
}

impl Job {
    /// The name as messages have it: `JOB`, or `JOB (INSTANCE)`.
    pub fn title(&self) -> String {
        JobName(&self.name, &self.instance).to_string()
    }

    fn state(&self) -> String {
        format!("{}/{}", self.goal, self.state)
    }

    fn pids(&self) -> Vec<u32> {
        self.processes.iter().map(|&(_, pid)| pid).collect()
    }
}

/// The process id of a job's main process, or of another one if it has none.
fn main_process(job: &Job) -> Option<u32> {
    let main = job.processes.iter().find(|(process, _)| *process == Process::Main).or(job.processes.first());
    main.map(|&(_, pid)| pid)
}

/// The names of a job and of its instance.
pub type Title = (Vec<u8>, Vec<u8>);

/// The names of all jobs and instances.
pub fn instances(connection: &mut Connection) -> Result<Vec<Title>, Failure> {
    Ok(all(connection)?.into_iter().map(|job| (job.name, job.instance)).collect())
}

/// All jobs, sorted by name and instance.
///
/// # Errors
/// The supervisor cannot be reached, or its list cannot be read.
pub fn all(connection: &mut Connection) -> Result<Vec<Job>, Failure> {
    let (mut jobs, mut from) = (vec![], Some(0));
    while let Some(start) = from {
        let reply = connection.ask(&Request::List { from: start })?;
        let Reply::Page { next, statuses } = reply else { return Err(Failure::of(&reply)) };
        for status in PageReader::new(statuses) {
            let status = status.map_err(unreadable_list)?;
            jobs.push(Job {
                name: status.job.to_vec(),
                instance: status.instance.to_vec(),
                goal: status.goal,
                state: status.state,
                processes: status.processes.iter().copied().collect(),
            });
        }
        from = next;
    }
    jobs.sort_by(|one, other| (&one.name, &one.instance).cmp(&(&other.name, &other.instance)));
    Ok(jobs)
}
