//! The requests of ptrace(2).

use std::ffi::{c_int, c_void};
use std::mem::MaybeUninit;

use nix::errno::Errno;
use uphold_core::{Pid, Signal};

use super::process::{as_pid, number};

// The requests of ptrace(2), the same on every Linux; the C libraries do not agree on their type.
const TRACE_ME: u32 = 0;
const CONTINUE: u32 = 7;
const DETACH: u32 = 17;
const SET_OPTIONS: u32 = 0x4200;
const GET_EVENT_MESSAGE: u32 = 0x4201;
const GET_SIGNAL_INFORMATION: u32 = 0x4202;
const SEIZE: u32 = 0x4206;
const INTERRUPT: u32 = 0x4207;
const SET_SIGNAL_MASK: u32 = 0x420b;

/// One ptrace(2) request with a number as data.
///
/// A tracee that is not resumed or released stands still for good, so a refusal is not taken for the last word: the
/// request is made again. Of a process that is gone the kernel says the same twice.
fn ptrace(request: u32, pid: Pid, address: usize, data: usize) -> Result<(), Errno> {
    let pid = as_pid(pid)?;
    // SAFETY: every request of this module has a number as data, or a pointer that the caller guarantees to be valid.
    let made = || unsafe { libc::ptrace(request as _, pid, address as *mut c_void, data as *mut c_void) };
    Errno::result(made()).or_else(|_| Errno::result(made())).map(drop)
}

/// PTRACE_TRACEME.
pub(crate) fn trace_me() -> Result<(), Errno> {
    let null = std::ptr::null_mut::<c_void>();
    // SAFETY: the request has no data.
    Errno::result(unsafe { libc::ptrace(TRACE_ME as _, 0 as libc::pid_t, null, null) }).map(drop)
}

/// PTRACE_SETOPTIONS.
pub(crate) fn set_options(pid: Pid, options: c_int) -> Result<(), Errno> {
    ptrace(SET_OPTIONS, pid, 0, options as usize)
}

/// PTRACE_CONT.
pub(crate) fn resume(pid: Pid, signal: Option<Signal>) -> Result<(), Errno> {
    ptrace(CONTINUE, pid, 0, number(signal) as usize)
}

/// PTRACE_DETACH.
pub(crate) fn detach(pid: Pid, signal: Option<Signal>) -> Result<(), Errno> {
    ptrace(DETACH, pid, 0, number(signal) as usize)
}

/// PTRACE_GETEVENTMSG: the process id of a fork event.
pub(crate) fn event_message(pid: Pid) -> Result<Option<Pid>, Errno> {
    let mut message: libc::c_ulong = 0;
    ptrace(GET_EVENT_MESSAGE, pid, 0, (&raw mut message).expose_provenance())?;
    Ok(u32::try_from(message).ok().and_then(Pid::new))
}

/// PTRACE_GETSIGINFO: the stop in which a tracee is, as waitid(2) reports it (`si_status`).
pub(crate) fn stop_status(pid: Pid) -> Result<c_int, Errno> {
    let mut information = MaybeUninit::<libc::siginfo_t>::zeroed();
    match ptrace(GET_SIGNAL_INFORMATION, pid, 0, information.as_mut_ptr().expose_provenance()) {
        Ok(()) => {
            // SAFETY: all zeroes are a valid value too.
            let information = unsafe { information.assume_init() };
            let is_event = information.si_code & 0xff == libc::SIGTRAP && information.si_signo == libc::SIGTRAP;
            Ok(if is_event { information.si_code } else { information.si_signo })
        }
        // It was stopped by the signal itself, which has been delivered.
        Err(Errno::EINVAL) => Ok(libc::SIGSTOP),
        Err(errno) => Err(errno),
    }
}

/// PTRACE_SEIZE and PTRACE_INTERRUPT: the thread is traced from now on, and stops soon.
pub(crate) fn seize(thread: Pid) -> Result<(), Errno> {
    ptrace(SEIZE, thread, 0, 0)?;
    ptrace(INTERRUPT, thread, 0, 0)
}

/// PTRACE_SETSIGMASK (Linux 3.11): unblocks every signal of a stopped tracee.
pub(crate) fn unblock_signals(pid: Pid) -> Result<(), Errno> {
    let empty: u64 = 0;
    ptrace(SET_SIGNAL_MASK, pid, size_of_val(&empty), (&raw const empty).expose_provenance())
}
