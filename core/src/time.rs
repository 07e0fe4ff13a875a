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
