//! Arming a job's timer, if its wait has a bound.
//!
//! A job has one timer at most, since it waits for one thing at a time. It is armed when the job begins to wait.

use crate::expect::Expect;
use crate::ids::JobId;
use crate::limits::{MIDDLE_SECONDS, TRIAL_MILLISECONDS, UNSEEN_PAUSE};
use crate::machine::Supervisor;
use crate::process::Process;
use crate::records::job::{Alarm, SurveyReason};
use crate::state::Goal;
use crate::tables::expect as follow;
use crate::tables::lifecycle::Wait;

impl Supervisor<'_> {
    /// Arms the timer of a job that has begun to wait, if that wait has a bound.
    pub(crate) fn bound_wait(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id).filter(|job| job.waiting) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        if self.is_held(id) {
            let at = self.now.after_milliseconds(UNSEEN_PAUSE.after(0));
            return self.timers.arm(&mut self.jobs, id, Alarm::Unseen, at);
        }
        if job.is_tried_again() {
            // The timer was used to ask which processes live.
            return self.arm_retry(id, job.retries);
        }
        if job.follow.advice_due && job.state.row().is_run() {
            return self.wait_to_advise(id);
        }
        let (alarm, seconds) = match job.state.row().wait {
            Wait::End(Process::Main) => return,
            Wait::End(_) if job.forced => (Alarm::End, class.kill_timeout),
            Wait::End(_) if class.hook_timeout > 0 => (Alarm::End, class.hook_timeout),
            Wait::Goal(Goal::Stop) if job.follow.middle.is_some() => (Alarm::Middle, MIDDLE_SECONDS),
            Wait::Goal(Goal::Stop) if class.watchdog > 0 => (Alarm::Watchdog, class.watchdog),
            Wait::Readiness => {
                // By its file, a process that is traced to learn would be ready by now.
                let limited = class.start_timeout > 0 && !job.follow.is_learning();
                let by = limited.then(|| self.now.after_seconds(class.start_timeout));
                if let Some(job) = self.jobs.get_mut(id) {
                    job.follow.start_by = by;
                    (job.follow.idle_looks, job.follow.busy_looks) = (0, 0);
                }
                return self.wait_for_readiness(id);
            }
            _ => return,
        };
        let deadline = self.now.after_seconds(seconds);
        self.timers.arm(&mut self.jobs, id, alarm, deadline);
    }

    /// Whether the main process has exited, and the world could not find out yet which of the others live.
    pub(crate) fn is_held(&self, id: JobId) -> bool {
        self.jobs.get(id).is_some_and(|job| matches!(job.survey, SurveyReason::Ended(..)) && job.unseen > 0)
    }

    /// Arms the timer for the next check of a main process that is not ready yet.
    ///
    /// With a `start timeout` the file itself sets the time to wait, and idleness proves nothing.
    pub(crate) fn wait_for_readiness(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let waits = job.waiting && job.state.row().wait == Wait::Readiness && !job.follow.stage.is_ready();
        let Some(class) = self.classes.get(job.class).filter(|_| waits) else { return };
        let looks = (job.follow.start_by.is_none() && !job.follow.advised) || class.expect == Expect::PidFile;
        let busy = if job.follow.idle_looks == 0 { job.follow.busy_looks } else { 0 };
        let look = looks.then(|| self.now.after_milliseconds(follow::ExpectRow::interval(self.expects(id), busy)));
        if let Some(at) = [look, job.follow.start_by].into_iter().flatten().min() {
            self.timers.arm(&mut self.jobs, id, Alarm::Readiness, at);
        }
    }

    /// Arms the timer for the check of a main process that was adopted just now.
    pub(crate) fn wait_to_advise(&mut self, id: JobId) {
        if self.jobs.get(id).is_some_and(|job| job.state.row().is_run() && job.waiting) {
            let at = self.now.after_milliseconds(TRIAL_MILLISECONDS);
            self.timers.arm(&mut self.jobs, id, Alarm::Adopted, at);
        }
    }
}
