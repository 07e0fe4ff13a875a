//! Changes of processes: exits, stops and the events of tracing, one at a time.

use std::time::Duration;

use crate::capacity::LAUNCH_LOOK;
use crate::clock::now;
use crate::kernel;
use crate::kernel::process::Waited;
use crate::watch::proc_stat::is_pending;
use uphold_core::{Exit, Pid, Signal};

/// A change of a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ChildChange {
    /// The process.
    pub pid: Pid,
    /// The change.
    pub kind: ChangeKind,
}

/// The ways in which a process changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum ChangeKind {
    /// It exited, and was reaped.
    ///
    /// A tracee that is not a child of the supervisor is reported when it exits, and a second time if its parent exits
    /// without having reaped it, so that it becomes a child. A tracee that is a child from the start is reported once.
    /// So the second report names a process that is already known to be gone; until then, the kernel gives the process
    /// id to no other process.
    Exited(Exit),
    /// It is not traced, and was stopped by a signal.
    Stopped(Signal),
    /// It is not traced, and has continued after a stop.
    Continued,
    /// It is traced and stopped, until it is resumed or detached.
    Trapped(Trap),
}

/// The reason for a tracee's stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Trap {
    /// This signal, which the tracer may deliver: TRAP after the exec that began the trace, STOP in a new child.
    Signal(Signal),
    /// The fork of this child.
    Fork(Pid),
    /// The exec of a new program.
    Exec,
    /// Any other reason: the tracee is resumed without a signal.
    Other,
}

/// The next change, if there is one. Call this until there is none: one SIGCHLD may stand for many changes.
///
/// Every change is reported exactly once and in the kernel's order. None delays another, since the kernel drops each as
/// it is reported.
pub fn next_change() -> Option<ChildChange> {
    loop {
        let waited = kernel::process::wait_any()?;
        if let Some(kind) = kind_of(waited) {
            return Some(ChildChange { pid: waited.pid, kind });
        }
    }
}

/// The stop in which a tracee of this process is, if it was fetched before.
pub(crate) fn fetched_stop(pid: Pid) -> Option<ChildChange> {
    // It stays stopped meanwhile, unless it is killed: then its exit is next.
    let status = kernel::ptrace::stop_status(pid).ok()?;
    if kernel::process::peek(pid).is_some() {
        return None;
    }
    Some(ChildChange { pid, kind: kind_of(Waited { pid, code: libc::CLD_TRAPPED, status })? })
}

/// Waits until a child or tracee has stopped or exited; false if that takes longer.
pub(crate) fn changes_within(pid: Pid, most: Duration) -> bool {
    let mut pause = Duration::from_micros(20);
    let began = now();
    while kernel::process::peek(pid).is_none() {
        if u128::from(now().0.saturating_sub(began.0)) >= most.as_millis() {
            return false;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(LAUNCH_LOOK);
    }
    true
}

/// Whether a stop signal was sent to a tracee, and its stop was not handled.
pub(crate) fn is_about_to_stop(pid: Pid) -> bool {
    // In this order: a signal that is not pending any more has stopped the tracee.
    is_pending(pid, Signal::STOP) || kernel::ptrace::stop_status(pid) == Ok(Signal::STOP.0.into())
}

fn kind_of(Waited { pid, code, status }: Waited) -> Option<ChangeKind> {
    let low = (status & 0x7f) as u8;
    match code {
        libc::CLD_EXITED => Some(ChangeKind::Exited(Exit::Status((status & 0xff) as u8))),
        libc::CLD_KILLED | libc::CLD_DUMPED => Some(ChangeKind::Exited(Exit::Signal(low))),
        libc::CLD_STOPPED => Some(ChangeKind::Stopped(Signal(low))),
        libc::CLD_CONTINUED => Some(ChangeKind::Continued),
        libc::CLD_TRAPPED => Some(ChangeKind::Trapped(match status >> 8 {
            0 => Trap::Signal(Signal(low)),
            libc::PTRACE_EVENT_EXEC => Trap::Exec,
            libc::PTRACE_EVENT_FORK => match kernel::ptrace::event_message(pid) {
                Ok(Some(child)) => Trap::Fork(child),
                // It was killed in the meantime: its exit is next.
                Ok(None) | Err(_) => Trap::Other,
            },
            _ => Trap::Other,
        })),
        _ => None,
    }
}
