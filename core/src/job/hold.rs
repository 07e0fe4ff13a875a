//! Jobs that are held back before they start: one of a circle, so that nothing else is delayed; one that is respawned,
//! for its `respawn delay` and for the respawn budget of all jobs; and one that was given up, for its `respawn retry`.
//! Such a job stays in its state with goal start. The goal stop, however it comes, ends the wait; so does the job's one
//! timer.

use crate::ids::JobId;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::records::class::Class;
use crate::records::job::{Alarm, Hold, Job};
use crate::tables::budget::RespawnBudget;
use crate::time::Instant;

/// The reasons, in the order in which they are asked: a job waits for one after the other.
const HOLDS: [Hold; 4] = [Hold::Circle, Hold::Delay, Hold::Retry, Hold::Budget];

impl Supervisor<'_> {
    /// Holds a job back before it starts; false if it need not wait.
    pub(crate) fn hold_start(&mut self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let Some(class) = self.classes.get(job.class) else { return false };
        // Another job may have got what this one has waited for.
        let mut asked = HOLDS.into_iter().filter(|hold| *hold > job.held || *hold == Hold::Budget);
        let Some((hold, at)) = asked.find_map(|hold| Some((hold, self.held_until(hold, job, class)?))) else {
            if job.respawns.is_due() {
                self.globals.budget.spend(self.now);
            }
            return false;
        };
        if hold == Hold::Budget
            && let Some(RespawnBudget { count, seconds }) = self.globals.budget.tells()
        {
            self.log(Notice::BudgetSpent { job: id, count, seconds });
        }
        if let Some(job) = self.jobs.get_mut(id) {
            (job.held, job.waiting) = (hold, true);
        }
        self.timers.arm(&mut self.jobs, id, Alarm::Held(hold), at);
        true
    }

    /// The reason for which a job is being held back.
    pub(crate) fn hold_of(&self, id: JobId) -> Hold {
        self.timers.armed(&self.jobs, id).map_or(Hold::Nothing, Alarm::hold)
    }

    /// A client wants a job to start that is held back as a respawn: it starts now. False if it is not held back.
    pub(crate) fn end_hold(&mut self, id: JobId) -> bool {
        let is_held = self.is_respawn_held(id);
        if is_held && let Some(job) = self.jobs.get_mut(id) {
            job.respawns.begin();
            self.go_on(id);
        }
        is_held
    }

    /// Whether a job is held back as a respawn.
    pub(crate) fn is_respawn_held(&self, id: JobId) -> bool {
        self.hold_of(id) > Hold::Circle
    }

    /// The time until which a job is held back for a reason; `None` if it need not wait.
    fn held_until(&self, hold: Hold, job: &Job, class: &Class) -> Option<Instant> {
        match hold {
            Hold::Nothing => None,
            Hold::Circle => self.circle_pause(class),
            Hold::Delay => {
                let seconds = job.respawns.delay(class.delay);
                (seconds > 0).then(|| self.now.after_seconds(seconds))
            }
            Hold::Budget if job.respawns.is_due() => self.globals.budget.next(self.now),
            Hold::Budget => None,
            Hold::Retry => job.respawns.is_retried().then(|| self.now.after_seconds(class.retry)),
        }
    }
}
