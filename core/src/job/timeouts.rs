//! Deadlines that pass: `kill timeout` of init(5), after which `kill` sends SIGKILL; `start timeout`, `hook timeout`;
//! and `watchdog`, whose SIGABRT and SIGKILL are sent here.

use crate::ids::JobId;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::Process;
use crate::records::job::{Alarm, Failure, Hold, SurveyReason};
use crate::signal::Signal;

impl Supervisor<'_> {
    /// Fires the earliest timer, if it is due.
    pub(crate) fn next_timer(&mut self) -> bool {
        let Some(timer) = self.timers.first().filter(|timer| timer.at <= self.globals.due) else { return false };
        self.globals.drained = self.globals.drained.saturating_add(1);
        let id = timer.owner;
        self.timers.disarm(&mut self.jobs, id);
        if timer.alarm != Alarm::Held(Hold::Circle) {
            self.leave_circle_of(id);
        }
        match timer.alarm {
            Alarm::Held(_) => self.go_on(id),
            Alarm::Retry => self.spawn_again(id),
            Alarm::Readiness => self.not_ready_yet(id),
            Alarm::Adopted => self.survey(id, SurveyReason::Adopted),
            Alarm::Middle => self.survey(id, SurveyReason::Middle),
            Alarm::Unseen => self.survey_again(id),
            Alarm::Watchdog => self.watchdog_missed(id),
            Alarm::Abort => self.abort_missed(id),
            Alarm::End => self.exit_missed(id),
        }
        true
    }

    /// The pause is over: spawns the process that the job waits for once more.
    fn spawn_again(&mut self, id: JobId) {
        let awaited = self.jobs.get(id).and_then(|job| job.state.row().awaited());
        match awaited.filter(|_| self.wants_retry(id)) {
            Some(process) if self.run(id, process) => {}
            _ => self.go_on(id),
        }
    }

    fn not_ready_yet(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let late = job.follow.start_by.is_some_and(|by| by <= self.now);
        if !late {
            return self.survey(id, SurveyReason::Idleness);
        }
        let Some(class) = self.classes.get(job.class) else { return };
        let (seconds, respawn) = (class.start_timeout, class.respawn);
        self.log(Notice::NotReady { job: id, seconds });
        if respawn && !self.globals.shutdown.is_on() {
            self.respawn(id);
        } else {
            self.fail(id, Failure { process: Some(Process::Main), exit: None });
        }
    }

    /// A running daemon has not reported that it is alive: it gets SIGABRT, as if it had aborted. It may write a core
    /// dump; if that takes too long, it is killed.
    fn watchdog_missed(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(pid) = job.pid(Process::Main) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let (seconds, deadline) = (class.watchdog, self.now.after_seconds(class.kill_timeout));
        self.log(Notice::WatchdogMissed { job: id, pid, seconds });
        self.timers.arm(&mut self.jobs, id, Alarm::Abort, deadline);
        self.signal_main(id, pid, Signal::ABRT);
    }

    fn abort_missed(&mut self, id: JobId) {
        if let Some(pid) = self.jobs.get(id).and_then(|job| job.pid(Process::Main)) {
            self.signal_main(id, pid, Signal::KILL);
        }
    }
}
