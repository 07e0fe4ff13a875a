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
        let awaited = self.jobs.get(id).is_some_and(|job| job.state.row().awaits(process));
        if !awaited || !self.wants_retry(id) {
            return false;
        }
        let Some(job) = self.jobs.get_mut(id) else { return false };
        let times = job.retries;
        (job.waiting, job.retries) = (true, times.saturating_add(1).min(RETRY_PAUSE.steps()));
        let at = self.now.after_milliseconds(RETRY_PAUSE.after(u32::from(times)));
        self.timers.arm(&mut self.jobs, id, Alarm::Retry, at);
        if times == 0 {
            self.log(Notice::SpawnDelayed { job: id, process, error });
        }
        true
    }

    /// Whether the process that the job waits for is still wanted.
    pub(crate) fn wants_retry(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id).filter(|job| !job.forced) else { return false };
        let process = job.state.row().awaited();
        !self.globals.shutdown.is_on() && process.is_some_and(|process| exit::is_spawned_again(process, job.goal))
    }
}
