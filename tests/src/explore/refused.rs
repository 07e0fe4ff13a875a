//! Requests that are refused, such as `start` of a job that runs. They change nothing, so most of them are left out.
//!
//! Whether a request is refused follows from the goal of its job. One of [`SAMPLE`] such requests is taken all the
//! same, and must change nothing.

use uphold_core::{Goal, JobCommand, WaitCause};

use super::step::Step;
use crate::happening::Happening;
use crate::world::{Memory, World};

/// One of so many requests is taken to see that it changes nothing.
pub(super) const SAMPLE: usize = 32;

/// The goal of each class without `instance`, and whether its job waits to be respawned: then a start is not refused.
/// The goals of others are not known: their names have variables.
pub(super) struct Goals(Vec<(String, Goal, bool)>);

impl Goals {
    /// The goals in a state.
    pub(super) fn of<M: Memory>(world: &mut World<M>) -> Goals {
        let supervisor = world.memory.supervisor();
        let only = supervisor.statuses(0).map(|(status, _)| status).filter(|status| status.instance.is_empty());
        let held = |name: &[u8]| {
            let is_held =
                |job| matches!(supervisor.cause(job), WaitCause::Delay(_) | WaitCause::Retry(_) | WaitCause::Budget(_));
            supervisor.jobs().any(|job| supervisor.job_name(job).0 == name && is_held(job))
        };
        let named = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        Goals(only.map(|status| (named(status.job), status.goal, held(status.job))).collect())
    }

    /// Whether a step is a request that is refused.
    pub(super) fn refuse(&self, step: &Step) -> bool {
        let Happening::Ask { command, ref text, .. } = step.happening else { return false };
        let Some(&(_, goal, held)) = self.0.iter().find(|(name, ..)| name == text) else { return false };
        match command {
            JobCommand::Start => goal == Goal::Start && !held,
            JobCommand::Stop | JobCommand::Restart => goal == Goal::Stop,
            // One is never refused as long as the job lives. Whether the other is depends on its process.
            JobCommand::Force | JobCommand::Reload => false,
        }
    }
}
