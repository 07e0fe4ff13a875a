//! The time: milliseconds for the supervisor, and the kernel's ticks, which distinguish processes of one process id.

use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use uphold_core::Instant;
use uphold_core::control::why::Tenths;

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

/// A time in the unit of histories.
pub(crate) fn tenths(now: Instant) -> Tenths {
    Tenths(u32::try_from(now.0 / 100).unwrap_or(u32::MAX))
}

/// Ticks since boot, the unit of a process's start time in `/proc/PID/stat`.
pub(crate) fn ticks() -> u64 {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(0, |time| {
        let time = Duration::from(time);
        time.as_secs() * TICKS + u64::from(time.subsec_nanos()) / (1_000_000_000 / TICKS)
    })
}

/// When the supervisor tries again what the kernel has refused: soon at first, then in intervals that double.
pub(crate) struct Retry {
    at: Option<Instant>,
    pause: u32,
    first: u32,
    longest: u32,
}

impl Retry {
    /// Nothing is to be tried again. The first and the longest pause are in seconds.
    pub(crate) const fn new(first: u32, longest: u32) -> Self {
        Retry { at: None, pause: first, first, longest }
    }

    /// Plans the next attempt, unless one is planned already.
    pub(crate) fn plan(&mut self) {
        self.at = self.at.or_else(|| Some(now().after_seconds(self.pause)));
    }

    /// The time of the next attempt.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.at
    }

    /// Begins the attempt if its time has come, and returns whether it has. If it fails, the next one is to be planned.
    pub(crate) fn begin(&mut self) -> bool {
        if self.at.is_none_or(|at| at > now()) {
            return false;
        }
        (self.at, self.pause) = (None, self.pause.saturating_mul(2).min(self.longest));
        true
    }

    /// Nothing is left to be tried again.
    pub(crate) fn end(&mut self) {
        *self = Retry::new(self.first, self.longest);
    }
}

/// Whether trouble was logged: once for each time of it, which ends when all has been well for a while.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// The time until which it is taken for the same trouble.
    until: Option<Instant>,
    /// Seconds.
    rest: u32,
}

impl Trouble {
    /// None yet. `rest` is how many seconds it must stay away before it is logged again.
    pub(crate) const fn new(rest: u32) -> Self {
        Trouble { until: None, rest }
    }

    /// Notes trouble, and returns whether it is to be logged.
    pub(crate) fn begins(&mut self, now: Instant) -> bool {
        self.until.replace(now.after_seconds(self.rest)).is_none()
    }

    /// Notes that all is well.
    pub(crate) fn is_over(&mut self, now: Instant) {
        self.until = self.until.filter(|&until| now < until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_logged_again_after_a_while_in_which_all_was_well() {
        let at = |second: u64| Instant(second * 1000);
        let mut trouble = Trouble::new(60);
        assert!(trouble.begins(at(0)) && !trouble.begins(at(50)));
        trouble.is_over(at(100));
        assert!(!trouble.begins(at(101)), "it was back within the minute");
        assert!(!trouble.begins(at(500)), "it never ended");
        trouble.is_over(at(560));
        assert!(trouble.begins(at(561)));
    }
}
