//! Requests that are refused, such as `start` of a job that runs. They change nothing, so most of them are left out.
//!
//! Whether a request is refused follows from the goal of its job. One of [`SAMPLE`] such requests is taken all the
//! same, and must change nothing.

use uphold_core::{Goal, JobCommand};

use super::step::Step;
use crate::happening::Happening;
use crate::world::{Memory, World};

/// One of so many requests is taken to see that it changes nothing.
pub(super) const SAMPLE: usize = 32;

/// The goal of each class without `instance`. Those of others are not known: their names have variables.
pub(super) struct Goals(Vec<(String, Goal)>);

impl Goals {
    /// The goals in a state.
    pub(super) fn of<M: Memory>(world: &mut World<M>) -> Goals {
        let supervisor = world.memory.supervisor();
        let only = supervisor.statuses(0).map(|(status, _)| status).filter(|status| status.instance.is_empty());
        Goals(only.map(|status| (String::from_utf8_lossy(status.job).into_owned(), status.goal)).collect())
    }

    /// Whether a step is a request that is refused.
    pub(super) fn refuse(&self, step: &Step) -> bool {
        let Happening::Ask { command, ref text, .. } = step.happening else { return false };
        let Some(&(_, goal)) = self.0.iter().find(|(name, _)| name == text) else { return false };
        match command {
            JobCommand::Start => goal == Goal::Start,
            JobCommand::Stop | JobCommand::Restart => goal == Goal::Stop,
            // One is never refused as long as the job lives. Whether the other is depends on its process.
            JobCommand::Force | JobCommand::Reload => false,
        }
    }
}
