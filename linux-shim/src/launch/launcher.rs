//! From `Effect::Spawn` to a process: everything in its job file is looked up here.

use std::collections::VecDeque;
use std::fmt::Write;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::Epoll;
use uphold_core::conf::Console;
use uphold_core::{
    ClassId, Input, JobId, Launch, Pid, Priority, Process, SpawnError, SpawnStage, Supervisor, Variable,
};

use crate::capacity::TRACEES;
use crate::conf::programs::Programs;
use crate::conf::settings::{Preparation, Settings, TextSetting};
use crate::containment::cgroup::Cgroups;
use crate::containment::job_processes::Containment;
use crate::descriptors::{MayBeShort, note_lack};
use crate::kernel::error::may_pass;
use crate::launch::preparation;
use crate::launch::spawn::{Failed, Plan, Spawner};
use crate::output::job_log::JobLogs;
use crate::output::message_log::MessageLog;
use crate::pending::PendingInput;
use crate::readiness::channel::NotifyChannel;
use crate::readiness::daemons::Daemons;
use crate::watch::trace::Tracer;

fn failed(stage: SpawnStage, errno: Errno) -> Failed {
    Failed::from(SpawnError { stage, code: errno as i32 })
}

/// The parts of the shim that a launch needs.
pub(crate) struct Launcher<'l> {
    pub(crate) log: &'l mut MessageLog,
    pub(crate) programs: &'l Programs,
    pub(crate) epoll: &'l Epoll,
    /// Whether this supervises a session.
    pub(crate) user: bool,
    pub(crate) job_logs: Option<&'l mut JobLogs>,
    pub(crate) spawner: &'l mut Spawner,
    pub(crate) groups: Option<&'l mut Cgroups>,
    pub(crate) containment: &'l mut Containment,
    pub(crate) daemons: &'l mut Daemons,
    pub(crate) warned: &'l mut Warned,
    pub(crate) tracer: &'l mut Tracer<TRACEES>,
    /// Inputs that are delivered later.
    pub(crate) pending: &'l mut VecDeque<PendingInput>,
    /// The launches that have failed, which are delivered later still.
    pub(crate) failures: &'l mut VecDeque<PendingInput>,
}

impl Launcher<'_> {
    /// Makes a process of a job.
    pub(crate) fn spawn(
        &mut self,
        supervisor: &Supervisor<'_>,
        job: JobId,
        process: Process,
        launch: Launch,
    ) -> Input<'static> {
        let launched = self.launch(supervisor, job, process, launch);
        match launched {
            Ok(pid) if process == Process::Main => self.daemons.launched(job, pid),
            Err(_) if process == Process::Main => self.daemons.forget(job),
            _ => {}
        }
        match launched {
            Ok(pid) => {
                if launch.trace {
                    self.tracer.expect(pid);
                } else {
                    self.pending.push_back(PendingInput::Executed(pid));
                }
                Input::Spawned { job, process, pid }
            }
            Err(Failed { pid: None, error }) => {
                Input::SpawnFailed { job, process, pid: None, error, passing: may_pass(Errno::from_raw(error.code)) }
            }
            Err(Failed { pid: Some(pid), error }) => {
                // The new process may lack a resource because of the job's own limits.
                let class = supervisor.class_of(job);
                let limited = class.is_some_and(|class| !self.programs.settings(class).limits().is_empty());
                let passing = !limited && may_pass(Errno::from_raw(error.code));
                self.failures.push_back(PendingInput::Failed { job, process, pid, error, passing });
                Input::Spawned { job, process, pid }
            }
        }
    }

    fn launch(
        &mut self,
        supervisor: &Supervisor<'_>,
        job: JobId,
        process: Process,
        Launch { first, confine, trace, contain }: Launch,
    ) -> Result<Pid, Failed> {
        let class = supervisor.class_of(job).ok_or_else(|| failed(SpawnStage::Execute, Errno::ENOENT))?;
        if trace && !self.tracer.has_room() {
            return Err(failed(SpawnStage::Trace, Errno::EAGAIN));
        }
        let channel = self.add_variables(supervisor, job, process, class)?;
        let command =
            self.programs.command(class, process).ok_or_else(|| failed(SpawnStage::Execute, Errno::ENOENT))?;
        let settings = self.programs.settings(class);
        let mut cgroup = None;
        if let (Some(group), Some(groups)) = (settings.group(), self.groups.as_deref_mut()) {
            groups.await_reports(self.epoll);
            cgroup = groups.prepare(group, |name| self.spawner.value(name)).map_err(Failed::from)?;
            if cgroup.is_none() && !std::mem::replace(&mut self.warned.groups, true) {
                self.log.warn(format_args!("cgroup stanzas have no effect: cgroup version 2 is not mounted"));
            }
        }
        let mut helpers = [None; 2];
        let needs_help =
            [Preparation::Profile, Preparation::Files].iter().any(|&which| !settings.preparation(which).is_empty());
        if needs_help && first {
            let missing;
            (helpers, missing) = preparation::helpers(settings).map_err(Failed::from)?;
            if missing && !std::mem::replace(&mut self.warned.files, true) {
                self.log.warn(format_args!("tmpfiles stanzas have no effect: systemd-tmpfiles is not installed"));
            }
        }
        let switches = confine && settings.get(TextSetting::Profile).is_some();
        let confined = switches && preparation::apparmor_is_on().map_err(Failed::from)?;
        let logs = self.job_logs.as_deref_mut().filter(|_| settings.console == Console::Log);
        let terminal = logs.and_then(|logs| match logs.open(job) {
            Ok(terminal) => Some(terminal),
            // A job without a log is better than no job.
            Err(errno) if errno.is_short() => {
                note_lack();
                None
            }
            // The message is the original's.
            Err(errno) => {
                self.log.error(format_args!("Failed to create pty - disabling logging for job"));
                self.log.warn(format_args!("Temporary process spawn error: {}", errno.desc()));
                None
            }
        });
        let birthplace = match process {
            Process::Main => self.containment.launching(job, contain && cgroup.is_none()),
            _ => None,
        };
        let plan = Plan {
            command,
            settings,
            log: terminal.as_ref().map(|(_, end)| end.as_fd()),
            ready: channel.pipe.as_ref().map(|(end, number)| (end.as_fd(), i32::from(*number))),
            watched: channel.watched,
            trace,
            stop_before_exec: settings.debug && self.log.is_heard(Priority::Debug),
            helpers,
            confined,
            cgroup,
            birthplace: birthplace.as_ref().map(AsFd::as_fd),
            system_mode: !self.user,
        };
        let launched = self.spawner.launch(&plan);
        if let Ok(pid) = launched {
            let inside = birthplace.is_some() && self.spawner.outside().is_none();
            self.containment.launched(job, process, pid, inside);
        }
        if let (Some((index, _)), Some(logs)) = (terminal, self.job_logs.as_deref_mut()) {
            match launched {
                Ok(pid) => logs.started(index, pid),
                Err(_) => logs.cancel(index),
            }
        }
        launched
    }

    /// Adds the variables of a process, and gives a main process the means to report that it is ready.
    fn add_variables(
        &mut self,
        supervisor: &Supervisor<'_>,
        job: JobId,
        process: Process,
        class: ClassId,
    ) -> Result<NotifyChannel, Failed> {
        self.spawner.begin();
        let settings = (process == Process::Main).then(|| self.programs.settings(class));
        let readiness = settings.and_then(Settings::readiness);
        let channel = match settings {
            Some(_) => self.daemons.prepare(job, readiness, self.epoll),
            None => Ok(NotifyChannel::default()),
        };
        let channel = channel.map_err(|errno| failed(SpawnStage::Pipe, errno))?;
        let address = channel.variable();
        for Variable(name, value) in supervisor.environment(job, process) {
            if address.is_none() || !OWN_VARIABLES.iter().any(|own| name.starts_with(own)) {
                self.spawner.variable(&[name, value]);
            }
        }
        if let Some(variable) = &address {
            self.spawner.variable(&[variable.as_bytes()]);
        }
        let (Some(settings), Some(readiness)) = (settings, readiness) else { return Ok(channel) };
        if readiness.watchdog > 0 {
            let mut microseconds = heapless::String::<20>::new();
            // Twenty digits are enough for any such number.
            write!(microseconds, "{}", u64::from(readiness.watchdog) * 1_000_000).unwrap_or_default();
            self.spawner.variable(&[b"WATCHDOG_USEC=", microseconds.as_bytes()]);
        }
        self.daemons.look_at_file(job, settings, !self.user, |name| self.spawner.value(name));
        Ok(channel)
    }
}

/// Variables that only the supervisor sets for a process that reports to it.
pub(crate) const OWN_VARIABLES: [&[u8]; 3] = [b"NOTIFY_SOCKET=", b"WATCHDOG_USEC=", b"WATCHDOG_PID="];

/// The warnings that were logged, and are not logged again.
#[derive(Default)]
pub(crate) struct Warned {
    groups: bool,
    files: bool,
}
