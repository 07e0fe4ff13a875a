//! Dispositions and blocked signals of the calling process alone.

use std::ffi::c_int;
use std::time::Duration;

use nix::sys::signal::SigSet;

use uphold_core::Signal;

/// At least as large as the kernel's structure of a disposition; zeros are SIG_DFL without flags, with nothing blocked.
type Disposition = [u64; 8];

/// The signals whose disposition is not the default; bit 0 is signal 1.
pub(crate) fn disposed_signals() -> u64 {
    let mut disposed = 0;
    for signal in 1..=c_int::from(Signal::MAX) {
        let mut old: Disposition = [0; 8];
        let null = std::ptr::null::<u64>();
        // SAFETY: the buffer is large enough, and no new disposition is given.
        let asked = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, null, old.as_mut_ptr(), 8) };
        // The structure begins with the handler, except on MIPS, where it comes second.
        if asked == 0 && old[..2] != [0; 2] {
            disposed |= 1 << (signal - 1);
        }
    }
    disposed
}

/// Gives these signals their default disposition, in the calling process alone.
pub(crate) fn default_signals(signals: u64) {
    const DEFAULT: Disposition = [0; 8];
    for signal in (1..=c_int::from(Signal::MAX)).filter(|signal| signals & 1 << (signal - 1) != 0) {
        // The bare system call, since the C library reserves two signals, which may have been ignored when the
        // supervisor was started.
        // SAFETY: the structure is only read, and the old one is not requested.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), std::ptr::null::<u64>(), 8) };
    }
}

/// The size of the kernel's set of signals in bytes: one bit for each signal.
const SIGNAL_SET: usize = (Signal::MAX as usize).div_ceil(64) * 8;

/// The signals that are blocked in a process that is to be traced, until its tracer unblocks them at the stop of its
/// exec: all but the trap of that stop.
pub(crate) const BLOCKED_FOR_TRACE: u64 = !(1 << (Signal::TRAP.0 - 1));

/// Blocks exactly the signals whose bits are set; bit 0 is signal 1.
pub(crate) fn block_signals(set: u64) {
    let set = [set; SIGNAL_SET / 8];
    // SAFETY: the set has the stated size and is only read; the old one is not requested.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, set.as_ptr(), std::ptr::null::<u64>(), SIGNAL_SET)
    };
}

/// Waits for one of these signals, which are blocked, for at most so long. Returns its number.
pub(crate) fn await_signal(signals: &SigSet, most: Duration) -> Option<c_int> {
    let most = libc::timespec { tv_sec: most.as_secs() as _, tv_nsec: most.subsec_nanos() as _ };
    // SAFETY: the set and the time outlive the call, and the details of the signal are not requested.
    let number = unsafe { libc::sigtimedwait(signals.as_ref(), std::ptr::null_mut(), &raw const most) };
    (number > 0).then_some(number)
}
