//! Asking the world which processes of a job live, and what can be told from the answer.

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
            // Who has ended and is no step on a daemon's way has nobody to be looked for far and wide, which takes its time.
            let anywhere = match survey {
                SurveyReason::Ended(_, exit) => !killed && self.may_be_daemonizing(id, exit),
                _ => !killed,
            };
            self.order(Effect::Survey { job: id, anywhere });
        }
    }

    /// Whether it must be asked who is left when a main process has ended so.
    pub(crate) fn wants_survey(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let Some(class) = self.classes.get(job.class) else { return false };
        let judged = exit::row(Process::Main, job.state).is_some_and(|row| row.consequence == Consequence::Judged);
        job.state.row().kills() || (judged && job.goal == Goal::Start && !class.task)
    }

    /// Whether a main process's end may be a step on its daemon's way.
    pub(crate) fn may_be_daemonizing(&self, id: JobId, exit: Exit) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let unready = job.state.row().expects();
        let fresh = unready || job.follow.guessed || self.now <= job.follow.fresh_until;
        fresh && matches!(exit, Exit::Status(0) | Exit::Unknown)
    }

    /// The process that is the daemon when the one that was watched has ended: the one whose id is written down, or the one
    /// that the supervisor made, or an orphan, the oldest first.
    pub(crate) fn successor(&self, id: JobId, survivors: &[Survivor]) -> Option<Survivor> {
        let launched = self.jobs.get(id)?.follow.launched;
        let free = || survivors.iter().filter(|survivor| self.owner(survivor.pid).is_none());
        let named = free().find(|survivor| survivor.named);
        named
            .or_else(|| free().find(|survivor| Some(survivor.pid) == launched))
            .or_else(|| free().find(|survivor| survivor.child))
            .or_else(|| free().next())
            .copied()
    }

    /// How a survivor is related to the process that the supervisor made. Forks that nobody saw are counted only where the
    /// numbers prove that nobody was made in between; else fewer may seem to be than there were.
    pub(crate) fn place_of(&self, id: JobId, survivor: Survivor) -> Relation {
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
