//! Notifications that a daemon sends: `expect notify`, `expect fd` and `watchdog`.

use crate::ids::JobId;
use crate::input::Notification;
use crate::limits::STATUS;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::records::job::Alarm;
use crate::tables::expect::Seen;

impl Supervisor<'_> {
    /// The main process of a running job has reported that it is alive.
    pub(crate) fn restart_watchdog(&mut self, id: JobId) {
        if self.timers.armed(&self.jobs, id) == Some(Alarm::Watchdog) {
            self.bound_wait(id);
        }
    }

    /// A process of a job has sent a notification.
    pub(crate) fn notified(&mut self, id: JobId, word: Notification<'_>) {
        match word {
            Notification::Ready => self.is_ready(id),
            Notification::Main(pid) => self.set_main(id, pid, false),
            Notification::Stopping => self.stop_watchdog(id),
            Notification::Alive => self.restart_watchdog(id),
            Notification::Status(text) => self.note_status(id, text),
        }
    }

    /// The main process is ready, although it may have been assumed to be ready before.
    fn is_ready(&mut self, id: JobId) {
        self.observe_job(id, Seen::Ready);
        if let Some(job) = self.jobs.get_mut(id)
            && core::mem::take(&mut job.follow.guessed)
        {
            self.refresh(id);
        }
    }

    /// A process that is about to exit does not report any more that it is alive.
    fn stop_watchdog(&mut self, id: JobId) {
        if self.timers.armed(&self.jobs, id) == Some(Alarm::Watchdog) {
            self.timers.disarm(&mut self.jobs, id);
        }
    }

    fn note_status(&mut self, id: JobId, text: &[u8]) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        match self.text.add(text.get(..STATUS).unwrap_or(text)) {
            Ok(new) => self.text.replace(&mut job.status_text, new),
            Err(full) => {
                let class = job.class;
                self.log(Notice::Full { class, limit: full.limit });
            }
        }
    }
}
