//! Sending signals to jobs.
//!
//! A process id names one process as long as only the supervisor can free it: for its children, until it has reaped
//! them. A process that another process may reap is signalled by its pidfd (see `pidfd`).

use crate::kernel;
use nix::errno::Errno;
use nix::unistd::{getpgid, getpgrp};
use std::os::fd::BorrowedFd;
use uphold_core::{Pid, Signal};

/// Signals one process, and returns whether there was one.
///
/// # Errors
/// The kernel does not permit it (EPERM).
pub fn signal_one(pid: Pid, signal: Signal) -> Result<bool, Errno> {
    there(kernel::process::kill(pid, false, signal))
}

/// Signals the process of the pidfd and no other, and returns whether it existed.
///
/// # Errors
/// The kernel does not permit it (EPERM).
pub fn signal_exactly(process: BorrowedFd<'_>, signal: Signal) -> Result<bool, Errno> {
    there(kernel::process::signal_process(process, false, signal))
}

/// [`signal_group`] for a watched process: no process is signalled if it was reaped, even if its process id lives on.
///
/// The group that the process leads is signalled by the pidfd. Another group's id is used a moment after it was
/// checked: the signal would reach a stranger if in that moment another process reaped this one, no member of the group
/// were left, and the kernel had come round to the same id again.
///
/// # Errors
/// The kernel does not permit it (EPERM).
pub fn signal_group_of(process: BorrowedFd<'_>, pid: Pid, signal: Signal) -> Result<bool, Errno> {
    let group = group_of(pid);
    // Checked second: if the process exists now, the process id was its own when the group was looked up.
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

/// Signals the process group of `pid`, or `pid` alone if it has no group of a job (because it is gone, or is in the
/// supervisor's own group), and returns whether there was any process.
///
/// # Errors
/// The kernel does not permit it (EPERM).
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
