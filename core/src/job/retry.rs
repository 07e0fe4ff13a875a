//! Spawning a process again for which the world lacked a resource: memory, a process, a descriptor. The job waits
//! meanwhile in its state, and so do its clients.

use crate::ids::JobId;
use crate::limits::RETRY_PAUSE;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::Process;
use crate::records::job::Alarm;
use crate::spawn::SpawnError;
use crate::tables::exit;

impl Supervisor<'_> {
    /// Arms the timer after which a process is spawned again; false if the job does without it.
    pub(crate) fn retry_later(&mut self, id: JobId, process: Process, error: SpawnError) -> bool {
        // A main process that is being killed is not spawned again there, whatever comes after.
        let row = self.jobs.get(id).map(|job| job.state.row());
        let awaited = row.is_some_and(|row| row.awaits(process) && !row.kills());
        if !awaited || !self.wants_retry(id) {
            return false;
        }
        let Some(job) = self.jobs.get_mut(id) else { return false };
        let times = job.retries;
        (job.waiting, job.retries) = (true, times.saturating_add(1).min(RETRY_PAUSE.steps()));
        self.arm_retry(id, times);
        if times == 0 {
            self.log(Notice::SpawnDelayed { job: id, process, error });
        }
        true
    }

    /// Arms the timer after so many attempts that had one.
    pub(crate) fn arm_retry(&mut self, id: JobId, times: u8) {
        let at = self.now.after_milliseconds(RETRY_PAUSE.after(u32::from(times)));
        self.timers.arm(&mut self.jobs, id, Alarm::Retry, at);
    }

    /// Whether the process that the job waits for is to be spawned again: when its timer fires, or, if the world cannot
    /// tell which processes live, after that.
    pub(crate) fn is_tried_again(&self, id: JobId) -> bool {
        self.jobs.get(id).is_some_and(|job| job.waiting && job.is_tried_again())
    }

    /// Whether the process that the job waits for is still wanted.
    pub(crate) fn wants_retry(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id).filter(|job| !job.forced) else { return false };
        let process = job.state.row().awaited();
        !self.globals.shutdown.is_on() && process.is_some_and(|process| exit::is_spawned_again(process, job.goal))
    }
}
