//! Killing: the kill signal, SIGKILL after the kill timeout, and forced stops.

use crate::effect::{Effect, Scope};
use crate::ids::JobId;
use crate::limits::{GIVE_UP_SECONDS, STRIKES};
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::records::job::{Alarm, RestLook, SurveyReason};
use crate::signal::Signal;
use crate::state::Goal;
use crate::tables::lifecycle::Wait;

impl Supervisor<'_> {
    /// Sends the kill signal to the main process and arms the kill timeout; false if there is no main process.
    pub(crate) fn kill(&mut self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let Some(pid) = job.pid(Process::Main) else {
            let others = job.follow.forks > 0 || self.ends_all(id);
            if others {
                self.survey(id, SurveyReason::Rest(RestLook::Only));
            }
            return others;
        };
        if job.forced {
            self.force_main(id);
            return true;
        }
        let Some(class) = self.classes.get(job.class) else { return false };
        let (signal, deadline) = (class.kill_signal, self.now.after_seconds(class.kill_timeout));
        self.signal_main(id, pid, signal);
        self.timers.arm(&mut self.jobs, id, Alarm::End, deadline);
        true
    }

    /// A process has not exited in time: kills it. If that was done already and the stop is forced, gives it up.
    pub(crate) fn exit_missed(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Wait::End(process) = job.state.row().wait else { return };
        let Some(pid) = job.pid(process) else { return self.survey(id, SurveyReason::Rest(RestLook::Second)) };
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
            self.log(Notice::HookOverdue { job: id, process, pid, seconds });
        }
        self.kill_now(id, process, pid);
    }

    /// A process has become the main one while the job is being killed. The time that is left is its time too; if none
    /// is, it is killed as soon as the world has answered that it lives.
    pub(crate) fn kill_too(&mut self, id: JobId) {
        if let Some(job) = self.jobs.get_mut(id).filter(|job| job.state.row().kills() && job.killed) {
            job.killed = false;
            let now = self.now;
            self.timers.arm(&mut self.jobs, id, Alarm::End, now);
        }
    }

    /// Sends SIGKILL to a process that the job waits for.
    fn kill_now(&mut self, id: JobId, process: Process, pid: Pid) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.killed = true;
        let forced = job.forced;
        if process == Process::Main {
            if forced || self.ends_all(id) {
                self.order(Effect::Signal { pid, signal: Signal::KILL, scope: Scope::Group });
                self.sweep(id, pid, Signal::KILL);
            } else {
                self.signal_main(id, pid, Signal::KILL);
            }
        } else {
            self.log(Notice::Signalling { job: id, process, pid, signal: Signal::KILL });
            self.order(Effect::Signal { pid, signal: Signal::KILL, scope: Scope::Group });
        }
        if forced {
            let deadline = self.now.after_seconds(GIVE_UP_SECONDS);
            self.timers.arm(&mut self.jobs, id, Alarm::End, deadline);
        }
    }

    /// Stops waiting for a process that survives SIGKILL.
    fn give_up(&mut self, id: JobId, process: Process, pid: Pid) {
        self.log(Notice::GivenUp { job: id, process, pid });
        self.forget_process(id, process);
        if process == Process::Main
            && let Some(job) = self.jobs.get_mut(id)
        {
            // Processes that still live are logged, and not waited for.
            job.strikes = STRIKES + 1;
            return self.survey(id, SurveyReason::Ended(pid, crate::process::Exit::Unknown));
        }
        self.go_on(id);
    }

    /// Stops a job for a client, whatever the job waits for.
    pub(crate) fn force(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        (job.forced, job.killed, job.strikes) = (true, false, 0);
        self.set_goal(id, Goal::Stop);
        let retries = self.is_tried_again(id);
        let Some(job) = self.jobs.get_mut(id).filter(|job| job.waiting) else { return };
        match job.state.row().wait {
            _ if retries => self.go_on(id),
            Wait::Event => {
                // The event continues; the job does not wait for it any more.
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
}
