//! Jobs on the move.

use crate::ids::JobId;
use crate::machine::Supervisor;

impl Supervisor<'_> {
    /// What a job waited for has happened.
    pub(crate) fn go_on(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.waiting = false;
        self.keep_moving(id);
    }

    /// The job is looked at again before anything else happens.
    pub(crate) fn keep_moving(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if !core::mem::replace(&mut job.moving, true) {
            self.globals.moving.push(&mut self.jobs, id);
        }
    }
}
