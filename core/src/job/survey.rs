//! Surveys: asking the world which processes of a job live, and judging the answer.

use crate::effect::Effect;
use crate::ids::JobId;
use crate::input::Survivor;
use crate::machine::Supervisor;
use crate::process::{Exit, Pid, Process};
use crate::records::job::SurveyReason;
use crate::state::Goal;
use crate::tables::exit;
use crate::tables::exit::Consequence;
use crate::tables::expect::Relation;

impl Supervisor<'_> {
    /// Asks the world which processes of a job live.
    pub(crate) fn survey(&mut self, id: JobId, survey: SurveyReason) {
        if let Some(job) = self.jobs.get_mut(id) {
            job.survey = survey;
            let killed = job.state.row().kills();
            // Only a process that may have daemonized is worth a full scan: the scan is slow.
            let anywhere = match survey {
                SurveyReason::Ended(_, exit) => !killed && self.may_be_daemonizing(id, exit),
                _ => !killed,
            };
            self.order(Effect::Survey { job: id, anywhere });
        }
    }

    /// Whether the exit of a main process needs a survey of the processes that are left.
    pub(crate) fn wants_survey(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let Some(class) = self.classes.get(job.class) else { return false };
        let judged = exit::row(Process::Main, job.state).is_some_and(|row| row.consequence == Consequence::Judged);
        job.state.row().kills() || (judged && job.goal == Goal::Start && !class.task)
    }

    /// Whether the exit of a main process may be a step of its becoming a daemon.
    pub(crate) fn may_be_daemonizing(&self, id: JobId, exit: Exit) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let unready = job.state.row().expects();
        let fresh = unready || job.follow.guessed || self.now <= job.follow.fresh_until;
        fresh && matches!(exit, Exit::Status(0) | Exit::Unknown)
    }

    /// The relation of a survivor to the launched process. Unseen forks are counted only where the process ids prove
    /// that no other process was made in between; otherwise there might have been more.
    pub(crate) fn relation_of(&self, id: JobId, survivor: Survivor) -> Relation {
        let Some(job) = self.jobs.get(id) else { return Relation::Itself };
        let traces = self.classes.get(job.class).is_some_and(|class| class.expect.traces());
        let (launched, session, pid) = (job.follow.launched, survivor.session, Some(survivor.pid));
        let next = |number: Option<Pid>| number.and_then(|number| Pid::new(number.get().wrapping_add(1)));
        match () {
            () if launched == pid => Relation::Launched,
            () if traces && job.follow.helper => Relation::Later,
            () if traces && job.follow.advised => Relation::Late,
            () if traces => Relation::Descendant,
            () if next(launched) == pid => Relation::Child,
            () if next(launched) == session && next(session) == pid => Relation::Grandchild,
            () => Relation::Akin,
        }
    }
}
