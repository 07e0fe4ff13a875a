//! Counting respawns: `respawn limit COUNT INTERVAL` of init(5), as measured on Upstart 1.13.2: in whole seconds, from the
//! first respawn.

use core::hash::Hash;

use crate::limits::{RESPAWN_COUNT, RESPAWN_SECONDS};
use crate::time::Instant;

/// Up to `count` respawns in `interval` seconds; if either is 0 there is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct RespawnLimit {
    /// How many respawns; 0 is as many as there are reasons for.
    pub count: u32,
    /// In how many whole seconds; 0 is no window, and no limit.
    pub interval: u32,
}

impl RespawnLimit {
    /// What holds where the job file says nothing (init(5), `respawn limit`).
    pub const DEFAULT: RespawnLimit = RespawnLimit { count: RESPAWN_COUNT, interval: RESPAWN_SECONDS };
}

/// The respawns of one instance. The window is fixed, not sliding: it opens with the first respawn after the last window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Respawns {
    window: u64,
    count: u32,
}

impl Respawns {
    /// As if it had all been so much earlier; a window that has closed by `now` is forgotten.
    pub(crate) fn rebase_time(&mut self, now: Instant, limit: RespawnLimit, milliseconds: u64) {
        let closed = now.whole_seconds().saturating_sub(self.window) >= u64::from(limit.interval);
        *self = match closed {
            true => Respawns::default(),
            false => Respawns { window: self.window.saturating_sub(milliseconds / 1000), count: self.count },
        };
    }

    /// Counts one; false if it is one too many.
    pub fn admit(&mut self, now: Instant, limit: RespawnLimit) -> bool {
        if limit.count == 0 || limit.interval == 0 {
            return true;
        }
        let seconds = now.whole_seconds();
        if seconds.saturating_sub(self.window) < u64::from(limit.interval) {
            // One too many is enough to know.
            self.count = self.count.saturating_add(1).min(limit.count.saturating_add(1));
            self.count <= limit.count
        } else {
            *self = Respawns { window: seconds, count: 1 };
            true
        }
    }
}
