//! Why a job does, or does not, run: the part that the supervisor knows.

use crate::client::cause::WaitCause;
use crate::control::why::{Past, Tenths, Why};
use crate::event::condition::ConditionOf;
use crate::ids::{ClassId, JobId};
use crate::machine::Supervisor;
use crate::state::Goal;
use crate::tables::respawn::RespawnLimit;

/// The variable with the names of the events that started a job (init(7)).
const EVENTS: &[u8] = b"UPSTART_EVENTS";

impl Supervisor<'_> {
    /// The state of a job, and of its `start on`. The world adds its clock, what it remembers of the job, and the names
    /// of files.
    pub fn why(&self, class: ClassId, job: Option<JobId>) -> Why<'_> {
        let cause = job.map_or(WaitCause::Goal(Goal::Start), |job| self.cause(job));
        let (_, leaves) = self.condition_of(ConditionOf::Start(class));
        let happened = self.holds(leaves).take(64).zip(0..).fold(0, |bits, (held, at)| bits | u64::from(held) << at);
        let (task, respawn) = self.classes.get(class).map_or(Default::default(), |class| {
            let RespawnLimit { count, interval } = class.limit;
            (class.task, class.respawn.then_some((count, interval)))
        });
        Why {
            status: job.map_or_else(|| self.class_status(class), |job| self.job_status(job)),
            cause: self.name_cause(cause),
            started_by: job.and_then(|job| self.variable(job, EVENTS)).unwrap_or_default(),
            start_on: self.conditions(class).0.0,
            happened,
            task,
            respawn,
            loop_runs: job.and_then(|job| self.jobs.get(job)?.respawns.loop_runs()),
            now: Tenths::default(),
            past: Past::default(),
            log: &[],
            program: &[],
            forgotten: false,
            records: &[],
        }
    }
}
