//! Support for an exhaustive search of the machine's states: makes states equal that differ in nothing relevant.
//!
//! Only tests call these methods. They are public because the tests are a package of their own.

use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::process::Pid;
use crate::records::job::Failure;
use crate::time::Instant;

#[doc(hidden)]
impl Supervisor<'_> {
    /// Sets every clock back by so many milliseconds; deadlines before `now` are dropped. Process ids that are not
    /// `known` any more are forgotten. So states that differ in nothing relevant become one, and a search of all states
    /// ends.
    pub fn rebase_time(&mut self, now: Instant, milliseconds: u64, known: impl Fn(Pid) -> bool) {
        let earlier = |at: Instant| Instant(at.0.saturating_sub(milliseconds));
        for timer in self.timers.heap.iter_mut() {
            timer.at = earlier(timer.at);
        }
        let mut at = self.jobs.first();
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.follow.fresh_until =
                    if job.follow.fresh_until <= now { Instant::default() } else { earlier(job.follow.fresh_until) };
                job.follow.launched = job.follow.launched.filter(|&pid| known(pid));
                // Whether there was such a process still matters.
                job.follow.middle = job.follow.middle.map(|pid| if known(pid) { pid } else { Pid::MAX });
                job.follow.start_by = job.follow.start_by.map(earlier);
                if let Some(class) = self.classes.get(job.class) {
                    job.respawns.rebase_time(now, class.limit, class.delay, milliseconds);
                }
            }
            at = self.jobs.after(id);
        }
        self.globals.shutdown.rebase_time(milliseconds);
        self.globals.budget.rebase_time(now, milliseconds);
        self.globals.due = earlier(self.globals.due);
        // The order of free slots must not depend on what was in them before.
        self.jobs.sort_free();
        self.processes.sort_free();
        self.events.sort_free();
        self.waiters.sort_free();
        self.leaves.sort_free();
    }

    /// Gives every process another process id. The state is for comparison only: no process is found by its id any
    /// more.
    pub fn renumber_processes(&mut self, number: impl Fn(Pid) -> Pid) {
        let mut at = self.processes.first();
        while let Some(id) = at {
            if let Some(running) = self.processes.get_mut(id) {
                running.renumber_processes(&number);
            }
            at = self.processes.after(id);
        }
        let mut at = self.jobs.first();
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.pids = job.pids.map(|pid| pid.map(&number));
                job.follow.launched = job.follow.launched.map(&number);
                job.follow.middle = job.follow.middle.map(&number);
            }
            at = self.jobs.after(id);
        }
    }

    /// Erases what only programs and people read: the environments of jobs and events, details of failures, and which
    /// lessons were logged. The state is for comparison only: the room of the texts is not freed.
    pub fn erase_texts(&mut self) {
        let mut at = self.classes.first();
        while let Some(id) = at {
            if let Some(class) = self.classes.get_mut(id) {
                class.lessons = 0;
            }
            at = self.classes.after(id);
        }
        let mut at = self.jobs.first();
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.told_scope = false;
                (job.environment, job.stop_environment, job.status_text) = Default::default();
                job.next_environment = job.next_environment.map(|_| TextHandle::EMPTY);
                job.failure = job.failure.map(|_| Failure { process: None, exit: None });
                (job.event_text, job.text_reserved) = (0, 0);
            }
            at = self.jobs.after(id);
        }
        let mut at = self.events.first();
        while let Some(id) = at {
            if let Some(event) = self.events.get_mut(id) {
                event.erase_texts();
            }
            at = self.events.after(id);
        }
    }
}
