//! Processes that run already: their jobs are taken on as they are, without hooks and events.

use crate::limits::Full;
use crate::machine::Supervisor;
use crate::process::Pid;
use crate::target::{Select, Target};

impl Supervisor<'_> {
    /// The world has found the main process of a job that this supervisor has not launched.
    pub(crate) fn found(&mut self, target: Target<'_>, instance: &[u8], pid: Pid) {
        let Ok((class, known)) = self.resolve_job(target) else { return };
        let Select::Environment(environment) = target.select else { return };
        let is_it = known.is_none() && *self.scratch == *instance && self.owner(pid).is_none();
        if !is_it || self.globals.shutdown.refuses_starts() {
            return;
        }
        let Ok(environment) = self.text.add(environment.0) else { return };
        // The caller finds by the process's owner that there was no room.
        if let Ok(job) = self.make_job(class).inspect_err(|_: &Full| self.text.free(environment))
            && self.prepare_start(job, environment).is_ok()
        {
            self.run_on(job, pid);
        }
    }
}
