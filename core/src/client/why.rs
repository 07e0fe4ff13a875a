//! Why a job does, or does not, run: the part that the supervisor knows.

use crate::client::cause::WaitCause;
use crate::control::why::{Definition, Past, Tenths, Why};
use crate::event::condition::ConditionOf;
use crate::ids::{ClassId, JobId};
use crate::machine::Supervisor;
use crate::state::Goal;
use crate::tables::respawn::RespawnLimit;

/// The variable with the names of the events that started a job (init(7)).
const EVENTS: &[u8] = b"UPSTART_EVENTS";

impl Supervisor<'_> {
    /// The names of the events that started a job, with blanks between them; empty if a command did.
    pub fn started_by(&self, job: JobId) -> &[u8] {
        self.variable(job, EVENTS).unwrap_or_default()
    }

    /// Whether a job is a task.
    pub fn is_task(&self, job: JobId) -> bool {
        let class = self.jobs.get(job).and_then(|job| self.classes.get(job.class));
        class.is_some_and(|class| class.task)
    }

    /// The state of a job, and of its `start on`. The world adds its clock, what it remembers of the job, and the names
    /// of files.
    pub fn why(&self, class: ClassId, job: Option<JobId>) -> Why<'_> {
        let cause = job.map_or(WaitCause::Goal(Goal::Start), |job| self.cause(job));
        let (_, leaves) = self.condition_of(ConditionOf::Start(class));
        let happened = self.holds(leaves).take(64).zip(0..).fold(0, |bits, (held, at)| bits | u64::from(held) << at);
        let (definition, task, respawn) = self.classes.get(class).map_or(Default::default(), |class| {
            let RespawnLimit { count, interval } = class.limit;
            let definition = match (class.deleted, class.successor) {
                (true, _) => Definition::Deleted,
                (false, Some(_)) => Definition::Replaced,
                (false, None) => Definition::Current,
            };
            (definition, class.task, class.respawn.then_some((count, interval)))
        });
        Why {
            status: job.map_or_else(|| self.class_status(class), |job| self.job_status(job)),
            cause: self.name_cause(cause),
            started_by: job.map_or(&[][..], |job| self.started_by(job)),
            start_on: self.conditions(class).0.0,
            happened,
            definition,
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
