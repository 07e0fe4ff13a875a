//! The time: milliseconds for the supervisor, and the kernel's ticks, which distinguish processes of one process id.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use uphold_core::Instant;

/// Ticks in a second: the unit in which Linux counts for programs, whatever its own is.
pub const TICKS: u64 = 100;

/// The current time.
pub fn now() -> Instant {
    // Linux always has this clock.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Instant(0), |time| {
        let time = Duration::from(time);
        Instant(time.as_secs() * 1000 + u64::from(time.subsec_millis()))
    })
}

/// Ticks since boot, the unit of a process's start time in `/proc/PID/stat`.
pub(crate) fn ticks() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        let time = Duration::from(time);
        time.as_secs() * TICKS + u64::from(time.subsec_nanos()) / (1_000_000_000 / TICKS)
    })
}
