//! Killing the processes that a main process leaves behind when its job is being stopped.

use crate::effect::Effect;
use crate::ids::JobId;
use crate::input::Survivor;
use crate::limits::{AFTERMATH_MILLISECONDS, STRIKES};
use crate::machine::Supervisor;
use crate::process::Process;
use crate::records::job::{Alarm, RestLook};

impl Supervisor<'_> {
    /// Handles the processes of a stopping job whose main process is gone. Those that certainly belong to the job are
    /// killed the same way, one at a time. The others are left alone, as the original leaves processes that have moved
    /// to a group of their own, but are logged.
    pub(crate) fn kill_rest(&mut self, id: JobId, survivors: &[Survivor], look: RestLook) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let all = self.must_end(id);
        let launched = job.follow.launched.filter(|_| !self.globals.strict);
        let own = |survivor: &&Survivor| (all || Some(survivor.pid) == launched) && self.owner(survivor.pid).is_none();
        let (signal, timeout, forced) = (class.kill_signal, class.kill_timeout, job.forced);
        let tired = job.strikes > STRIKES;
        match survivors.iter().find(own).map(|survivor| survivor.pid) {
            Some(_) if look == RestLook::First && !forced && !tired => {
                let at = self.now.after_milliseconds(AFTERMATH_MILLISECONDS);
                self.timers.arm(&mut self.jobs, id, Alarm::End, at);
            }
            Some(next) if !tired => {
                self.remember_process(id, Process::Main, next);
                self.order(Effect::Watch { pid: next, instead_of: next });
                if forced {
                    return self.force_main(id);
                }
                self.signal_main(id, next, signal);
                let deadline = self.now.after_seconds(timeout);
                self.timers.arm(&mut self.jobs, id, Alarm::End, deadline);
                if let Some(job) = self.jobs.get_mut(id) {
                    (job.waiting, job.killed) = (true, false);
                }
            }
            _ => {
                if look != RestLook::Only && !survivors.is_empty() {
                    self.order(Effect::Report { job: id });
                }
                self.go_on(id);
            }
        }
    }
}
