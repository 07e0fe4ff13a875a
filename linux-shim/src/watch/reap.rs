//! What happened to the processes: exits, stops and what tracing reports, one at a time.

use crate::kernel;
use crate::kernel::process::Waited;
use uphold_core::{Exit, Pid, Signal};

/// A process changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ChildChange {
    /// Which one.
    pub pid: Pid,
    /// How.
    pub kind: Kind,
}

/// How a process changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Kind {
    /// It ended, and was reaped.
    ///
    /// A tracee that is not our child is reported when it ends, and a second time if its parent dies without having
    /// reaped it and it so becomes our child. A tracee that is our child from the start is reported once. So the
    /// second report names a process that is already known to be gone; until it, the kernel gives the number to
    /// nobody else.
    Exited(Exit),
    /// It is not traced, and a signal stopped it.
    Stopped(Signal),
    /// It is not traced, and goes on after a stop.
    Continued,
    /// It is traced, and stopped; it stays so until it is resumed or detached.
    Trapped(Trap),
}

/// Why a tracee stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Trap {
    /// Before this signal is delivered, which is up to the tracer. TRAP after the exec that began the trace, STOP in a
    /// new child.
    Signal(Signal),
    /// It forked this child.
    Fork(Pid),
    /// It runs a new program.
    Exec,
    /// For a reason that nobody asked for: resume it without a signal.
    Other,
}

/// The next change, if there is one. Call it until there is none: one SIGCHLD may stand for many changes.
///
/// Every change is told exactly once and in the kernel's order; none blocks another, for the kernel gives up each as
/// it is told.
pub fn next_change() -> Option<ChildChange> {
    loop {
        let waited = kernel::process::wait_any()?;
        if let Some(kind) = kind_of(waited) {
            return Some(ChildChange { pid: waited.pid, kind });
        }
    }
}

fn kind_of(Waited { pid, code, status }: Waited) -> Option<Kind> {
    let low = (status & 0x7f) as u8;
    match code {
        libc::CLD_EXITED => Some(Kind::Exited(Exit::Status((status & 0xff) as u8))),
        libc::CLD_KILLED | libc::CLD_DUMPED => Some(Kind::Exited(Exit::Signal(low))),
        libc::CLD_STOPPED => Some(Kind::Stopped(Signal(low))),
        libc::CLD_CONTINUED => Some(Kind::Continued),
        libc::CLD_TRAPPED => Some(Kind::Trapped(match status >> 8 {
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
