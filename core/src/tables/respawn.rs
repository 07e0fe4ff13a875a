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
