//! Finding the next input: every source gets its turn, so that none starves another.

use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::EpollFlags;
use uphold_core::{Exit, Host, Input, Instant, Pid, Process, Signal, Supervisor};

use crate::capacity::{BLIND_PAUSE, CHILDREN_AT_ONCE};
use crate::clients::control_socket::RequestOutcome;
use crate::clock::now;
use crate::keep::keeper::Keep;
use crate::kernel;
use crate::linux::{Linux, is_called};
use crate::pending::PendingInput;
use crate::watch::pidfd::has_ended;
use crate::watch::reap::{ChangeKind, ChildChange, Trap};
use crate::watch::signals::{self, SignalRequest};
use crate::watch::wait::Source;

/// How a process ends that gets the trap of a tracer which was killed.
const TRAPPED: Exit = Exit::Signal(Signal::TRAP.0);

/// An input that was found, without the text that it may carry.
enum Arrival {
    Input(Input<'static>),
    Command(usize),
    Notification,
}

impl Linux {
    /// Waits for the next input.
    pub fn wait_until(
        &mut self,
        deadline: Option<Instant>,
        supervisor: &mut Supervisor<'_>,
        keep: &mut Keep,
    ) -> Input<'_> {
        self.control.input_taken();
        let found = loop {
            self.left_behind.tell(now(), &mut self.log);
            let is_main = |job, pid| supervisor.owner(pid) == Some((job, Process::Main));
            self.containment.executables.meet(now(), is_main);
            self.repair(supervisor);
            if self.has_changed {
                break Arrival::Input(Input::Tick);
            }
            let own = [
                self.left_behind.deadline(),
                self.containment.deadline(),
                self.containment.executables.deadline(),
                self.conf.deadline(),
                self.repairs.deadline(),
                self.control.deadline(),
                self.watches.deadline(),
                keep.deadline().filter(|_| supervisor.is_calm()),
            ];
            let deadline = own.into_iter().chain([deadline]).flatten().min();
            if let Some(found) = self.find(deadline, supervisor) {
                break found;
            }
            if self.is_to_restart() || self.has_changed {
                break Arrival::Input(Input::Tick);
            }
        };
        // The next drain ends with a checkpoint.
        if std::mem::take(&mut self.has_changed) {
            keep.has_changed();
        }
        match found {
            Arrival::Input(input) => input,
            // It was decoded a moment ago, so it can be decoded again.
            Arrival::Command(slot) => {
                keep.comes_from(self.control.clients().connection(slot));
                self.control.input(slot).unwrap_or(Input::Tick)
            }
            Arrival::Notification => self
                .daemons
                .notification()
                .map_or(Input::Tick, |(job, notification)| Input::Notified { job, notification }),
        }
    }

    /// One turn: what is ready, then children, then the rest, each with a bound.
    fn find(&mut self, deadline: Option<Instant>, supervisor: &mut Supervisor<'_>) -> Option<Arrival> {
        if let Some(known) = self.ready.pop_front() {
            return Some(Arrival::Input(known.input()));
        }
        // The queue is empty: it begins again at its start, so that its unused places never become resident.
        self.ready.clear();
        if self.daemons.take_notification() {
            return Some(Arrival::Notification);
        }
        if let Some(change) = self.held.take() {
            return self.heard_out(change, supervisor);
        }
        if self.children > 0 {
            self.children -= 1;
            let change = self.tracer.next_change();
            let dropped = self.tracer.take_dropped();
            if dropped > 0 {
                self.log.warn(format_args!("{dropped} new processes were not traced: too many came at once"));
            }
            match change {
                Some(change) => return self.heard_out(change, supervisor),
                None => {
                    (self.children, self.more_children) = (0, false);
                    // An exit may have made another process a child.
                    self.watches.release_children(|pid| self.tracer.knows(pid));
                }
            }
        }
        if let Some((source, flags)) = self.wait.next_event() {
            return self.happened(source, flags, supervisor);
        }
        if self.control.has_backlog() {
            let host = self.host();
            let asked = self.control.serve_backlog(supervisor, host, &self.wait.epoll);
            if let Some(found) = self.asked(asked, supervisor) {
                return Some(found);
            }
        }
        let now = now();
        if !self.failures.is_empty() && !std::mem::replace(&mut self.looked, true) {
            self.wait_for_more(now, Some(now));
            return None;
        }
        self.looked = false;
        if let Some(known) = self.failures.pop_front() {
            return Some(Arrival::Input(known.input()));
        }
        self.failures.clear();
        if !self.more_children && self.containment.is_to_look(now) {
            // The processes found may have a deadline of their own.
            self.look_for_leavings(false, supervisor);
            return None;
        }
        if !self.more_children
            && let Some(exit) = self.look_at_unwatched(now, supervisor)
        {
            return Some(Arrival::Input(exit));
        }
        if deadline.is_some_and(|deadline| deadline <= now) {
            // The rest must not starve: it is served before the next deadline.
            self.wait_for_more(now, Some(now));
            return Some(Arrival::Input(Input::Tick));
        }
        let busy = (self.more_children || self.control.has_backlog()).then_some(now);
        self.wait_for_more(now, [busy, deadline].into_iter().flatten().min());
        None
    }

    fn wait_for_more(&mut self, now: Instant, deadline: Option<Instant>) {
        self.children = if self.more_children { CHILDREN_AT_ONCE } else { 0 };
        if let Some(logs) = &mut self.job_logs {
            logs.tidy();
            if logs.is_behind() {
                self.repairs.plan();
            }
        }
        self.tell_lack(now);
        match self.wait.wait(now, deadline) {
            Ok(()) => self.is_blind = false,
            Err(errno) => self.go_on_blind(errno, now, deadline),
        }
    }

    /// The kernel does not let the supervisor wait. Signals, children and deadlines are looked at all the same, and the
    /// supervisor tries to wait again after a short pause.
    fn go_on_blind(&mut self, errno: Errno, now: Instant, deadline: Option<Instant>) {
        if !std::mem::replace(&mut self.is_blind, true) {
            self.log.error(format_args!("Unable to wait for anything, trying again: {}", errno.desc()));
        }
        let left = deadline.map_or(BLIND_PAUSE, |deadline| Duration::from_millis(deadline.0.saturating_sub(now.0)));
        std::thread::sleep(left.min(BLIND_PAUSE));
        (self.children, self.more_children) = (CHILDREN_AT_ONCE, true);
    }

    fn happened(&mut self, source: Source, flags: EpollFlags, supervisor: &mut Supervisor<'_>) -> Option<Arrival> {
        match source {
            Source::Signals => return self.signalled(supervisor),
            Source::Configuration => {
                self.configuration(supervisor, |conf, target| conf.changed(target));
            }
            // The path may be mounted piece by piece; the last mount is reported too.
            Source::Mounts => self.reopen_socket().unwrap_or_default(),
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
            Source::Process(pid) => return self.watched_ended(pid, supervisor).map(Arrival::Input),
            Source::Message(index) => {
                let notified = self.daemons.read_socket(index, supervisor, &mut self.log);
                return (notified && self.daemons.take_notification()).then_some(Arrival::Notification);
            }
            Source::Descriptor(index) => {
                let notified = self.daemons.read_pipe(index);
                return (notified && self.daemons.take_notification()).then_some(Arrival::Notification);
            }
            Source::Listener(index) => self.control.accept(index as usize, now(), &self.wait.epoll),
            Source::Client(slot) => {
                let host = self.host();
                let asked = self.control.serve(slot as usize, flags, now(), supervisor, host, &self.wait.epoll);
                return self.asked(asked, supervisor);
            }
        }
        None
    }

    fn host(&self) -> Host {
        Host { log_priority: self.log.threshold(), session: self.is_session() }
    }

    fn asked(&mut self, asked: RequestOutcome, supervisor: &mut Supervisor<'_>) -> Option<Arrival> {
        match asked {
            RequestOutcome::Nothing => None,
            RequestOutcome::Command(slot) => Some(Arrival::Command(slot)),
            RequestOutcome::Hangup(client) => Some(Arrival::Input(Input::Hangup { client })),
            RequestOutcome::World(client, request) => {
                self.perform_request(client, request, supervisor).map(Arrival::Input)
            }
        }
    }

    fn signalled(&mut self, supervisor: &mut Supervisor<'_>) -> Option<Arrival> {
        let signal = self.wait.next_signal()?;
        // There may be more signals, which the kernel reports again.
        match signals::meaning(signal, self.supervised) {
            SignalRequest::Children => (self.children, self.more_children) = (CHILDREN_AT_ONCE, true),
            SignalRequest::Reload => self.reload(supervisor),
            SignalRequest::Shutdown => return Some(Arrival::Input(Input::Shutdown)),
            SignalRequest::Event(event) => return Some(Arrival::Input(Input::event(event))),
            SignalRequest::Reexecute => self.reexecute(None),
            SignalRequest::Nothing => {}
        }
        None
    }

    /// Delivers a change of a child, after the notifications that the child sent before it exited.
    fn heard_out(&mut self, change: ChildChange, supervisor: &Supervisor<'_>) -> Option<Arrival> {
        let ended = matches!(change.kind, ChangeKind::Exited(_));
        if ended && self.daemons.last_message(change.pid, supervisor, &mut self.log) {
            self.held = Some(change);
            return self.daemons.take_notification().then_some(Arrival::Notification);
        }
        self.child_changed(change, supervisor).map(Arrival::Input)
    }

    /// A pidfd reports that its process has exited.
    fn watched_ended(&mut self, number: u32, supervisor: &Supervisor<'_>) -> Option<Input<'static>> {
        let pid = Pid::new(number)?;
        // The report may concern an earlier process of that place.
        let process = self.watches.get(pid).filter(|process| has_ended(*process))?;
        if kernel::process::is_ours(process) {
            (self.children, self.more_children) = (CHILDREN_AT_ONCE, true);
            return None;
        }
        let exit = self.watches.take_exit(pid)?;
        self.containment.taken_over_ended(pid);
        if exit == TRAPPED
            && let Some(failed) = self.never_began(supervisor, pid)
        {
            return Some(failed.input());
        }
        if let Some(logs) = &mut self.job_logs {
            logs.ended(pid, supervisor, &mut self.log);
        }
        Some(Input::Exited { pid, exit })
    }

    /// A look at the processes that are watched without a descriptor shows that one has exited.
    fn look_at_unwatched(&mut self, now: Instant, supervisor: &Supervisor<'_>) -> Option<Input<'static>> {
        let (pid, exit) = self.watches.look(now, |pid| self.tracer.knows(pid), &self.wait.epoll)?;
        self.containment.taken_over_ended(pid);
        if let Some(logs) = &mut self.job_logs {
            logs.ended(pid, supervisor, &mut self.log);
        }
        Some(Input::Exited { pid, exit })
    }

    fn child_changed(&mut self, change: ChildChange, supervisor: &Supervisor<'_>) -> Option<Input<'static>> {
        let pid = change.pid;
        Some(match change.kind {
            ChangeKind::Exited(exit) => {
                if let Some(logs) = &mut self.job_logs {
                    logs.ended(pid, supervisor, &mut self.log);
                }
                self.containment.ended(pid, &|job, named| is_called(supervisor, job, named));
                // Only of the watched process, in case another one has its id by now.
                let exit = self.watches.take_exit(pid).filter(|&exit| exit != Exit::Unknown).unwrap_or(exit);
                Input::Exited { pid, exit }
            }
            ChangeKind::Stopped(signal) => Input::Stopped { pid, signal, traced: false },
            ChangeKind::Continued => Input::Continued { pid },
            ChangeKind::Trapped(Trap::Signal(signal)) => Input::Stopped { pid, signal, traced: true },
            ChangeKind::Trapped(Trap::Exec) => Input::Replaced { pid },
            ChangeKind::Trapped(Trap::Fork(child)) => {
                self.containment.forked(pid, child, &|job, named| is_called(supervisor, job, named));
                if let Some(exit) = self.watches.take_exit(child) {
                    self.ready.push_back(PendingInput::Forked { parent: pid, child });
                    return Some(Input::Exited { pid: child, exit });
                }
                Input::Forked { parent: pid, child }
            }
            ChangeKind::Trapped(Trap::Other) => {
                let there = self.tracer.resume(pid, None);
                self.check_trace(pid, there);
                return None;
            }
        })
    }
}
