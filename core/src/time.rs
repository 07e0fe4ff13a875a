//! Time as an argument: the core owns no clock.

use core::hash::Hash;

/// A point on a monotonic clock, in milliseconds since some fixed moment (on Linux: boot, `CLOCK_MONOTONIC`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(pub u64);

impl Instant {
    /// The moment `seconds` whole seconds later; saturates.
    #[must_use]
    pub const fn after_seconds(self, seconds: u32) -> Instant {
        Instant(self.0.saturating_add((seconds as u64).saturating_mul(1000)))
    }

    /// The moment `milliseconds` later; saturates.
    #[must_use]
    pub const fn after_milliseconds(self, milliseconds: u32) -> Instant {
        Instant(self.0.saturating_add(milliseconds as u64))
    }

    /// Whole seconds since the clock began, as Upstart counts respawn intervals (measured on Upstart 1.13.2).
    pub const fn whole_seconds(self) -> u64 {
        self.0 / 1000
    }
}

/// Pauses between attempts: each is twice as long as the one before, up to the longest.
pub(crate) struct Backoff {
    first: u32,
    longest: u32,
}

impl Backoff {
    /// The first and the longest pause, in milliseconds.
    pub(crate) const fn new(first: u32, longest: u32) -> Backoff {
        Backoff { first, longest }
    }

    /// The pause after so many attempts that had one, in milliseconds.
    pub(crate) const fn after(&self, attempts: u32) -> u32 {
        let doublings = if attempts < u16::BITS { attempts } else { u16::BITS };
        let pause = self.first.saturating_mul(1_u32.wrapping_shl(doublings));
        if pause < self.longest { pause } else { self.longest }
    }

    /// The number of attempts after which the pause is the longest; more need not be counted.
    pub(crate) const fn steps(&self) -> u8 {
        let mut steps: u8 = 0;
        while self.after(steps as u32) < self.longest {
            steps = steps.saturating_add(1);
        }
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::{Backoff, Instant};

    #[test]
    fn moments_are_counted_in_milliseconds_and_never_pass_the_last() {
        assert_eq!(Instant(5).after_seconds(3), Instant(3005));
        assert_eq!(Instant(5).after_milliseconds(3), Instant(8));
        assert_eq!((Instant(1999).whole_seconds(), Instant(2000).whole_seconds()), (1, 2));
        assert_eq!(Instant(u64::MAX).after_seconds(1).after_milliseconds(1), Instant(u64::MAX));
    }

    #[test]
    fn each_pause_is_twice_as_long_as_the_one_before_up_to_the_longest() {
        let pauses = Backoff::new(3, 20);
        assert_eq!([0, 1, 2, 3, 4, 99].map(|attempts| pauses.after(attempts)), [3, 6, 12, 20, 20, 20]);
        assert_eq!((pauses.steps(), Backoff::new(20, 20).steps(), Backoff::new(3, 24).steps()), (3, 0, 3));
        assert_eq!(Backoff::new(1, u32::MAX).after(17), 1 << 16, "no pause is shifted out of its number");
    }
}
