//! One arm per effect, and one input at a time. No rule about jobs: what an effect is for is the core's business.

use std::collections::VecDeque;
use std::fmt::Arguments;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use uphold_core::bytes::{Show, Strings};
use uphold_core::effect::{Effect, Scope};
use uphold_core::input::Input;
use uphold_core::notice::Notice;
use uphold_core::process::{Exit, Pid, Process, SpawnError};
use uphold_core::signal::Signal;
use uphold_core::storage::{ClientId, JobId};
use uphold_core::supervisor::Supervisor;
use uphold_core::time::Instant;

use crate::capacity::{CHILDREN_AT_ONCE, READY, SPAWN_ROOM, SURVIVORS, TRACEES};
use crate::cgroup::Groups;
use crate::conf_dir::{ConfDir, Target};
use crate::containment::{Containment, Named};
use crate::control_socket::{Asked, ControlSocket};
use crate::error;
use crate::job_log::JobLogs;
use crate::kernel;
use crate::launch::{Told, Wanted};
use crate::left_behind::LeftBehind;
use crate::login_records;
use crate::message_log::MessageLog;
use crate::pidfd::Watches;
use crate::programs::Programs;
use crate::questions::Knowledge;
use crate::readiness::Daemons;
use crate::reap::{Change, Kind, Trap};
use crate::resources::OpenFiles;
use crate::signals::{self, Meaning};
use crate::spawn::Spawner;
use crate::trace::Tracer;
use crate::wait::{Source, Wait, now};

/// What the supervisor has of Linux.
pub struct Linux {
    /// Who hears what is said.
    pub log: MessageLog,
    /// What the classes' processes run.
    pub programs: Programs,
    /// Where job files are.
    pub conf: ConfDir,
    /// Where clients come in.
    pub control: ControlSocket,
    /// What is waited for.
    pub wait: Wait,
    /// Whether this is a session's supervisor.
    pub(crate) user: bool,
    pub(crate) job_logs: Option<JobLogs>,
    pub(crate) open_files: Option<OpenFiles>,
    pub(crate) spawner: Spawner,
    /// Control groups, if jobs are to have any.
    pub(crate) groups: Option<Groups>,
    /// Which processes belong to which job.
    pub(crate) containment: Containment,
    /// Processes that their job's end has left.
    pub(crate) left_behind: LeftBehind,
    /// What the main processes of jobs say of themselves.
    pub(crate) daemons: Daemons,
    pub(crate) told: Told,
    pub(crate) tracer: Tracer<TRACEES>,
    /// The processes that others may reap.
    pub(crate) watches: Watches,
    /// Who asked for the program to be run anew; empty if a signal did.
    pub(crate) restart: Option<Vec<ClientId>>,
    /// Inputs that are known already; they go before everything else.
    pub(crate) ready: VecDeque<Known>,
    /// How many changes of children may still be delivered before the others get their turn.
    pub(crate) children: usize,
    /// An end that is told when the last words of the process are.
    held: Option<Change>,
    /// Whether there may be changes of children that were not fetched yet.
    pub(crate) more_children: bool,
    ended: bool,
}

/// An input that is known before its turn: small, for there is one for each process that an event starts.
pub(crate) enum Known {
    Executed(Pid),
    Failed { job: JobId, process: Process, pid: Pid, error: SpawnError },
    Forked { parent: Pid, child: Pid },
}

impl Known {
    fn input(self) -> Input<'static> {
        match self {
            Known::Executed(pid) => Input::Executed { pid },
            Known::Failed { job, process, pid, error } => Input::SpawnFailed { job, process, pid: Some(pid), error },
            Known::Forked { parent, child } => Input::Forked { parent, child },
        }
    }
}

const _: () = assert!(size_of::<Known>() <= 24);

/// An input that was found, without the text that it may carry.
enum Found {
    Input(Input<'static>),
    Command(usize),
    Word,
}

/// Whether a job is called so.
fn is_called(supervisor: &Supervisor<'_>, job: JobId, [name, instance]: &Named) -> bool {
    let class = supervisor.class_of(job);
    class.is_some_and(|class| supervisor.class_name(class) == name) && supervisor.instance_name(job) == instance
}

impl Linux {
    /// Everything but the configuration directories' and the sockets' descriptors, which come when they are opened.
    pub fn new(
        user: bool,
        log: MessageLog,
        programs: Programs,
        conf: ConfDir,
        job_logs: Option<JobLogs>,
    ) -> nix::Result<Box<Self>> {
        let wait = Wait::new()?;
        if let Some(logs) = &job_logs {
            wait.watch(logs.descriptor(), Source::JobLogs)?;
        }
        if let Some(descriptor) = conf.descriptor() {
            wait.watch(descriptor, Source::Configuration)?;
        }
        let open_files = OpenFiles::raise();
        Ok(Box::new(Linux {
            log,
            programs,
            conf,
            control: ControlSocket::new(),
            wait,
            user,
            job_logs,
            open_files,
            spawner: Spawner::new(SPAWN_ROOM, open_files)?,
            groups: None,
            containment: Containment::new(),
            left_behind: LeftBehind::new(),
            daemons: Daemons::new(),
            told: Told::default(),
            tracer: Tracer::new(),
            watches: Watches::new(),
            restart: None,
            ready: VecDeque::with_capacity(READY),
            children: 0,
            held: None,
            more_children: true,
            ended: false,
        }))
    }

    /// Gives jobs the control groups that they ask for, and each main process one to be known by.
    pub fn use_groups(&mut self) -> nix::Result<()> {
        self.containment.use_groups();
        let groups = Groups::new();
        if let Some(descriptor) = groups.descriptor() {
            self.wait.watch(descriptor, Source::Groups)?;
        }
        self.groups = Some(groups);
        Ok(())
    }

    /// Whether everything has ended that was to end.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether the program is to be run anew, and nothing that is known is untold.
    pub fn is_to_restart(&self) -> bool {
        self.restart.is_some() && self.ready.is_empty() && self.held.is_none() && !self.daemons.has_words()
    }

    /// Does what the supervisor orders.
    pub fn perform(&mut self, supervisor: &mut Supervisor<'_>, effect: Effect) -> Option<Input<'_>> {
        match effect {
            Effect::Spawn { job, process, trace, contain } => {
                let input = self.spawn(supervisor, job, process, Wanted { trace, contain });
                if let Input::Spawned { pid, .. } = input
                    && let Some(exit) = self.old_end(pid)
                {
                    supervisor.handle(now(), Input::Exited { pid, exit });
                }
                return Some(input);
            }
            Effect::Signal { pid, signal, scope } => return self.signal(pid, signal, scope),
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
                self.check_trace(pid, there);
            }
            Effect::Release { pid } => {
                let there = self.tracer.release(pid);
                self.check_trace(pid, there);
            }
            Effect::Watch { pid, instead_of } => {
                if let Some(logs) = &mut self.job_logs {
                    logs.forked(instead_of, pid);
                }
                return self.watch(pid);
            }
            Effect::Survey { job, anywhere } => return Some(self.survey(supervisor, job, anywhere)),
            Effect::Sweep { job, signal } => {
                self.containment.sweep(job, signal, &|job, named| is_called(supervisor, job, named));
            }
            Effect::Report { job } => self.report(supervisor, job),
            Effect::Rested { job } => {
                self.containment.rested(job);
                self.daemons.forget(job);
            }
            Effect::Reply { client, answer } => {
                self.control.reply(client, &supervisor.reply(answer), &self.wait.epoll);
            }
            Effect::Say(notice) => {
                if let Notice::ProcessEnded { pid, .. } = notice {
                    login_records::mark_dead(pid);
                }
                let (priority, words) = supervisor.say(notice, error::explain);
                self.log.say(priority, format_args!("{words}"));
            }
            Effect::Retired(class) => self.programs.retire(class),
            Effect::Ended => self.ended = true,
        }
        None
    }

    fn survey(&mut self, supervisor: &Supervisor<'_>, job: JobId, anywhere: bool) -> Input<'_> {
        let named = self.named_pid(supervisor, job);
        let is_called = |job, named: &Named| is_called(supervisor, job, named);
        let survivors = self.containment.survey(job, named, anywhere, &is_called);
        if survivors.len() == SURVIVORS {
            let name = supervisor.class_of(job).map_or(&[][..], |class| supervisor.class_name(class));
            self.log.warn(format_args!("{} has more than {SURVIVORS} processes", Show(name)));
        }
        Input::Survivors { job, survivors }
    }

    /// Notes who lives of a job whose main process has ended.
    fn report(&mut self, supervisor: &Supervisor<'_>, job: JobId) {
        self.survey(supervisor, job, false);
        let class = supervisor.class_of(job).map_or(&[][..], |class| supervisor.class_name(class));
        let name = (class, supervisor.instance_name(job));
        self.left_behind.note(now(), name, self.containment.found(), &mut self.log);
    }

    fn signal(&mut self, pid: Pid, signal: Signal, scope: Scope) -> Option<Input<'static>> {
        let sent = match scope {
            Scope::Process => self.watches.signal(pid, signal),
            Scope::Group => self.watches.signal_group(pid, signal),
        };
        match sent {
            Ok(true) if signal == Signal::CONT && kernel::continues(pid) => Some(Input::Continued { pid }),
            Ok(true) => None,
            Ok(false) => Some(Input::Gone { pid }),
            Err(errno) => {
                self.log.warn(format_args!("Unable to signal process ({pid}): {}", errno.desc()));
                None
            }
        }
    }

    /// A tracee that is gone needs no order: its exit is told.
    fn check_trace(&mut self, pid: Pid, there: Result<bool, Errno>) {
        if let Err(errno) = there {
            self.log.warn(format_args!("Unable to trace process ({pid}): {}", errno.desc()));
        }
    }

    /// Waits for the next fact.
    pub fn wait_until(&mut self, deadline: Option<Instant>, supervisor: &mut Supervisor<'_>) -> nix::Result<Input<'_>> {
        self.control.input_taken();
        let found = loop {
            self.left_behind.tell(now(), &mut self.log);
            let deadline = [deadline, self.left_behind.deadline()].into_iter().flatten().min();
            if let Some(found) = self.find(deadline, supervisor)? {
                break found;
            }
            if self.is_to_restart() {
                break Found::Input(Input::Tick);
            }
        };
        Ok(match found {
            Found::Input(input) => input,
            // It was read a moment ago, so it can be read again.
            Found::Command(slot) => self.control.input(slot).unwrap_or(Input::Tick),
            Found::Word => self.daemons.told().map_or(Input::Tick, |(job, word)| Input::Told { job, word }),
        })
    }

    /// One turn: what is ready, then children, then the rest, each bounded.
    fn find(&mut self, deadline: Option<Instant>, supervisor: &mut Supervisor<'_>) -> nix::Result<Option<Found>> {
        if let Some(known) = self.ready.pop_front() {
            return Ok(Some(Found::Input(known.input())));
        }
        self.ready.clear();
        if self.daemons.take_word() {
            return Ok(Some(Found::Word));
        }
        if let Some(change) = self.held.take() {
            return Ok(self.heard_out(change, supervisor));
        }
        if self.children > 0 {
            self.children -= 1;
            match self.tracer.next_change() {
                Some(change) => return Ok(self.heard_out(change, supervisor)),
                None => (self.children, self.more_children) = (0, false),
            }
        }
        if let Some((source, flags)) = self.wait.next_event() {
            return Ok(self.happened(source, flags, supervisor));
        }
        if self.control.has_backlog() {
            let known = Knowledge { supervisor, threshold: self.log.threshold(), user: self.user };
            let asked = self.control.serve_backlog(known, &self.wait.epoll);
            if let Some(found) = self.asked(asked, supervisor) {
                return Ok(Some(found));
            }
        }
        let now = now();
        if deadline.is_some_and(|deadline| deadline <= now) {
            // The rest must not starve: it is looked at before the next deadline is.
            self.wait_for_more(now, Some(now))?;
            return Ok(Some(Found::Input(Input::Tick)));
        }
        let busy = (self.more_children || self.control.has_backlog()).then_some(now);
        self.wait_for_more(now, [busy, deadline].into_iter().flatten().min())?;
        Ok(None)
    }

    fn wait_for_more(&mut self, now: Instant, deadline: Option<Instant>) -> nix::Result<()> {
        self.children = if self.more_children { CHILDREN_AT_ONCE } else { 0 };
        if let Some(logs) = &mut self.job_logs {
            logs.tidy();
        }
        self.wait.wait(now, deadline)
    }

    fn happened(&mut self, source: Source, flags: EpollFlags, supervisor: &mut Supervisor<'_>) -> Option<Found> {
        match source {
            Source::Signals => return self.signalled(supervisor),
            Source::Configuration => {
                self.configuration(supervisor, |conf, target| conf.changed(target));
            }
            Source::JobLogs => {
                if let Some(logs) = &mut self.job_logs {
                    logs.readable(supervisor, &mut self.log);
                }
            }
            Source::Groups => {
                if let Some(groups) = &mut self.groups {
                    groups.changed();
                }
            }
            Source::Process(pid) => return self.watched_ended(pid, supervisor).map(Found::Input),
            Source::Message(index) => {
                let spoke = self.daemons.message(index, supervisor, &mut self.log);
                return (spoke && self.daemons.take_word()).then_some(Found::Word);
            }
            Source::Descriptor(index) => {
                let spoke = self.daemons.descriptor(index);
                return (spoke && self.daemons.take_word()).then_some(Found::Word);
            }
            Source::Listener(index) => self.control.accept(index as usize, now(), &self.wait.epoll),
            Source::Client(slot) => {
                let known = Knowledge { supervisor, threshold: self.log.threshold(), user: self.user };
                let asked = self.control.serve(slot as usize, flags, now(), known, &self.wait.epoll);
                return self.asked(asked, supervisor);
            }
        }
        None
    }

    fn asked(&mut self, asked: Asked, supervisor: &mut Supervisor<'_>) -> Option<Found> {
        match asked {
            Asked::Nothing => None,
            Asked::Command(slot) => Some(Found::Command(slot)),
            Asked::Hangup(client) => Some(Found::Input(Input::Hangup { client })),
            Asked::Errand(client, errand) => self.run_errand(client, errand, supervisor).map(Found::Input),
        }
    }

    fn signalled(&mut self, supervisor: &mut Supervisor<'_>) -> Option<Found> {
        let signal = self.wait.next_signal()?;
        // There may be more, of which the kernel tells again.
        match signals::meaning(signal, self.user) {
            Meaning::Children => (self.children, self.more_children) = (CHILDREN_AT_ONCE, true),
            Meaning::Reload => self.reload(supervisor),
            Meaning::Shutdown => return Some(Found::Input(Input::Shutdown)),
            Meaning::Event(event) => {
                let environment = Strings::EMPTY;
                return Some(Found::Input(Input::Emit { client: None, event, environment, wait: false }));
            }
            Meaning::Reexecute => self.reexecute(None),
            Meaning::Nothing => {}
        }
        None
    }

    /// What has become of a child; first what it said before it ended.
    fn heard_out(&mut self, change: Change, supervisor: &Supervisor<'_>) -> Option<Found> {
        let ended = matches!(change.kind, Kind::Exited(_));
        if ended && self.daemons.last_words(change.pid, supervisor, &mut self.log) {
            self.held = Some(change);
            return self.daemons.take_word().then_some(Found::Word);
        }
        self.child_changed(change, supervisor).map(Found::Input)
    }

    fn child_changed(&mut self, change: Change, supervisor: &Supervisor<'_>) -> Option<Input<'static>> {
        let pid = change.pid;
        Some(match change.kind {
            Kind::Exited(exit) => {
                if let Some(logs) = &mut self.job_logs {
                    logs.ended(pid, supervisor, &mut self.log);
                }
                self.containment.ended(pid, &|job, named| is_called(supervisor, job, named));
                // Of the one that is waited for, should another have had its number since.
                let exit = self.old_end(pid).filter(|&exit| exit != Exit::Unknown).unwrap_or(exit);
                Input::Exited { pid, exit }
            }
            Kind::Stopped(signal) => Input::Stopped { pid, signal, traced: false },
            Kind::Continued => Input::Continued { pid },
            Kind::Trapped(Trap::Signal(signal)) => Input::Stopped { pid, signal, traced: true },
            Kind::Trapped(Trap::Exec) => Input::Replaced { pid },
            Kind::Trapped(Trap::Fork(child)) => {
                self.containment.forked(pid, child, &|job, named| is_called(supervisor, job, named));
                if let Some(exit) = self.old_end(child) {
                    self.ready.push_back(Known::Forked { parent: pid, child });
                    return Some(Input::Exited { pid: child, exit });
                }
                Input::Forked { parent: pid, child }
            }
            Kind::Trapped(Trap::Other) => {
                let there = self.tracer.resume(pid, None);
                self.check_trace(pid, there);
                return None;
            }
        })
    }

    /// Has the configuration directories do something to the jobs.
    pub fn configuration(
        &mut self,
        supervisor: &mut Supervisor<'_>,
        change: impl FnOnce(&mut ConfDir, &mut Target<'_, '_>),
    ) {
        let Linux { log, programs, conf, .. } = self;
        let mut effects = Vec::new();
        change(conf, &mut Target { supervisor, programs, log, effects: &mut effects });
        for effect in effects {
            if let Some(input) = self.perform(supervisor, effect) {
                supervisor.handle(now(), input);
            }
        }
    }

    /// Says that something went wrong.
    pub fn error(&mut self, text: Arguments<'_>) {
        self.log.error(text);
    }
}
