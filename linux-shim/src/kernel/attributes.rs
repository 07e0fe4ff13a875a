//! The resource limits, priority, user and groups of this process alone.

use std::ffi::{c_int, c_uint};

use nix::errno::Errno;

/// Sets a limit of this process, by the kernel's number for the resource; all ones mean no limit.
pub(crate) fn set_limit(resource: c_uint, soft: u64, hard: u64) -> Result<(), Errno> {
    // The kernel's own structure: 64 bits each on every machine.
    let limit = [soft, hard];
    let null = std::ptr::null::<u64>();
    // SAFETY: `limit` is read, and the old limit is not asked for.
    Errno::result(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), null) }).map(drop)
}

/// setpriority(2) for this process.
pub(crate) fn set_priority(nice: i8) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.into()) }).map(drop)
}

/// The supplementary groups of this process, if they fit.
pub(crate) fn groups(room: &mut [u32]) -> Option<&[u32]> {
    let most = c_int::try_from(room.len()).ok()?;
    // SAFETY: the pointer is valid for the stated number of entries.
    let count = unsafe { libc::getgroups(most, room.as_mut_ptr()) };
    room.get(..usize::try_from(count).ok()?)
}

/// setgroups(2) for this process alone.
pub(crate) fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the list has the stated length.
    Errno::result(unsafe { libc::syscall(numbers::SETGROUPS, groups.len(), groups.as_ptr()) }).map(drop)
}

/// setgid(2) for this process alone.
pub(crate) fn set_group(group: u32) -> Result<(), Errno> {
    // SAFETY: takes a number.
    Errno::result(unsafe { libc::syscall(numbers::SETGID, group) }).map(drop)
}

/// setuid(2) for this process alone.
pub(crate) fn set_user(user: u32) -> Result<(), Errno> {
    // SAFETY: takes a number.
    Errno::result(unsafe { libc::syscall(numbers::SETUID, user) }).map(drop)
}

/// The system calls with 32-bit user and group numbers.
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
mod numbers {
    pub(super) use libc::{SYS_setgid as SETGID, SYS_setgroups as SETGROUPS, SYS_setuid as SETUID};
}

/// The system calls with 32-bit user and group numbers.
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
mod numbers {
    pub(super) use libc::{SYS_setgid32 as SETGID, SYS_setgroups32 as SETGROUPS, SYS_setuid32 as SETUID};
}
