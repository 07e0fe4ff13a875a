//! Sending signals to jobs.

use crate::kernel;
use nix::errno::Errno;
use nix::unistd::{getpgid, getpgrp};
use uphold_core::process::Pid;
use uphold_core::signal::Signal;

/// Signals one process; says whether there was one.
pub fn signal_one(pid: Pid, signal: Signal) -> Result<bool, Errno> {
    match kernel::kill(pid, false, signal) {
        Ok(()) => Ok(true),
        Err(Errno::ESRCH) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Signals the process group that `pid` is in, or `pid` alone where it has no group of a job (it is gone, or is in the
/// supervisor's own group); says whether there was anyone.
pub fn signal_group(pid: Pid, signal: Signal) -> Result<bool, Errno> {
    match group_of(pid).map(|group| kernel::kill(group, true, signal)) {
        Some(Ok(())) => Ok(true),
        Some(Err(Errno::ESRCH)) | None => signal_one(pid, signal),
        Some(Err(error)) => Err(error),
    }
}

fn group_of(pid: Pid) -> Option<Pid> {
    let number = i32::try_from(pid.get()).ok()?;
    let group = getpgid(Some(nix::unistd::Pid::from_raw(number))).ok()?;
    let number = u32::try_from(group.as_raw()).ok().filter(|&number| number > 1 && group != getpgrp())?;
    Pid::new(number)
}
