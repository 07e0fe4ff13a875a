//! The rest of a launch that a killed or crashed supervisor had begun, of a process to be traced: its signals are
//! blocked until the stop of its exec.

use nix::errno::Errno;
use uphold_core::Pid;

use crate::capacity::{FIRST_STOP, TRACEES};
use crate::kernel::ptrace;
use crate::kernel::signals::BLOCKED_FOR_TRACE;
use crate::watch::proc_stat::{blocked_signals, each_thread, is_traced};
use crate::watch::reap::changes_within;
use crate::watch::trace::Tracer;

/// A process that was made before a crash is traced by this program, which is the same process.
pub(crate) fn trace_on(pid: Pid, tracer: &mut Tracer<TRACEES>) {
    if is_traced(pid) != Some(true) {
        return;
    }
    tracer.expect(pid);
    if has_launch_mask(pid) && changes_within(pid, FIRST_STOP) {
        // If it was killed, its exit is reported.
        ptrace::unblock_signals(pid).unwrap_or_default();
    }
}

/// A process that a killed supervisor made runs its program untraced.
///
/// # Errors
/// The kernel does not let this program do it, or does not tell now.
pub(crate) fn unblock_signals(pid: Pid) -> Result<(), Errno> {
    if !has_launch_mask(pid) {
        return Ok(());
    }
    let mut all = Ok(());
    let listed = each_thread(pid, |thread| {
        all = all.and(unblock(thread));
        Ok(())
    });
    listed.and(all)
}

/// Whether a process blocks the signals that its launch blocked. No program chooses these.
fn has_launch_mask(pid: Pid) -> bool {
    // KILL and STOP cannot be blocked.
    const SHOWN: u64 = BLOCKED_FOR_TRACE & !(1 << (libc::SIGKILL - 1)) & !(1 << (libc::SIGSTOP - 1));
    blocked_signals(pid) == Some(SHOWN)
}

fn unblock(thread: Pid) -> Result<(), Errno> {
    match ptrace::seize(thread) {
        Err(Errno::ESRCH) => return Ok(()),
        seized => seized?,
    }
    if changes_within(thread, FIRST_STOP) {
        ptrace::unblock_signals(thread)?;
    }
    match ptrace::detach(thread, None) {
        Err(Errno::ESRCH) => Ok(()),
        detached => detached,
    }
}
