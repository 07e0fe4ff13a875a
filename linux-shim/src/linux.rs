//! One arm per effect. There is no rule about jobs here: what an effect is for is the core's business.

use std::collections::VecDeque;
use std::fmt::Arguments;
use std::path::Path;

use nix::errno::Errno;
use uphold_core::bytes::Show;
use uphold_core::{ClientId, Effect, Input, JobId, Launch, Notice, Pid, Process, Scope, Signal, Supervisor};

use crate::capacity::{FIRST_PAUSE, LACK_SECONDS, LONGEST_PAUSE, READY, SURVIVORS, TRACEES};
use crate::clients::client_table::Frames;
use crate::clients::control_socket::ControlSocket;
use crate::clients::system_socket::SystemSocket;
use crate::clock::{Retry, Trouble, now};
use crate::conf::conf_dir::ConfDir;
use crate::conf::job_file::Loading;
use crate::conf::programs::Programs;
use crate::containment::cgroup::Cgroups;
use crate::containment::job_processes::Containment;
use crate::containment::left_behind::LeftBehind;
use crate::containment::process::ClaimedName;
use crate::containment::survey::Survey;
use crate::containment::unseen::Unseen;
use crate::history::History;
use crate::keep::first_steps;
use crate::keep::keeper::Keep;
use crate::keep::stops::{let_go_on, note_stops};
use crate::keep::taken::{Legacy, Taker};
use crate::kernel;
use crate::kernel::error;
use crate::launch::launcher::{Launcher, Warned};
use crate::launch::open_files::OpenFiles;
use crate::launch::spawn::Spawner;
use crate::output::job_log::JobLogs;
use crate::output::login_records;
use crate::output::message_log::MessageLog;
use crate::pending::PendingInput;
use crate::readiness::daemons::Daemons;
use crate::readiness::pid_file::value_of;
use crate::watch::exits::watch;
use crate::watch::pidfd::Watches;
use crate::watch::proc_stat::stands_still;
use crate::watch::reap::ChildChange;
use crate::watch::signals::Supervised;
use crate::watch::trace::Tracer;
use crate::watch::wait::{Source, Wait};

/// Everything the supervisor holds from the kernel: descriptors, tracees, pidfds, logs.
pub struct Linux {
    /// The log of messages.
    pub log: MessageLog,
    /// The programs of the classes.
    pub programs: Programs,
    /// The directories of job files.
    pub conf: ConfDir,
    /// The control socket and its clients.
    pub control: ControlSocket,
    /// The epoll, and what it waits for.
    pub wait: Wait,
    /// The thing that this supervises.
    pub(crate) supervised: Supervised,
    /// The socket of a system's supervisor.
    pub(crate) socket: Option<SystemSocket>,
    pub(crate) job_logs: Option<JobLogs>,
    pub(crate) open_files: Option<OpenFiles>,
    pub(crate) spawner: Spawner,
    /// The control groups of `cgroup` stanzas, if jobs get any.
    pub(crate) groups: Option<Cgroups>,
    /// The processes that belong to each job.
    pub(crate) containment: Containment,
    /// Processes that outlived their job's main process.
    pub(crate) left_behind: LeftBehind,
    /// The notifications of main processes.
    pub(crate) daemons: Daemons,
    pub(crate) warned: Warned,
    pub(crate) tracer: Tracer<TRACEES>,
    /// Processes that another process may reap.
    pub(crate) watches: Watches,
    /// The clients that asked for a re-exec; empty if a signal did. `None` without a request.
    pub(crate) restart: Option<Vec<ClientId>>,
    /// Inputs that are known already; they come before all others.
    pub(crate) ready: VecDeque<PendingInput>,
    /// Launches that have failed. Each is a turn of its own, after a look at everything else: jobs that start each
    /// other by failing must not keep the supervisor busy.
    pub(crate) failures: VecDeque<PendingInput>,
    /// Whether everything else had its turn since the last failure was delivered.
    pub(crate) looked: bool,
    /// The number of changes of children that may still be delivered before other sources get their turn.
    pub(crate) children: usize,
    /// The exit of a process whose last notifications are delivered first.
    pub(crate) held: Option<ChildChange>,
    /// Whether there may be changes of children that were not fetched yet.
    pub(crate) more_children: bool,
    /// When the supervisor tries again what the kernel has refused.
    pub(crate) repairs: Retry,
    /// Whether the kernel did not let the supervisor wait the last time.
    pub(crate) is_blind: bool,
    /// Whether it was logged that processes cannot be seen.
    unseen: Unseen,
    /// Whether it was logged that descriptors are too few.
    pub(crate) lack: Trouble,
    ended: bool,
    /// The history of jobs.
    pub(crate) history: History,
    /// The rest of a supervisor that was killed.
    pub(crate) legacy: Legacy,
    /// Whether the supervisor's state has changed otherwise than by an input.
    pub(crate) has_changed: bool,
}

/// Whether a job has this name.
pub(crate) fn is_called(supervisor: &Supervisor<'_>, job: JobId, [name, instance]: &ClaimedName) -> bool {
    let class = supervisor.class_of(job);
    class.is_some_and(|class| supervisor.class_name(class) == name) && supervisor.instance_name(job) == instance
}

impl Linux {
    /// Everything except the descriptors of the configuration directories and sockets, which are opened later.
    pub fn new(
        supervised: Supervised,
        log: MessageLog,
        programs: Programs,
        conf: ConfDir,
        job_logs: Option<JobLogs>,
        (wait, spawner, frames): (Wait, Spawner, &'static mut Frames),
    ) -> Box<Self> {
        let mut linux = Box::new(Linux {
            log,
            programs,
            conf,
            control: ControlSocket::new(frames),
            wait,
            supervised,
            socket: None,
            job_logs,
            open_files: spawner.open_files(),
            spawner,
            groups: None,
            containment: Containment::new(),
            left_behind: LeftBehind::new(),
            daemons: Daemons::new(),
            warned: Warned::default(),
            tracer: Tracer::new(),
            watches: Watches::new(),
            restart: None,
            ready: VecDeque::with_capacity(READY),
            failures: VecDeque::with_capacity(READY),
            looked: false,
            children: 0,
            held: None,
            more_children: true,
            repairs: Retry::new(FIRST_PAUSE, LONGEST_PAUSE),
            is_blind: false,
            unseen: Unseen::default(),
            lack: Trouble::new(LACK_SECONDS),
            ended: false,
            history: History::new(),
            legacy: Legacy::default(),
            has_changed: false,
        });
        if linux.await_outputs().is_err() {
            linux.repairs.plan();
        }
        linux
    }

    /// Waits for the output of jobs.
    ///
    /// # Errors
    /// The kernel has no memory for it now.
    pub(crate) fn await_outputs(&self) -> nix::Result<()> {
        self.job_logs.as_ref().map_or(Ok(()), |logs| self.wait.watch(logs.descriptor(), Source::JobLogs))
    }

    /// Gives jobs the control groups of their `cgroup` stanzas, and each main process one by which it is known.
    /// `home` is the place of the groups of a killed supervisor, which are used on.
    pub fn use_groups(&mut self, home: Option<&Path>) {
        self.containment.use_groups(home);
        self.groups.insert(Cgroups::new()).await_reports(&self.wait.epoll);
    }

    /// Whether this supervises a session.
    pub(crate) fn is_session(&self) -> bool {
        self.supervised == Supervised::Session
    }

    /// Whether the supervisor has ended.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the program is to be re-executed, and every known input has been delivered.
    pub fn is_to_restart(&self) -> bool {
        self.restart.is_some()
            && self.ready.is_empty()
            && self.failures.is_empty()
            && self.held.is_none()
            && !self.daemons.has_message()
    }

    /// Carries out an effect.
    pub fn perform(&mut self, supervisor: &mut Supervisor<'_>, keep: &mut Keep, effect: Effect) -> Option<Input<'_>> {
        match effect {
            Effect::Spawn { job, process, launch } => {
                return Some(self.spawn(supervisor, keep, (job, process, launch)));
            }
            Effect::Signal { pid, signal, scope } => {
                if scope == Scope::Group {
                    self.containment.note_descent(pid, &|job, named| is_called(supervisor, job, named));
                }
                return self.signal(pid, signal, scope);
            }
            Effect::Follow { pid } => {
                let there = self.tracer.follow(pid);
                self.check_trace(pid, there);
            }
            Effect::Resume { pid, signal } => {
                let there = self.tracer.resume(pid, signal);
                self.check_trace(pid, there);
            }
            Effect::Detach { pid, signal } => {
                let there = self.tracer.detach(pid, signal);
                if self.legacy.is_there && there == Ok(false) {
                    let_go_on(&self.watches, pid);
                }
                self.check_trace(pid, there);
            }
            Effect::Release { pid } => {
                let there = self.tracer.release(pid);
                if self.legacy.is_there && !self.tracer.knows(pid) {
                    let_go_on(&self.watches, pid);
                }
                self.check_trace(pid, there);
            }
            Effect::Watch { pid, instead_of } => {
                if let Some(logs) = &mut self.job_logs {
                    logs.forked(instead_of, pid);
                }
                if let Some((job, _)) = supervisor.owner(pid) {
                    self.containment.executables.expect(now(), job, pid);
                }
                return watch(pid, &mut self.tracer, &mut self.watches, &self.wait.epoll, now(), &mut self.log);
            }
            Effect::Survey { job, anywhere } => return Some(self.survey(supervisor, job, anywhere)),
            Effect::Sweep { job, signal } => {
                self.containment.sweep(job, signal, &|job, named| is_called(supervisor, job, named));
            }
            Effect::Wake { job, pid, all } => self.wake(supervisor, job, pid, all),
            Effect::Report { job } => self.report(supervisor, job),
            Effect::Rested { job } => {
                self.containment.rested(job);
                self.daemons.forget(job);
            }
            Effect::Reply { client, answer } => {
                self.control.reply(client, &supervisor.reply(answer), &self.wait.epoll);
            }
            Effect::Log(notice) => {
                if let Notice::ProcessEnded { pid, .. } = notice {
                    login_records::mark_dead(pid);
                }
                self.history.note(supervisor, &notice, now());
                self.control.tell(supervisor, notice, now(), &self.wait.epoll);
                let (priority, words) = supervisor.message(notice, error::explain);
                self.log.say(priority, format_args!("{words}"));
            }
            Effect::Retired(class) => self.programs.retire(class),
            Effect::Ended => self.ended = true,
        }
        None
    }

    fn spawn(
        &mut self,
        supervisor: &mut Supervisor<'_>,
        keep: &mut Keep,
        (job, process, launch): (JobId, Process, Launch),
    ) -> Input<'static> {
        if let Some(pid) = self.taker().take_stray(supervisor, (job, process, launch)) {
            if launch.trace && !self.legacy.is_there {
                first_steps::trace_on(pid, &mut self.tracer);
            }
            return Input::Spawned { job, process, pid };
        }
        self.make_room_for(job, supervisor);
        let input = self.launcher().spawn(supervisor, job, process, launch);
        if let Input::Spawned { pid, .. } = input {
            if launch.contain {
                self.containment.executables.expect(now(), job, pid);
            }
            if let Some(exit) = self.watches.take_exit(pid) {
                keep.handle(supervisor, now(), Input::Exited { pid, exit });
            }
        }
        input
    }

    fn wake(&mut self, supervisor: &Supervisor<'_>, job: JobId, pid: Pid, all: bool) {
        if all {
            self.containment.wake(job, &|job, named| is_called(supervisor, job, named));
        } else if stands_still(pid) {
            // A program that is not stopped would see a SIGCONT that the original does not send. One that must not be
            // signalled was reported for the signal before.
            self.watches.signal_group(pid, Signal::CONT).map(drop).unwrap_or_default();
        }
    }

    /// The parts by which processes of a killed supervisor are taken over.
    pub(crate) fn taker(&mut self) -> Taker<'_> {
        Taker {
            log: &mut self.log,
            programs: &self.programs,
            containment: &mut self.containment,
            daemons: &mut self.daemons,
            watches: &mut self.watches,
            epoll: &self.wait.epoll,
            ready: &mut self.ready,
            legacy: &mut self.legacy,
        }
    }

    fn launcher(&mut self) -> Launcher<'_> {
        Launcher {
            log: &mut self.log,
            programs: &self.programs,
            epoll: &self.wait.epoll,
            user: self.supervised == Supervised::Session,
            job_logs: self.job_logs.as_mut(),
            spawner: &mut self.spawner,
            groups: self.groups.as_mut(),
            containment: &mut self.containment,
            daemons: &mut self.daemons,
            warned: &mut self.warned,
            tracer: &mut self.tracer,
            pending: &mut self.ready,
            failures: &mut self.failures,
        }
    }

    /// The process that a job's `pid file` names, if the file was written since the main process was launched. Whether
    /// the process exists, and to which job it belongs, is checked by the caller.
    pub fn named_pid(&self, supervisor: &Supervisor<'_>, job: JobId) -> Option<Pid> {
        let settings = self.programs.settings(supervisor.class_of(job)?);
        self.daemons.named_pid(job, settings, !self.is_session(), |name| value_of(supervisor, job, name))
    }

    fn survey(&mut self, supervisor: &Supervisor<'_>, job: JobId, anywhere: bool) -> Input<'_> {
        let named = self.named_pid(supervisor, job);
        let is_called = |job, named: &ClaimedName| is_called(supervisor, job, named);
        let Survey { survivors, unknown } = self.containment.survey(job, named, anywhere, &is_called);
        if survivors.len() == SURVIVORS {
            let name = supervisor.class_of(job).map_or(&[][..], |class| supervisor.class_name(class));
            self.log.warn(format_args!("{} has more than {SURVIVORS} processes", Show(name)));
        }
        self.unseen.note(now(), unknown, &mut self.log);
        if self.legacy.is_there {
            note_stops(supervisor, survivors, &mut self.ready);
        }
        Input::Survivors { job, survivors, complete: unknown.is_none() }
    }

    /// Notes that a main process has exited, for the log: the search for the processes that it has left comes at the
    /// end of the turn.
    fn report(&mut self, supervisor: &Supervisor<'_>, job: JobId) {
        self.make_room_for(job, supervisor);
        let class = supervisor.class_of(job).map_or(&[][..], |class| supervisor.class_name(class));
        self.containment.leaves(job, class, supervisor.instance_name(job));
    }

    /// Looks now for what jobs have left if that cannot wait for the end of the turn.
    fn make_room_for(&mut self, job: JobId, supervisor: &Supervisor<'_>) {
        if self.containment.must_look_before(job) {
            self.look_for_leavings(true, supervisor);
        }
    }

    /// Looks for what jobs have left.
    pub(crate) fn look_for_leavings(&mut self, forced: bool, supervisor: &Supervisor<'_>) {
        let Linux { containment, left_behind, log, unseen, .. } = self;
        let (now, is_called) = (now(), |job, named: &ClaimedName| is_called(supervisor, job, named));
        let seen = containment.look_for_leavings(now, forced, &is_called, |left| left_behind.note(now, &left, log));
        if let Err(errno) = seen {
            unseen.note(now, Some(errno), log);
        }
    }

    fn signal(&mut self, pid: Pid, signal: Signal, scope: Scope) -> Option<Input<'static>> {
        let sent = match scope {
            Scope::Process => self.watches.signal(pid, signal),
            Scope::Group => self.watches.signal_group(pid, signal),
        };
        match sent {
            Ok(true) if signal == Signal::CONT && kernel::process::continues(pid) => Some(Input::Continued { pid }),
            Ok(true) => None,
            Ok(false) => Some(Input::Gone { pid }),
            Err(errno) => {
                self.log.warn(format_args!("Unable to signal process ({pid}): {}", errno.desc()));
                None
            }
        }
    }

    /// A tracee that is gone needs no order: its exit is reported.
    pub(crate) fn check_trace(&mut self, pid: Pid, there: Result<bool, Errno>) {
        if let Err(errno) = there {
            self.log.warn(format_args!("Unable to trace process ({pid}): {}", errno.desc()));
        }
    }

    /// Lets the configuration directories change the jobs.
    pub fn configuration(
        &mut self,
        supervisor: &mut Supervisor<'_>,
        change: impl FnOnce(&mut ConfDir, &mut Loading<'_, '_>),
    ) {
        self.has_changed = true;
        let Linux { log, programs, conf, wait, .. } = self;
        let mut effects = Vec::new();
        conf.await_changes(|changes| wait.watch(changes, Source::Configuration).is_ok());
        change(conf, &mut Loading { supervisor, programs, log, effects: &mut effects });
        conf.plan();
        for effect in effects {
            // Nothing is kept until the next checkpoint.
            if let Some(input) = self.perform(supervisor, &mut Keep::off(), effect) {
                supervisor.handle(now(), input);
            }
        }
    }

    /// Listens again at the system's socket if its path does not lead to this process any more.
    pub(crate) fn reopen_socket(&mut self) -> std::io::Result<()> {
        let Linux { socket, control, wait, .. } = self;
        let Some(socket) = socket else { return Ok(()) };
        socket.watch_mounts(wait);
        let reopened = socket.reopen(control, &wait.epoll);
        if let Err(problem) = &reopened
            && error::may_pass(error::errno(problem))
        {
            self.repairs.plan();
        }
        reopened
    }

    /// Logs an error.
    pub fn error(&mut self, text: Arguments<'_>) {
        self.log.error(text);
    }
}
