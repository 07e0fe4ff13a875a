//! Dispositions and blocked signals of this process alone.

use std::ffi::c_int;

use uphold_core::Signal;

/// The kernel's structure of a disposition is smaller than this; zeros are SIG_DFL, no flags, nothing blocked.
type Disposition = [u64; 8];

/// The signals whose disposition is not the default, the first as the lowest bit.
pub(crate) fn disposed_signals() -> u64 {
    let mut disposed = 0;
    for signal in 1..=c_int::from(Signal::MAX) {
        let mut old: Disposition = [0; 8];
        let null = std::ptr::null::<u64>();
        // SAFETY: there is room for the structure, and no new one is given.
        let asked = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, null, old.as_mut_ptr(), 8) };
        // The handler is what the structure begins with, but on MIPS, where it comes second.
        if asked == 0 && old[..2] != [0; 2] {
            disposed |= 1 << (signal - 1);
        }
    }
    disposed
}

/// Gives these signals their default disposition, for this process alone.
pub(crate) fn default_signals(signals: u64) {
    const DEFAULT: Disposition = [0; 8];
    for signal in (1..=c_int::from(Signal::MAX)).filter(|signal| signals & 1 << (signal - 1) != 0) {
        // The bare call, since the C library keeps two numbers to itself, which may have been ignored when the
        // supervisor was started.
        // SAFETY: the structure is read, and the old one is not asked for.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), std::ptr::null::<u64>(), 8) };
    }
}

/// How many bytes the kernel's set of signals has: one bit for each.
const SIGNAL_SET: usize = (Signal::MAX as usize).div_ceil(64) * 8;

/// Blocks the signals whose bits are set (that of signal 1 is the lowest), and no others.
pub(crate) fn block_signals(set: u64) {
    let set = [set; SIGNAL_SET / 8];
    // SAFETY: the set is as long as said and is read only; the old one is not asked for.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, set.as_ptr(), std::ptr::null::<u64>(), SIGNAL_SET)
    };
}
