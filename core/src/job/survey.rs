//! Surveys: asking the world which processes of a job live, and judging the answer.

use crate::effect::Effect;
use crate::expect::Expect;
use crate::ids::JobId;
use crate::input::Survivor;
use crate::limits::{STRIKES, UNSEEN_PAUSE};
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::{Exit, Pid, Process};
use crate::records::job::{Alarm, SurveyReason};
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

    /// The world could not find out which processes live: if one of those that it does not name could matter, the job
    /// asks again after a pause, and keeps what it has until then. Returns whether it does.
    pub(crate) fn hold(&mut self, id: JobId, survivors: &[Survivor]) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let (survey, killing) = (job.survey, job.state.row().kills());
        let all = self.must_end(id);
        let alarm = match survey {
            // A process that cannot be seen may be busy, and there is a bound for that.
            SurveyReason::Nothing | SurveyReason::Idleness => None,
            SurveyReason::Ended(_, exit) if !killing => {
                (self.may_be_replaced(id, exit) && !self.globals.strict).then_some(Alarm::Unseen)
            }
            SurveyReason::Ended(..) | SurveyReason::Rest(_) => {
                let known = survivors.iter().any(|survivor| self.owner(survivor.pid).is_none());
                (all && !known && job.strikes <= STRIKES).then_some(Alarm::End)
            }
            SurveyReason::Adopted => Some(Alarm::Adopted),
            SurveyReason::Middle => Some(Alarm::Middle),
        };
        let Some(alarm) = alarm else { return false };
        self.ask_later(id, alarm);
        true
    }

    /// Arms the timer by which the world is asked again.
    fn ask_later(&mut self, id: JobId, alarm: Alarm) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let ended = match job.survey {
            SurveyReason::Ended(_, exit) if alarm == Alarm::Unseen => Some(exit),
            _ => None,
        };
        // The other alarms ask for themselves.
        if ended.is_none() {
            job.survey = SurveyReason::Nothing;
        }
        let first = job.unseen == 0 && matches!(alarm, Alarm::Unseen | Alarm::End);
        let attempts = if job.forced { 0 } else { job.unseen };
        job.unseen = job.unseen.saturating_add(1).min(UNSEEN_PAUSE.steps());
        if job.forced && alarm == Alarm::End {
            // A forced stop does not wait for ever.
            job.strikes = job.strikes.saturating_add(1);
        }
        let at = self.now.after_milliseconds(UNSEEN_PAUSE.after(u32::from(attempts)));
        self.timers.arm(&mut self.jobs, id, alarm, at);
        if first {
            self.log(Notice::Unseen { job: id });
        }
        if let Some(exit) = ended {
            // A process that may be the daemon is killed if the job is to stop before the answer, and the time
            // until then does not count.
            if self.may_be_daemonizing(id, exit) {
                self.refresh(id);
            }
            if let Some(job) = self.jobs.get_mut(id) {
                job.follow.repaired = true;
            }
        }
    }

    /// Asks the world again what it could not find out.
    pub(crate) fn survey_again(&mut self, id: JobId) {
        if let Some(survey) = self.jobs.get(id).map(|job| job.survey).filter(|&survey| survey != SurveyReason::Nothing)
        {
            self.survey(id, survey);
        }
    }

    /// The world has found out what it could not before: a wait whose timer was used to ask again gets its own back.
    pub(crate) fn seen_again(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.unseen = 0;
        if job.timer.is_none() {
            self.bound_wait(id);
        }
    }

    /// Whether it matters for the job which processes a main process leaves.
    pub(crate) fn survivors_matter(&self, id: JobId, pid: Pid) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let Some(class) = self.classes.get(job.class) else { return false };
        let follow = &job.follow;
        match job.state.row().kills() {
            true => self.must_end(id) || follow.launched.is_some_and(|launched| launched != pid),
            // A process of a predecessor may be the cause of a failure, and the log says so.
            false => class.is_contained(),
        }
    }

    /// Whether a process that is left may take the place of a main process that has exited so.
    fn may_be_replaced(&self, id: JobId, exit: Exit) -> bool {
        let Some(class) = self.jobs.get(id).and_then(|job| self.classes.get(job.class)) else { return false };
        // The process that the pid file names is the daemon however the other one has exited.
        class.expect == Expect::PidFile || (class.is_followed() && self.may_leave_a_daemon(id, exit))
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
        fresh && self.may_leave_a_daemon(id, exit)
    }

    /// Whether the exit of a main process may leave its daemon. The forks that are followed to learn lead to a helper
    /// as well as to a daemon, and a helper may fail.
    fn may_leave_a_daemon(&self, id: JobId, exit: Exit) -> bool {
        exit.may_be_success() || self.jobs.get(id).is_some_and(|job| job.follow.is_learning())
    }

    /// The relation of a survivor to the launched process. Nothing tells how many forks are between the two if they
    /// were not traced: neighbouring process ids and sessions depend on what else the machine does.
    pub(crate) fn relation_of(&self, id: JobId, survivor: Survivor) -> Relation {
        let Some(job) = self.jobs.get(id) else { return Relation::Itself };
        let traces = self.expects(id).traces();
        let pid = Some(survivor.pid);
        match () {
            () if job.follow.launched == pid => Relation::Launched,
            () if job.follow.middle == pid => Relation::Middle,
            () if traces && job.follow.helper => Relation::Later,
            () if traces && job.follow.advised => Relation::Late,
            () if traces => Relation::Descendant,
            () => Relation::Akin,
        }
    }
}
