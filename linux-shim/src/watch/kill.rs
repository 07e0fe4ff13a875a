//! Sending signals to jobs.
//!
//! A number is as good as a name while nobody but the supervisor can free it: it is so for its children until it has reaped
//! them. Whoever may be reaped by another process is signalled by its pidfd (see `pidfd`).

use crate::kernel;
use nix::errno::Errno;
use nix::unistd::{getpgid, getpgrp};
use std::os::fd::BorrowedFd;
use uphold_core::{Pid, Signal};

/// Signals one process; says whether there was one.
///
/// # Errors
/// The kernel does not let us (EPERM).
pub fn signal_one(pid: Pid, signal: Signal) -> Result<bool, Errno> {
    there(kernel::process::kill(pid, false, signal))
}

/// Signals the process that the pidfd is of, and no other; says whether it was there.
///
/// # Errors
/// The kernel does not let us (EPERM).
pub fn signal_exactly(process: BorrowedFd<'_>, signal: Signal) -> Result<bool, Errno> {
    there(kernel::process::signal_process(process, false, signal))
}

/// [`signal_group`] for a process that is watched: nobody is signalled if it was reaped, even if its number lives on.
///
/// A group that it leads is signalled by the pidfd too. Another's number is used a moment after it was seen to be right: it
/// would be a stranger's if in that moment the process were reaped by another, no member were left, and the kernel had come
/// round to the number again.
///
/// # Errors
/// The kernel does not let us (EPERM).
pub fn signal_group_of(process: BorrowedFd<'_>, pid: Pid, signal: Signal) -> Result<bool, Errno> {
    let group = group_of(pid);
    // Asked second: if it is there now, the number was its own when its group was looked up.
    if signal_exactly(process, Signal(0)) == Ok(false) {
        return Ok(false);
    }
    let sent = match group {
        None => Err(Errno::ESRCH),
        Some(group) if group == pid => match kernel::process::signal_process(process, true, signal) {
            Err(Errno::EINVAL) => kernel::process::kill(group, true, signal),
            sent => sent,
        },
        Some(group) => kernel::process::kill(group, true, signal),
    };
    match sent {
        Err(Errno::ESRCH) => signal_exactly(process, signal),
        sent => there(sent),
    }
}

/// Signals the process group that `pid` is in, or `pid` alone where it has no group of a job (it is gone, or is in the
/// supervisor's own group); says whether there was anyone.
///
/// # Errors
/// The kernel does not let us (EPERM).
pub fn signal_group(pid: Pid, signal: Signal) -> Result<bool, Errno> {
    match group_of(pid).map(|group| kernel::process::kill(group, true, signal)) {
        Some(Ok(())) => Ok(true),
        Some(Err(Errno::ESRCH)) | None => signal_one(pid, signal),
        Some(Err(error)) => Err(error),
    }
}

fn there(sent: Result<(), Errno>) -> Result<bool, Errno> {
    match sent {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

fn group_of(pid: Pid) -> Option<Pid> {
    let number = i32::try_from(pid.get()).ok()?;
    let group = getpgid(Some(nix::unistd::Pid::from_raw(number))).ok()?;
    let number = u32::try_from(group.as_raw()).ok().filter(|&number| number > 1 && group != getpgrp())?;
    Pid::new(number)
}
