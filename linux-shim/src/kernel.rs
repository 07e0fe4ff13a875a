//! The system calls that nix does not offer in a usable form.
//!
//! nix's `Signal` has no real-time signals: its `kill` and `ptrace::cont` cannot pass them on, and its `waitid` answers
//! EINVAL for a process that one of them killed, after having reaped it, so that the exit would be lost.
#![allow(unsafe_code)]

use nix::errno::Errno;
use std::ffi::{c_int, c_void};
use uphold_core::process::Pid;
use uphold_core::signal::Signal;

// The requests of ptrace(2), the same on every Linux; the C libraries do not agree on their type.
const CONTINUE: u32 = 7;
const DETACH: u32 = 17;
const SET_OPTIONS: u32 = 0x4200;
const GET_EVENT_MESSAGE: u32 = 0x4201;
const SET_SIGNAL_MASK: u32 = 0x420b;

/// What waitid(2) says of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waited {
    pub(crate) pid: Pid,
    /// `CLD_...`.
    pub(crate) code: c_int,
    /// Exit status, signal, or ptrace event and signal.
    pub(crate) status: c_int,
}

/// The number of the signal as the kernel takes it; 0 for none.
fn number(signal: Option<Signal>) -> c_int {
    signal.map_or(0, |signal| c_int::from(signal.0))
}

fn as_pid(pid: Pid) -> Result<libc::pid_t, Errno> {
    libc::pid_t::try_from(pid.get()).map_err(|_| Errno::ESRCH)
}

fn waitid(which: libc::idtype_t, id: libc::id_t, options: c_int) -> Result<Option<Waited>, Errno> {
    // SAFETY: siginfo_t is plain numbers, for which zeros are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: `info` is a siginfo_t to write to, and lives past the call.
        match Errno::result(unsafe { libc::waitid(which, id, &mut info, options) }) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // SAFETY: waitid filled in the SIGCHLD members, or left the zeros.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let pid = u32::try_from(pid).ok().and_then(Pid::new);
    Ok(pid.map(|pid| Waited { pid, code: info.si_code, status }))
}

/// Whatever changed in any child or tracee, if anything did; the change is consumed.
pub(crate) fn wait_any() -> Option<Waited> {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::__WALL;
    waitid(libc::P_ALL, 0, options).ok().flatten()
}

/// Waits until the process has stopped or ended; the change is left for [`wait_any`].
pub(crate) fn await_change(pid: Pid) -> Result<(), Errno> {
    waitid(libc::P_PID, pid.get(), libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL).map(drop)
}

/// Waits until the process has ended, and forgets it.
pub(crate) fn await_exit(pid: Pid) -> Result<(), Errno> {
    waitid(libc::P_PID, pid.get(), libc::WEXITED | libc::__WALL).map(drop)
}

/// kill(2) for one process, or for the process group of that number. Numbers that kill(2) takes for "everyone" or for
/// the first process are refused.
pub(crate) fn kill(pid: Pid, group: bool, signal: Signal) -> Result<(), Errno> {
    let target = as_pid(pid)?;
    if target <= 1 {
        return Err(Errno::EPERM);
    }
    let target = if group { -target } else { target };
    // SAFETY: takes two numbers.
    Errno::result(unsafe { libc::kill(target, number(Some(signal))) }).map(drop)
}

/// One ptrace(2) request with a number as data.
fn ptrace(request: u32, pid: Pid, address: usize, data: usize) -> Result<(), Errno> {
    // SAFETY: every request that this module makes takes a number, or a pointer that its caller vouches for, as data.
    let done = unsafe { libc::ptrace(request as _, as_pid(pid)?, address as *mut c_void, data as *mut c_void) };
    Errno::result(done).map(drop)
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

/// PTRACE_GETEVENTMSG: the pid that a fork event is about.
pub(crate) fn event_message(pid: Pid) -> Result<Option<Pid>, Errno> {
    let mut message: libc::c_ulong = 0;
    ptrace(GET_EVENT_MESSAGE, pid, 0, (&raw mut message).expose_provenance())?;
    Ok(u32::try_from(message).ok().and_then(Pid::new))
}

/// PTRACE_SETSIGMASK (Linux 3.11): unblocks every signal of a stopped tracee.
pub(crate) fn unblock_signals(pid: Pid) -> Result<(), Errno> {
    let empty: u64 = 0;
    ptrace(SET_SIGNAL_MASK, pid, size_of_val(&empty), (&raw const empty).expose_provenance())
}
