//! Waits that last too long: `kill timeout` of init(5), `start timeout`, `hook timeout` and `watchdog`, and force.
//!
//! A job has one timer at most, since it waits for one thing at a time. It is armed when the job begins to wait.

use crate::adopt::{Inquiry, Look};
use crate::conf::stanza::Expect;
use crate::effect::{Effect, Scope};
use crate::follow;
use crate::job::Failure;
use crate::lifecycle::{Goal, State, Wait};
use crate::limits::{GIVE_UP_SECONDS, MIDDLE_SECONDS, STRIKES, TRIAL_MILLISECONDS};
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::signal::Signal;
use crate::storage::JobId;
use crate::supervisor::Supervisor;
use crate::timers::Alarm;

impl Supervisor<'_> {
    /// The job has begun to wait: arms its timer, if that wait has a bound.
    pub(crate) fn bound_wait(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id).filter(|job| job.waiting) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        if job.following.untaught && job.state == State::Running {
            return self.wait_to_teach(id);
        }
        let (alarm, seconds) = match job.state.row().wait {
            Wait::End(Process::Main) => return,
            Wait::End(_) if job.forced => (Alarm::End, class.kill_timeout),
            Wait::End(_) if class.hook_timeout > 0 => (Alarm::End, class.hook_timeout),
            Wait::Goal(Goal::Stop) if job.following.middle.is_some() => (Alarm::Middle, MIDDLE_SECONDS),
            Wait::Goal(Goal::Stop) if class.watchdog > 0 => (Alarm::Watchdog, class.watchdog),
            Wait::Readiness => {
                let by = (class.start_timeout > 0).then(|| self.now.after_seconds(class.start_timeout));
                if let Some(job) = self.jobs.get_mut(id) {
                    job.following.start_by = by;
                    (job.following.idle_looks, job.following.busy_looks) = (0, 0);
                }
                return self.wait_for_readiness(id);
            }
            _ => return,
        };
        let deadline = self.now.after_seconds(seconds);
        self.timers.arm(&mut self.jobs, id, alarm, deadline);
    }

    /// The main process is not ready yet: when to look at it next.
    ///
    /// With a `start timeout` the file itself says how long to wait, and idleness proves nothing.
    pub(crate) fn wait_for_readiness(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let waits = job.waiting && job.state.row().wait == Wait::Readiness && !job.following.stage.is_ready();
        let Some(class) = self.classes.get(job.class).filter(|_| waits) else { return };
        let looks = (job.following.start_by.is_none() && !job.following.taught) || class.expect == Expect::PidFile;
        let busy = if job.following.idle_looks == 0 { job.following.busy_looks } else { 0 };
        let look = looks.then(|| self.now.after_milliseconds(follow::Row::interval(class.expect, busy)));
        if let Some(at) = [look, job.following.start_by].into_iter().flatten().min() {
            self.timers.arm(&mut self.jobs, id, Alarm::Readiness, at);
        }
    }

    /// A running job's main process was adopted just now; whether it stays is to be seen.
    pub(crate) fn wait_to_teach(&mut self, id: JobId) {
        if self.jobs.get(id).is_some_and(|job| job.state == State::Running && job.waiting) {
            let at = self.now.after_milliseconds(TRIAL_MILLISECONDS);
            self.timers.arm(&mut self.jobs, id, Alarm::Heir, at);
        }
    }

    /// Fires the earliest timer, if it is due.
    pub(crate) fn next_timer(&mut self) -> bool {
        let Some(timer) = self.timers.first().filter(|timer| timer.at <= self.now) else { return false };
        let id = timer.job;
        self.timers.disarm(&mut self.jobs, id);
        match timer.alarm {
            Alarm::Readiness => self.not_ready_yet(id),
            Alarm::Heir => self.inquire(id, Inquiry::Heir),
            Alarm::Middle => self.inquire(id, Inquiry::Middle),
            Alarm::Watchdog => self.watchdog_missed(id),
            Alarm::Abort => self.abort_missed(id),
            Alarm::End => self.does_not_end(id),
        }
        true
    }

    fn not_ready_yet(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let late = job.following.start_by.is_some_and(|by| by <= self.now);
        if !late {
            return self.inquire(id, Inquiry::Idleness);
        }
        let Some(class) = self.classes.get(job.class) else { return };
        let (seconds, respawn) = (class.start_timeout, class.respawn);
        self.say_later(Notice::NotReady { job: id, seconds });
        if respawn && !self.core.ending.is_on() {
            self.respawn(id);
            self.go_on(id);
        } else {
            self.fail(id, Failure { process: Some(Process::Main), exit: None });
        }
    }

    /// A running daemon has not said that it is alive: it is ended, and what follows is what follows when a signal ends it.
    /// It may say why it hung; if that takes too long, it is killed.
    fn watchdog_missed(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(pid) = job.pid(Process::Main) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let (seconds, deadline) = (class.watchdog, self.now.after_seconds(class.kill_timeout));
        self.say_later(Notice::WatchdogMissed { job: id, pid, seconds });
        self.timers.arm(&mut self.jobs, id, Alarm::Abort, deadline);
        self.signal_main(id, pid, Signal::ABRT);
    }

    fn abort_missed(&mut self, id: JobId) {
        if let Some(pid) = self.jobs.get(id).and_then(|job| job.pid(Process::Main)) {
            self.signal_main(id, pid, Signal::KILL);
        }
    }

    /// A process that is to end does not: it is killed; if that does not help and the stop is forced, it is given up.
    fn does_not_end(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Wait::End(process) = job.state.row().wait else { return };
        let Some(pid) = job.pid(process) else { return self.inquire(id, Inquiry::Rest(Look::Second)) };
        job.strikes = job.strikes.saturating_add(1);
        let (forced, again) = (job.forced, job.killed);
        let timed = self.classes.get(job.class).map(|class| class.hook_timeout).filter(|_| !forced);
        if again {
            if forced {
                self.give_up(id, process, pid);
            }
            return;
        }
        if let (Some(seconds), true) = (timed, process != Process::Main) {
            self.say_later(Notice::HookOverdue { job: id, process, pid, seconds });
        }
        self.kill_now(id, process, pid);
    }

    /// Sends SIGKILL to a process that the job waits for.
    fn kill_now(&mut self, id: JobId, process: Process, pid: Pid) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.killed = true;
        let (forced, repaired) = (job.forced, job.following.repaired);
        if process == Process::Main {
            if forced || repaired {
                self.order(Effect::Signal { pid, signal: Signal::KILL, scope: Scope::Group });
                self.sweep(id, pid, Signal::KILL);
            } else {
                self.signal_main(id, pid, Signal::KILL);
            }
        } else {
            self.say_later(Notice::Signalling { job: id, process, pid, signal: Signal::KILL });
            self.order(Effect::Signal { pid, signal: Signal::KILL, scope: Scope::Group });
        }
        if forced {
            let deadline = self.now.after_seconds(GIVE_UP_SECONDS);
            self.timers.arm(&mut self.jobs, id, Alarm::End, deadline);
        }
    }

    /// A process that not even SIGKILL ends is not waited for any longer.
    fn give_up(&mut self, id: JobId, process: Process, pid: Pid) {
        self.say_later(Notice::GivenUp { job: id, process, pid });
        self.forget_process(id, process);
        if process == Process::Main
            && let Some(job) = self.jobs.get_mut(id)
        {
            // Whatever else lives is told of, and not waited for.
            job.strikes = STRIKES + 1;
            return self.inquire(id, Inquiry::Ended(pid, crate::process::Exit::Unknown));
        }
        self.go_on(id);
    }

    /// A client wants a job stopped whatever it waits for.
    pub(crate) fn force(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        (job.forced, job.killed, job.strikes) = (true, false, 0);
        self.set_goal(id, Goal::Stop);
        let Some(job) = self.jobs.get_mut(id).filter(|job| job.waiting) else { return };
        match job.state.row().wait {
            Wait::Event => {
                // The event goes its own way; the job does not wait for it any more.
                job.blocker = None;
                self.go_on(id);
            }
            Wait::End(process) => {
                if let Some(pid) = job.pid(process) {
                    self.kill_now(id, process, pid);
                }
            }
            Wait::Nothing | Wait::Goal(_) | Wait::Spawned(_) | Wait::Readiness => {}
        }
    }

    /// Kills the main process of a forced stop.
    pub(crate) fn force_main(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.strikes = job.strikes.saturating_add(1);
        if let Some(pid) = job.pid(Process::Main) {
            job.waiting = true;
            self.kill_now(id, Process::Main, pid);
        }
    }

    /// A running job's main process has said that it is alive.
    pub(crate) fn alive(&mut self, id: JobId) {
        if self.timers.armed(&self.jobs, id) == Some(Alarm::Watchdog) {
            self.bound_wait(id);
        }
    }
}
