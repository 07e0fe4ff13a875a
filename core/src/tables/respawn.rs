//! Counting respawns: `respawn limit COUNT INTERVAL` of init(5), as measured on Upstart 1.13.2: in whole seconds, from
//! the first respawn.

use core::hash::Hash;

use crate::limits::{RESPAWN_COUNT, RESPAWN_SECONDS};
use crate::time::Instant;

/// Up to `count` respawns in `interval` seconds; if either is 0 there is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct RespawnLimit {
    /// The number of respawns; 0 means no limit.
    pub count: u32,
    /// The length of the window in whole seconds; 0 means no limit.
    pub interval: u32,
}

impl RespawnLimit {
    /// The limit of a job file without the stanza (init(5), `respawn limit`).
    pub const DEFAULT: RespawnLimit = RespawnLimit { count: RESPAWN_COUNT, interval: RESPAWN_SECONDS };
}

/// The respawns of one instance. The window is fixed, not sliding: it opens with the first respawn after the last
/// window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Respawns {
    window: u64,
    count: u32,
}

impl Respawns {
    /// Sets the window back; one that has closed by `now` is dropped.
    pub(crate) fn rebase_time(&mut self, now: Instant, limit: RespawnLimit, milliseconds: u64) {
        let closed = now.whole_seconds().saturating_sub(self.window) >= u64::from(limit.interval);
        *self = match closed {
            true => Respawns::default(),
            false => Respawns { window: self.window.saturating_sub(milliseconds / 1000), count: self.count },
        };
    }

    /// Counts a respawn; false if it exceeds the limit.
    pub fn admit(&mut self, now: Instant, limit: RespawnLimit) -> bool {
        if limit.count == 0 || limit.interval == 0 {
            return true;
        }
        let seconds = now.whole_seconds();
        if seconds.saturating_sub(self.window) < u64::from(limit.interval) {
            // Counting one too many is enough.
            self.count = self.count.saturating_add(1).min(limit.count.saturating_add(1));
            self.count <= limit.count
        } else {
            *self = Respawns { window: seconds, count: 1 };
            true
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{RespawnLimit, Respawns};
    use crate::time::Instant;

    const LIMIT: RespawnLimit = RespawnLimit { count: 2, interval: 5 };

    #[test]
    fn the_window_opens_with_the_first_respawn_and_counts_whole_seconds() {
        let mut respawns = Respawns::default();
        let mut admit = |milliseconds| respawns.admit(Instant(milliseconds), LIMIT);
        assert_eq!([admit(10_900), admit(11_000), admit(15_999)], [true, true, true]);
        assert_eq!([admit(16_000), admit(19_999), admit(19_999)], [true, false, false]);
        assert_eq!([admit(20_000), admit(24_999), admit(24_999), admit(25_000)], [true, true, false, true]);
    }

    #[test]
    fn without_a_number_or_a_window_there_is_no_limit() {
        for limit in [RespawnLimit { count: 0, ..LIMIT }, RespawnLimit { interval: 0, ..LIMIT }] {
            let mut respawns = Respawns::default();
            assert!((0..9).all(|_| respawns.admit(Instant(99_000), limit)));
            assert_eq!(respawns, Respawns::default());
        }
    }

    #[test]
    fn a_window_moves_with_the_clock_and_a_closed_one_is_dropped() {
        let mut respawns = Respawns::default();
        respawns.admit(Instant(100_000), LIMIT);
        let (mut open, mut closed) = (respawns, respawns);
        open.rebase_time(Instant(104_999), LIMIT, 30_000);
        closed.rebase_time(Instant(105_000), LIMIT, 30_000);
        assert_eq!((open, closed), (Respawns { window: 70, count: 1 }, Respawns::default()));
    }

    #[test]
    fn respawns_beyond_the_limit_are_all_alike() {
        let mut respawns = Respawns::default();
        let admitted = (0..9).filter(|_| respawns.admit(Instant(100_000), LIMIT)).count();
        assert_eq!((admitted, respawns), (2, Respawns { window: 100, count: 3 }));
    }
}
