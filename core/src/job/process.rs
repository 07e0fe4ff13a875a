//! Live processes: how they are ordered, which job a process id belongs to, which process is a job's main one, and
//! signals to it.

use crate::effect::{Effect, Launch, Scope};
use crate::expect::Expect;
use crate::ids::{JobId, ProcessId};
use crate::limits::ADOPTION_SECONDS;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::records::class::Learning;
use crate::records::job::Tracing;
use crate::records::process::{LiveProcess, hash};
use crate::signal::Signal;
use crate::tables::expect::Stage;

impl Supervisor<'_> {
    /// The `expect` by which a job is followed: the file's, unless that needs a trace which the world refuses. Then the
    /// process that takes the place of the launched one is recognised as for `expect auto`. A launch that is traced to
    /// learn is followed over as many forks as any stanza counts.
    pub(crate) fn expects(&self, id: JobId) -> Expect {
        let Some(job) = self.jobs.get(id) else { return Expect::None };
        let Some(class) = self.classes.get(job.class) else { return Expect::None };
        match job.follow.tracing {
            Tracing::Refused if job.pid(Process::Main) != job.follow.launched => Expect::Auto,
            Tracing::Learning => Expect::Daemon,
            Tracing::Refused | Tracing::Declared => class.expect,
        }
    }

    /// Orders a process of a job, if its class has it; false if not.
    pub(crate) fn run(&mut self, id: JobId, process: Process) -> bool {
        let Some(job) = self.jobs.get_mut(id) else { return false };
        let Some(class) = self.classes.get(job.class) else { return false };
        if !class.has(process) {
            return false;
        }
        let main = process == Process::Main;
        if main {
            job.follow.stage = Stage::Launched;
            job.follow.tracing = match job.follow.tracing {
                Tracing::Refused => Tracing::Refused,
                _ if class.learning == Learning::Wanted && !self.globals.strict => Tracing::Learning,
                _ => Tracing::Declared,
            };
        }
        let traced = class.expect.traces() || job.follow.is_learning();
        let launch = Launch {
            first: process == Process::PreStart || (main && !class.has(Process::PreStart)),
            confine: main,
            trace: main && traced && !job.follow.is_refused(),
            contain: main && class.is_contained(),
        };
        self.order(Effect::Spawn { job: id, process, launch });
        true
    }

    /// Makes another process the main one.
    pub(crate) fn take_over(&mut self, id: JobId, old: Pid, new: Pid) {
        self.forget_process(id, Process::Main);
        self.remember_process(id, Process::Main, new);
        self.order(Effect::Watch { pid: new, instead_of: old });
        self.refresh(id);
    }

    /// A process has just been found to be the daemon.
    pub(crate) fn refresh(&mut self, id: JobId) {
        let until = self.now.after_seconds(ADOPTION_SECONDS);
        if let Some(job) = self.jobs.get_mut(id) {
            job.follow.fresh_until = until;
        }
    }

    /// Sends every process of a job a signal, and logs it.
    pub(crate) fn sweep(&mut self, id: JobId, pid: Pid, signal: Signal) {
        self.log(Notice::Signalling { job: id, process: Process::Main, pid, signal });
        self.order(Effect::Sweep { job: id, signal });
    }

    /// Whether the signals that end a main process go to every process of its job, and all have to end with it: if the
    /// file wants it so, or if processes were adopted or may be the daemon, since they may be spread over several
    /// groups.
    pub(crate) fn ends_all(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        job.follow.repaired || job.follow.loose || self.has_wide_scope(id)
    }

    /// Whether every process of a job that is being stopped has to end.
    pub(crate) fn must_end(&self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let certain = job.follow.loose || self.has_wide_scope(id);
        certain || ((job.forced || job.follow.repaired) && !self.globals.strict)
    }

    /// Whether the file has `kill scope job`.
    pub(crate) fn has_wide_scope(&self, id: JobId) -> bool {
        self.jobs.get(id).and_then(|job| self.classes.get(job.class)).is_some_and(|class| class.kill_job)
    }

    /// Sends a signal that ends a process to a main process's group, or to every process of the job, and logs it. A
    /// stopped process takes it only when it continues, except for SIGKILL.
    pub(crate) fn signal_main(&mut self, job: JobId, pid: Pid, signal: Signal) {
        let all = self.ends_all(job);
        if all {
            self.sweep(job, pid, signal);
        } else {
            self.log(Notice::Signalling { job, process: Process::Main, pid, signal });
            self.order(Effect::Signal { pid, signal, scope: Scope::Group });
        }
        if signal != Signal::KILL {
            self.order(Effect::Wake { job, pid, all });
        }
    }

    fn running_id(&self, pid: Pid) -> Option<ProcessId> {
        self.pid_index.find(&self.processes, hash(pid), |running| running.pid == pid)
    }

    /// The job and the process that a process id belongs to.
    pub fn owner(&self, pid: Pid) -> Option<(JobId, Process)> {
        self.running_id(pid).and_then(|id| self.processes.get(id)).map(|running| (running.job, running.process))
    }

    /// Every live process of every job, as far as the inputs tell.
    pub fn processes(&self) -> impl Iterator<Item = (JobId, Process, Pid)> + '_ {
        let live = self.processes.ids().filter_map(|id| self.processes.get(id));
        live.map(|running| (running.job, running.process, running.pid))
    }

    pub(crate) fn remember_process(&mut self, id: JobId, process: Process, pid: Pid) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.set_pid(process, Some(pid));
        // There is room: a job has at most two live processes.
        if let Ok(running) = self.processes.insert(LiveProcess { pid, job: id, process, chain: None }) {
            self.pid_index.insert(&mut self.processes, running);
        }
    }

    pub(crate) fn forget_process(&mut self, id: JobId, process: Process) {
        let Some(pid) = self.jobs.get_mut(id).and_then(|job| job.set_pid(process, None)) else { return };
        if let Some(running) = self.running_id(pid) {
            self.pid_index.remove(&mut self.processes, running);
            self.processes.remove(running);
        }
    }
}
