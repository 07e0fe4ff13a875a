//! Following forks with ptrace(2), as `expect fork` and `expect daemon` of init(5) have it.
//!
//! A new child of a tracee is traced too, and stops at once. The kernel may report that stop before the fork that made
//! the child; [`Tracer::next_change`] holds it back, so that the fork always comes first.

use crate::capacity::EARLY_CHILDREN;
use crate::kernel;
use crate::watch::proc_stat::{is_traced, parent_of};
use crate::watch::reap::{self, ChildChange, Kind, Trap};
use nix::errno::Errno;
use uphold_core::{Exit, Pid, Signal};

/// A child that is heard of before the fork that made it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
struct Early {
    pid: Pid,
    kind: Kind,
}

/// The tracees, of which there are at most `TRACEES`: two for each job that may start at the same time (a process and
/// its new child).
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Tracer<const TRACEES: usize> {
    known: Vec<Pid>,
    early: heapless::Vec<Early, EARLY_CHILDREN>,
    /// Tracees that run and are to be let go when they stand still.
    leaving: Vec<Pid>,
    /// A held-back change whose fork has just been told.
    due: Option<ChildChange>,
    /// How many children were let go untraced for want of room.
    dropped: u32,
}

/// What to do with a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum StopAction {
    /// Tell it.
    Tell,
    /// Keep it until the fork is told.
    Hold,
    /// It stands still as it was told to, so that it can be let go.
    Release,
    /// It stands still as it was told to, but was not traced any more: it goes on.
    GoOn,
    /// Its fork will never be told: the process that made it is gone, or no longer traced.
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
        Tracer { known, early, leaving, due: None, dropped: 0 }.with_room()
    }

    /// The same, with all the room that it will ever need: asked for once, and resident only as far as it is used.
    pub fn with_room(mut self) -> Self {
        for list in [&mut self.known, &mut self.leaving] {
            list.reserve_exact(TRACEES.saturating_sub(list.len()));
        }
        self
    }

    /// Whether another process can be traced, and its first child with it. Ask before spawning with `trace`.
    pub fn has_room(&self) -> bool {
        self.known.len() + 2 <= TRACEES
    }

    /// Notes a process that was spawned with `trace`. Without room (see [`has_room`](Self::has_room)) the order of its
    /// reports is not looked after.
    pub fn expect(&mut self, pid: Pid) {
        self.note(pid);
    }

    /// How many new children were let go untraced because too many were held back, since the last time this was asked.
    pub fn take_dropped(&mut self) -> u32 {
        std::mem::take(&mut self.dropped)
    }

    /// The next change of any process: [`reap::next_change`], with forks before what their children do. Call it until
    /// there is none.
    ///
    /// A child that dies so early that its exit is told before its fork is an exit of an unknown process to the caller,
    /// who then must find the child of the fork to be gone (pidfd_open(2) says so).
    pub fn next_change(&mut self) -> Option<ChildChange> {
        loop {
            let change = self.due.take().or_else(reap::next_change)?;
            match self.judge(change, parent_of) {
                StopAction::Tell => return Some(change),
                StopAction::Hold => {}
                StopAction::Release => {
                    // It can only be gone, and its exit is told next.
                    self.detach(change.pid, None).unwrap_or_default();
                }
                StopAction::GoOn => {
                    self.forget(change.pid);
                    // It is our child, and was not reaped: the number is its own.
                    kernel::process::kill(change.pid, false, Signal::CONT).unwrap_or_default();
                }
                StopAction::LetGo => let_go(change.pid, change.kind),
            }
        }
    }

    /// Has the process, which has just stopped after its exec, report forks and execs from now on, and lets it run.
    /// Says whether it is still there.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn follow(&mut self, pid: Pid) -> Result<bool, Errno> {
        self.note(pid);
        let options = libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEEXEC;
        there(kernel::ptrace::set_options(pid, options).and_then(|()| kernel::ptrace::resume(pid, None)))
    }

    /// Lets a stopped tracee run on, with a signal or without. Says whether it is still there.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn resume(&mut self, pid: Pid, signal: Option<Signal>) -> Result<bool, Errno> {
        there(kernel::ptrace::resume(pid, signal))
    }

    /// Whether the process is traced, as far as is known, or is a new child whose fork was told.
    pub fn knows(&self, pid: Pid) -> bool {
        self.known.contains(&pid)
    }

    /// How the new child ended whose fork was just told, if it has; it will not be told again.
    pub fn take_end(&mut self, pid: Pid) -> Option<Exit> {
        let Some(ChildChange { pid: due, kind: Kind::Exited(exit) }) = self.due else { return None };
        if due != pid {
            return None;
        }
        self.due = None;
        self.forget(pid);
        Some(exit)
    }

    /// Forgets a process of whose end nothing will be reported any more.
    pub fn forget(&mut self, pid: Pid) {
        self.known.retain(|&known| known != pid);
        self.leaving.retain(|&leaving| leaving != pid);
        self.abandon_orphans(parent_of);
    }

    /// Lets a stopped tracee run on and traces it no more. Says whether it is still there.
    ///
    /// # Errors
    /// The kernel refuses for another reason than that the process is gone.
    pub fn detach(&mut self, pid: Pid, signal: Option<Signal>) -> Result<bool, Errno> {
        let result = there(kernel::ptrace::detach(pid, signal));
        self.forget(pid);
        result
    }

    /// Lets a running tracee go: it must stand still for that, so its first thread is told to stop, and the stop is not
    /// delivered. Says whether it is still there.
    ///
    /// When another thread than the first runs a new program, the kernel ends the trace and tells nobody. Such a process
    /// would stand still for good.
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
        self.leaving.push(pid);
        there(kernel::process::signal_first_thread(pid, Signal::STOP))
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

    /// What to do with a change, and what it means for the tables.
    fn judge(&mut self, change: ChildChange, parent_of: impl Fn(Pid) -> Option<Pid>) -> StopAction {
        let ChildChange { pid, kind } = change;
        match kind {
            Kind::Trapped(Trap::Fork(child)) => {
                self.note(child);
                if let Some(at) = self.early.iter().position(|early| early.pid == child) {
                    let early = self.early.swap_remove(at);
                    self.due = Some(ChildChange { pid: child, kind: early.kind });
                }
                StopAction::Tell
            }
            Kind::Trapped(Trap::Signal(Signal::STOP)) if self.leaving.contains(&pid) => StopAction::Release,
            Kind::Trapped(_) if self.known.contains(&pid) => StopAction::Tell,
            Kind::Trapped(_) => self.hold(pid, kind, parent_of),
            Kind::Exited(_) => self.ended(pid, kind, parent_of),
            Kind::Stopped(Signal::STOP) if self.leaving.contains(&pid) => StopAction::GoOn,
            Kind::Stopped(_) | Kind::Continued => StopAction::Tell,
        }
    }

    fn hold(&mut self, pid: Pid, kind: Kind, parent_of: impl Fn(Pid) -> Option<Pid>) -> StopAction {
        // Without /proc nobody knows the parent; then it may be any of the tracees.
        let orphan = parent_of(pid).is_some_and(|parent| !self.known.contains(&parent));
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

    fn ended(&mut self, pid: Pid, kind: Kind, parent_of: impl Fn(Pid) -> Option<Pid>) -> StopAction {
        if let Some(early) = self.early.iter_mut().find(|early| early.pid == pid) {
            // The fork is still to be told; then the child is not stopped but gone.
            early.kind = kind;
            return StopAction::Hold;
        }
        self.known.retain(|&known| known != pid);
        self.leaving.retain(|&leaving| leaving != pid);
        self.abandon_orphans(parent_of);
        StopAction::Tell
    }

    /// Lets go of the held-back children whose fork will not be told any more.
    fn abandon_orphans(&mut self, parent_of: impl Fn(Pid) -> Option<Pid>) {
        let mut at = 0;
        while let Some(&Early { pid, kind }) = self.early.get(at) {
            let announced = parent_of(pid).is_some_and(|parent| self.known.contains(&parent));
            if announced {
                at += 1;
                continue;
            }
            self.early.swap_remove(at);
            let_go(pid, kind);
        }
    }
}

/// Lets a process run on untraced, with the signal that it stopped for unless tracing caused it.
fn let_go(pid: Pid, kind: Kind) {
    let signal = match kind {
        Kind::Exited(_) => return,
        Kind::Trapped(Trap::Signal(signal)) if signal != Signal::STOP && signal != Signal::TRAP => Some(signal),
        _ => None,
    };
    // It stands stopped before us, so the request can only fail because it was killed: its exit is told next.
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

    fn change(number: u32, kind: Kind) -> ChildChange {
        ChildChange { pid: pid(number), kind }
    }

    fn fork() -> ChildChange {
        change(PARENT, Kind::Trapped(Trap::Fork(pid(CHILD))))
    }

    fn stop() -> ChildChange {
        change(CHILD, Kind::Trapped(Trap::Signal(Signal::STOP)))
    }

    fn exit(number: u32) -> ChildChange {
        change(number, Kind::Exited(Exit::Status(0)))
    }

    /// What is told when the kernel reports these changes, the child's parent being `parent`.
    fn told(reports: &[ChildChange], parent: Option<u32>) -> std::vec::Vec<ChildChange> {
        let mut tracer = Tracer::<4>::new();
        tracer.expect(pid(PARENT));
        let mut told = std::vec::Vec::new();
        for &report in reports {
            let mut next = Some(report);
            while let Some(change) = next {
                if tracer.judge(change, |_| parent.map(pid)) == StopAction::Tell {
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
        let stopped = |signal| change(PARENT, Kind::Stopped(signal));
        tracer.expect(pid(PARENT));
        tracer.leaving.push(pid(PARENT));
        assert_eq!(tracer.judge(stopped(Signal(20)), |_| None), StopAction::Tell);
        assert_eq!(tracer.judge(stopped(Signal::STOP), |_| None), StopAction::GoOn);
        tracer.forget(pid(PARENT));
        assert_eq!(tracer.judge(stopped(Signal::STOP), |_| None), StopAction::Tell);
    }

    #[test]
    fn held_children_are_bounded_and_counted() {
        let mut tracer = Tracer::<4>::new();
        tracer.expect(pid(PARENT));
        for number in 0..EARLY_CHILDREN as u32 {
            let stop = change(CHILD + number, Kind::Trapped(Trap::Signal(Signal::STOP)));
            assert_eq!(tracer.judge(stop, |_| Some(pid(PARENT))), StopAction::Hold);
        }
        let stop = change(CHILD + 1000, Kind::Trapped(Trap::Signal(Signal::STOP)));
        assert_eq!(tracer.judge(stop, |_| Some(pid(PARENT))), StopAction::LetGo);
        assert_eq!(tracer.take_dropped(), 1);
        // Once the parent is gone nothing is held any more.
        assert_eq!(tracer.judge(exit(PARENT), |_| None), StopAction::Tell);
        assert!(tracer.early.is_empty());
    }
}
