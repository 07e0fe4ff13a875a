//! Jobs on the move.

use crate::ids::JobId;
use crate::machine::Supervisor;

impl Supervisor<'_> {
    /// The wait of a job is over.
    pub(crate) fn go_on(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.waiting = false;
        self.keep_moving(id);
    }

    /// Puts a job into the queue of those on the move.
    pub(crate) fn keep_moving(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if !core::mem::replace(&mut job.moving, true) {
            self.globals.moving.push(&mut self.jobs, id);
        }
    }
}
