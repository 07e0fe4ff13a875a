//! Notifications that a daemon sends: `expect notify`, `expect fd` and `watchdog`.

use crate::ids::JobId;
use crate::input::Word;
use crate::limits::{Limit, STATUS};
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::records::job::Alarm;
use crate::tables::expect::Seen;

impl Supervisor<'_> {
    /// A running job's main process has said that it is alive.
    pub(crate) fn alive(&mut self, id: JobId) {
        if self.timers.armed(&self.jobs, id) == Some(Alarm::Watchdog) {
            self.bound_wait(id);
        }
    }

    /// A process of a job has said something.
    pub(crate) fn told(&mut self, id: JobId, word: Word<'_>) {
        match word {
            Word::Ready => self.is_ready(id),
            Word::Main(pid) => self.is_main(id, pid, false),
            Word::Stopping => self.watch_no_more(id),
            Word::Alive => self.alive(id),
            Word::Status(text) => self.note_status(id, text),
        }
    }

    /// It says that it is ready, though it may have been taken to be so before.
    fn is_ready(&mut self, id: JobId) {
        self.observe_job(id, Seen::Ready);
        if let Some(job) = self.jobs.get_mut(id)
            && core::mem::take(&mut job.following.guessed)
        {
            self.refresh(id);
        }
    }

    /// One that is about to end has no more time to say that it is alive.
    fn watch_no_more(&mut self, id: JobId) {
        if self.timers.armed(&self.jobs, id) == Some(Alarm::Watchdog) {
            self.timers.disarm(&mut self.jobs, id);
        }
    }

    fn note_status(&mut self, id: JobId, text: &[u8]) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        match self.text.add(text.get(..STATUS).unwrap_or(text)) {
            Ok(new) => self.text.replace(&mut job.said, new),
            Err(_) => {
                let class = job.class;
                self.say_later(Notice::Full { class, limit: Limit::Text });
            }
        }
    }
}
