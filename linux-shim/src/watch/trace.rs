//! Following forks with ptrace(2), for `expect fork` and `expect daemon` of init(5).
//!
//! A new child of a tracee is traced too, and stops at once. The kernel may report that stop before the fork of the
//! child; [`Tracer::next_change`] holds it back, so that the fork always comes first.

use crate::capacity::EARLY_CHILDREN;
use crate::kernel;
use crate::watch::proc_files::Reading;
use crate::watch::proc_stat::{is_traced, parent_of};
use crate::watch::reap::{self, ChangeKind, ChildChange, Trap};
use nix::errno::Errno;
use std::collections::VecDeque;
use uphold_core::{Exit, Pid, Signal};

/// A child that is reported before its fork.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Early {
    pid: Pid,
    kind: ChangeKind,
}

/// The tracees, at most `TRACEES`: two for each job that may start at the same time (a process and its new child).
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Tracer<const TRACEES: usize> {
    known: Vec<Pid>,
    early: heapless::Vec<Early, EARLY_CHILDREN>,
    /// Tracees that run, and are to be released when they stop.
    leaving: Vec<Pid>,
    /// A change that was held back, and whose fork has just been reported.
    due: Option<ChildChange>,
    /// Changes that were fetched before they could be handled.
    fetched: VecDeque<ChildChange>,
    /// The number of children that were released untraced for want of room.
    dropped: u32,
    /// Whether orders are given that may have been carried out before a crash.
    #[serde(skip)]
    repeats: bool,
}

/// The handling of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StopAction {
    /// Report it.
    Tell,
    /// Hold it until the fork is reported.
    Hold,
    /// The tracee has stopped as ordered, so that it can be released.
    Release,
    /// The process has stopped as ordered, but is not traced any more: it continues.
    GoOn,
    /// The fork will never be reported: the parent is gone, or is not traced any more.
    LetGo,
}

impl<const TRACEES: usize> Default for Tracer<TRACEES> {
    fn default() -> Self {
        Tracer::new()
    }
}

impl<const TRACEES: usize> Tracer<TRACEES> {
    /// A tracer without tracees.
    pub fn new() -> Self {
        let (known, early, leaving) = (Vec::new(), heapless::Vec::new(), Vec::new());
        Tracer { known, early, leaving, due: None, fetched: VecDeque::new(), dropped: 0, repeats: false }.with_room()
    }

    /// Handles changes that were fetched earlier before those that the kernel has now.
    pub(crate) fn begin_with(&mut self, fetched: VecDeque<ChildChange>) {
        self.fetched.extend(fetched);
    }

    /// The same, with all the memory that it will ever need: allocated once, and resident only as far as it is used.
    pub fn with_room(mut self) -> Self {
        for list in [&mut self.known, &mut self.leaving] {
            list.reserve_exact(TRACEES.saturating_sub(list.len()));
        }
        self
    }

    /// Whether the orders from now on may have been carried out before a crash.
    pub(crate) fn repeat_orders(&mut self, repeats: bool) {
        self.repeats = repeats;
    }

    /// Whether the order for a stopped tracee was carried out before the crash. An order is about a stop that was
    /// fetched: a tracee that stands in a later one would lose what it stopped for.
    fn was_ordered(&self, pid: Pid) -> bool {
        self.repeats && reap::fetched_stop(pid).is_none()
    }

    /// Whether another process and its first child can be traced. To be checked before spawning with `trace`.
    pub fn has_room(&self) -> bool {
        self.known.len() + 2 <= TRACEES
    }

    /// Notes a process that was spawned with `trace`. Without room (see [`has_room`](Self::has_room)) the order of its
    /// reports is not ensured.
    pub fn expect(&mut self, pid: Pid) {
        self.note(pid);
    }

    /// The number of new children that were released untraced because too many were held back, since the last call.
    pub fn take_dropped(&mut self) -> u32 {
        std::mem::take(&mut self.dropped)
    }

    /// The next change of any process: [`reap::next_change`], with forks before the changes of their children. Call
    /// this until there is none.
    ///
    /// If a child exits so early that its exit is reported before its fork, the caller gets the exit of an unknown
    /// process, and must find the child of the later fork to be gone (by pidfd_open(2)).
    pub fn next_change(&mut self) -> Option<ChildChange> {
        loop {
            let change = self.due.take().or_else(|| self.fetched.pop_front()).or_else(reap::next_change)?;
            match self.judge(change, parent_of) {
                StopAction::Tell => return Some(change),
                StopAction::Hold => {}
                StopAction::Release => {
                    // This fails only if it is gone; its exit is reported next.
                    self.detach(change.pid, None).unwrap_or_default();
                }
                StopAction::GoOn => {
                    self.forget(change.pid);
                    // It is a child that was not reaped, so the process id is its own.
                    kernel::process::kill(change.pid, false, Signal::CONT).unwrap_or_default();
                }
                StopAction::LetGo => let_go(change.pid, change.kind),
            }
        }
    }

    /// Sets the process, which has just stopped after its exec, to report forks and execs from now on, and resumes it.
    /// Returns whether it still exists.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn follow(&mut self, pid: Pid) -> Result<bool, Errno> {
        self.note(pid);
        if self.was_ordered(pid) {
            return Ok(true);
        }
        let options = libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEEXEC;
        there(kernel::ptrace::set_options(pid, options).and_then(|()| kernel::ptrace::resume(pid, None)))
    }

    /// Resumes a stopped tracee, with a signal or without. Returns whether it still exists.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn resume(&mut self, pid: Pid, signal: Option<Signal>) -> Result<bool, Errno> {
        if self.was_ordered(pid) {
            return Ok(true);
        }
        there(kernel::ptrace::resume(pid, signal))
    }

    /// Whether any process is traced, as far as known.
    pub(crate) fn is_tracing(&self) -> bool {
        !self.known.is_empty()
    }

    /// Whether the process is traced, as far as known, or is a new child whose fork was reported.
    pub fn knows(&self, pid: Pid) -> bool {
        self.known.contains(&pid)
    }

    /// How the new child whose fork was just reported exited, if it has; this is not reported again.
    pub fn take_end(&mut self, pid: Pid) -> Option<Exit> {
        let Some(ChildChange { pid: due, kind: ChangeKind::Exited(exit) }) = self.due else { return None };
        if due != pid {
            return None;
        }
        self.due = None;
        self.forget(pid);
        Some(exit)
    }

    /// Forgets a process of which nothing will be reported any more.
    pub fn forget(&mut self, pid: Pid) {
        self.known.retain(|&known| known != pid);
        self.leaving.retain(|&leaving| leaving != pid);
        self.abandon_orphans(parent_of);
    }

    /// Detaches from a stopped tracee, which runs on. Returns whether it still exists.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn detach(&mut self, pid: Pid, signal: Option<Signal>) -> Result<bool, Errno> {
        let result = there(kernel::ptrace::detach(pid, signal));
        self.forget(pid);
        result
    }

    /// Detaches from a running tracee. It must be stopped for that, so its first thread gets a stop signal, which is
    /// not delivered. Returns whether it still exists.
    ///
    /// When another thread than the first runs a new program, the kernel ends the trace without a report. Such a
    /// process would stay stopped for good.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn release(&mut self, pid: Pid) -> Result<bool, Errno> {
        if is_traced(pid) == Some(false) {
            self.forget(pid);
            return Ok(true);
        }
        if self.leaving.contains(&pid) || self.leaving.len() >= TRACEES {
            return Ok(true);
        }
        self.leave(pid);
        if self.repeats && reap::is_about_to_stop(pid) {
            return Ok(true);
        }
        there(kernel::process::signal_first_thread(pid, Signal::STOP))
    }

    /// Notes a tracee that has got its stop signal, and is released when it stops.
    pub(crate) fn leave(&mut self, pid: Pid) {
        self.leaving.push(pid);
    }

    fn note(&mut self, pid: Pid) {
        if self.known.contains(&pid) {
            return;
        }
        match self.known.len() < TRACEES {
            true => self.known.push(pid),
            false => self.dropped = self.dropped.saturating_add(1),
        }
    }

    /// Decides on a change, and updates the tables.
    fn judge(&mut self, change: ChildChange, parent_of: impl Fn(Pid) -> Reading<Pid>) -> StopAction {
        let ChildChange { pid, kind } = change;
        match kind {
            ChangeKind::Trapped(Trap::Fork(child)) => {
                self.note(child);
                if let Some(at) = self.early.iter().position(|early| early.pid == child) {
                    let early = self.early.swap_remove(at);
                    self.due = Some(ChildChange { pid: child, kind: early.kind });
                }
                StopAction::Tell
            }
            ChangeKind::Trapped(Trap::Signal(Signal::STOP)) if self.leaving.contains(&pid) => StopAction::Release,
            ChangeKind::Trapped(_) if self.known.contains(&pid) => StopAction::Tell,
            ChangeKind::Trapped(_) => self.hold(pid, kind, parent_of),
            ChangeKind::Exited(_) => self.ended(pid, kind, parent_of),
            ChangeKind::Stopped(Signal::STOP) if self.leaving.contains(&pid) => StopAction::GoOn,
            ChangeKind::Stopped(_) | ChangeKind::Continued => StopAction::Tell,
        }
    }

    fn hold(&mut self, pid: Pid, kind: ChangeKind, parent_of: impl Fn(Pid) -> Reading<Pid>) -> StopAction {
        // If the kernel does not tell the parent, it may be any of the tracees.
        let orphan = matches!(parent_of(pid), Ok(Some(parent)) if !self.known.contains(&parent));
        if orphan || self.known.is_empty() {
            return StopAction::LetGo;
        }
        match self.early.push(Early { pid, kind }) {
            Ok(()) => StopAction::Hold,
            Err(_) => {
                self.dropped = self.dropped.saturating_add(1);
                StopAction::LetGo
            }
        }
    }

    fn ended(&mut self, pid: Pid, kind: ChangeKind, parent_of: impl Fn(Pid) -> Reading<Pid>) -> StopAction {
        if let Some(early) = self.early.iter_mut().find(|early| early.pid == pid) {
            // The fork is still to be reported; then the child is gone, not stopped.
            early.kind = kind;
            return StopAction::Hold;
        }
        self.known.retain(|&known| known != pid);
        self.leaving.retain(|&leaving| leaving != pid);
        self.abandon_orphans(parent_of);
        StopAction::Tell
    }

    /// Releases the children that are held back and whose fork will not be reported any more.
    fn abandon_orphans(&mut self, parent_of: impl Fn(Pid) -> Reading<Pid>) {
        let mut at = 0;
        while let Some(&Early { pid, kind }) = self.early.get(at) {
            let announced = match parent_of(pid) {
                Ok(parent) => parent.is_some_and(|parent| self.known.contains(&parent)),
                Err(_) => !self.known.is_empty(),
            };
            if announced {
                at += 1;
                continue;
            }
            self.early.swap_remove(at);
            let_go(pid, kind);
        }
    }
}

/// Detaches from a process, with the signal for which it stopped unless tracing caused it.
fn let_go(pid: Pid, kind: ChangeKind) {
    let signal = match kind {
        ChangeKind::Exited(_) => return,
        ChangeKind::Trapped(Trap::Signal(signal)) if signal != Signal::STOP && signal != Signal::TRAP => Some(signal),
        _ => None,
    };
    // It is stopped, so the request fails only if it was killed: its exit is reported next.
    kernel::ptrace::detach(pid, signal).unwrap_or_default();
}

fn there(result: Result<(), Errno>) -> Result<bool, Errno> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: u32 = 1_000_000_001;
    const CHILD: u32 = 1_000_000_002;

    fn pid(number: u32) -> Pid {
        Pid::new(number).unwrap()
    }

    fn change(number: u32, kind: ChangeKind) -> ChildChange {
        ChildChange { pid: pid(number), kind }
    }

    fn fork() -> ChildChange {
        change(PARENT, ChangeKind::Trapped(Trap::Fork(pid(CHILD))))
    }

    fn stop() -> ChildChange {
        change(CHILD, ChangeKind::Trapped(Trap::Signal(Signal::STOP)))
    }

    fn exit(number: u32) -> ChildChange {
        change(number, ChangeKind::Exited(Exit::Status(0)))
    }

    /// The reports when the kernel reports these changes, and the child's parent is `parent`.
    fn told(reports: &[ChildChange], parent: Option<u32>) -> std::vec::Vec<ChildChange> {
        let mut tracer = Tracer::<4>::new();
        tracer.expect(pid(PARENT));
        let mut told = std::vec::Vec::new();
        for &report in reports {
            let mut next = Some(report);
            while let Some(change) = next {
                if tracer.judge(change, |_| Ok(parent.map(pid))) == StopAction::Tell {
                    told.push(change);
                }
                next = tracer.due.take();
            }
        }
        told
    }

    #[test]
    fn both_orders_are_told_alike() {
        assert_eq!(told(&[fork(), stop()], Some(PARENT)), [fork(), stop()]);
        assert_eq!(told(&[stop(), fork()], Some(PARENT)), [fork(), stop()]);
    }

    #[test]
    fn a_child_that_dies_early_is_told_as_dead() {
        assert_eq!(told(&[stop(), exit(CHILD), fork()], Some(PARENT)), [fork(), exit(CHILD)]);
    }

    #[test]
    fn a_child_whose_fork_is_never_told_is_let_go() {
        assert_eq!(told(&[exit(PARENT), stop()], None), [exit(PARENT)]);
        assert_eq!(told(&[stop(), exit(PARENT)], None), [exit(PARENT)]);
        assert_eq!(told(&[exit(PARENT), stop()], Some(1)), [exit(PARENT)]);
    }

    #[test]
    fn a_process_that_is_traced_no_more_does_not_stand_still() {
        let mut tracer = Tracer::<4>::new();
        let stopped = |signal| change(PARENT, ChangeKind::Stopped(signal));
        tracer.expect(pid(PARENT));
        tracer.leaving.push(pid(PARENT));
        assert_eq!(tracer.judge(stopped(Signal(20)), |_| Ok(None)), StopAction::Tell);
        assert_eq!(tracer.judge(stopped(Signal::STOP), |_| Ok(None)), StopAction::GoOn);
        tracer.forget(pid(PARENT));
        assert_eq!(tracer.judge(stopped(Signal::STOP), |_| Ok(None)), StopAction::Tell);
    }

    #[test]
    fn held_children_are_bounded_and_counted() {
        let mut tracer = Tracer::<4>::new();
        tracer.expect(pid(PARENT));
        for number in 0..EARLY_CHILDREN as u32 {
            let stop = change(CHILD + number, ChangeKind::Trapped(Trap::Signal(Signal::STOP)));
            assert_eq!(tracer.judge(stop, |_| Ok(Some(pid(PARENT)))), StopAction::Hold);
        }
        let stop = change(CHILD + 1000, ChangeKind::Trapped(Trap::Signal(Signal::STOP)));
        assert_eq!(tracer.judge(stop, |_| Ok(Some(pid(PARENT)))), StopAction::LetGo);
        assert_eq!(tracer.take_dropped(), 1);
        // Once the parent is gone nothing is held any more.
        assert_eq!(tracer.judge(exit(PARENT), |_| Ok(None)), StopAction::Tell);
        assert!(tracer.early.is_empty());
    }
}
