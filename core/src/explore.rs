//! What an exhaustive search of the machine's states needs: making states equal that differ in nothing that matters.
//!
//! Only tests call these methods. They are public because the tests are a package of their own.

use crate::machine::Supervisor;
use crate::memory::arena::Text;
use crate::process::Pid;
use crate::records::job::Failure;
use crate::tables::respawn::RespawnLimit;
use crate::time::Instant;

impl Supervisor<'_> {
    /// Sets every clock back: what was to happen at `now` is to happen so much earlier, and what is over is over for good.
    /// Numbers of processes that are not `known` to anybody any more are forgotten. So two states that differ in nothing that
    /// matters become one, and a search of all states comes to an end.
    pub fn turn_back(&mut self, now: Instant, milliseconds: u64, known: impl Fn(Pid) -> bool) {
        let earlier = |at: Instant| Instant(at.0.saturating_sub(milliseconds));
        for timer in self.timers.heap.iter_mut() {
            timer.at = earlier(timer.at);
        }
        let mut at = self.jobs.id_from(0);
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.following.fresh_until = if job.following.fresh_until <= now {
                    Instant::default()
                } else {
                    earlier(job.following.fresh_until)
                };
                job.following.launched = job.following.launched.filter(|&pid| known(pid));
                // That there was one has still to be seen to.
                job.following.middle = job.following.middle.map(|pid| if known(pid) { pid } else { Pid::MAX });
                job.following.start_by = job.following.start_by.map(earlier);
                let limit = self.classes.get(job.class).map_or(RespawnLimit::DEFAULT, |class| class.limit);
                job.respawns.turn_back(now, limit, milliseconds);
            }
            at = self.jobs.id_from(id.index() + 1);
        }
        self.core.ending.turn_back(milliseconds);
        // Where things lie is not to depend on what lay there before.
        self.jobs.sort_free();
        self.running.sort_free();
        self.events.sort_free();
        self.waiters.sort_free();
        self.leaves.sort_free();
    }

    /// Gives every process another number. For looking at only: nobody finds a process by its number any more.
    pub fn renumber(&mut self, number: impl Fn(Pid) -> Pid) {
        let mut at = self.running.id_from(0);
        while let Some(id) = at {
            if let Some(running) = self.running.get_mut(id) {
                running.renumber(&number);
            }
            at = self.running.id_from(id.index() + 1);
        }
        let mut at = self.jobs.id_from(0);
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.pids = job.pids.map(|pid| pid.map(&number));
                job.following.launched = job.following.launched.map(&number);
                job.following.middle = job.following.middle.map(&number);
            }
            at = self.jobs.id_from(id.index() + 1);
        }
    }

    /// Forgets what only programs read: the environments of jobs and events, and which failure a job's was. For looking at
    /// only: the room that those take is not given back.
    pub fn forget_what_is_told(&mut self) {
        let mut at = self.jobs.id_from(0);
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                (job.environment, job.stop_environment, job.said) = Default::default();
                job.next_environment = job.next_environment.map(|_| Text::EMPTY);
                job.failure = job.failure.map(|_| Failure { process: None, exit: None });
                (job.event_text, job.text_reserved) = (0, 0);
            }
            at = self.jobs.id_from(id.index() + 1);
        }
        let mut at = self.events.id_from(0);
        while let Some(id) = at {
            if let Some(event) = self.events.get_mut(id) {
                event.forget_what_is_told();
            }
            at = self.events.id_from(id.index() + 1);
        }
    }
}
