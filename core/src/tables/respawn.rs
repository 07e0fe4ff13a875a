//! Counting respawns: `respawn limit COUNT INTERVAL` of init(5), as measured on Upstart 1.13.2: in whole seconds, from
//! the first respawn. And the pause before each: `respawn delay MIN [MAX]`, which only Uphold has.

use core::hash::Hash;

use crate::limits::{HEALTHY_SECONDS, LOOP_RUNS, RESPAWN_COUNT, RESPAWN_SECONDS};
use crate::state::Goal;
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

/// The seconds between the end of a main process and the next start: `most` is at least `least`, and 0 means none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub struct RespawnDelay {
    /// After the first short run.
    pub least: u32,
    /// After many.
    pub most: u32,
}

impl RespawnDelay {
    /// That of a job file without the stanza: Upstart's.
    pub const NONE: RespawnDelay = RespawnDelay { least: 0, most: 0 };

    /// The delay after so many short runs in a row, in seconds: each is twice as long as the one before. After one of 0
    /// comes 1.
    pub const fn after(self, runs: u8) -> u32 {
        let mut seconds = self.least;
        let mut run: u8 = 1;
        while run < runs && seconds < self.most {
            seconds = if seconds == 0 { 1 } else { seconds.saturating_mul(2) };
            run = run.saturating_add(1);
        }
        if seconds < self.most { seconds } else { self.most }
    }

    /// The number of short runs after which the delay is the longest; more need not be counted.
    const fn steps(self) -> u8 {
        let mut runs: u8 = 1;
        while self.after(runs) < self.most {
            runs = runs.saturating_add(1);
        }
        runs
    }
}

/// The respawns of one instance. The window is fixed, not sliding: it opens with the first respawn after the last
/// window.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Respawns {
    /// When the window opened, in seconds of the clock: 32 bits last for 136 years.
    window: u32,
    count: u32,
    /// When the main process was launched, in seconds of the clock.
    launched: u32,
    /// How many runs in a row have ended within [`HEALTHY_SECONDS`] and been respawned.
    short_runs: u8,
    /// Whether the next start is a respawn.
    due: bool,
    /// Whether the job was given up, and the next start is the retry.
    retried: bool,
    /// Whether the log has named the loop of short runs.
    looping: bool,
}

/// The seconds of a moment, as they are kept.
fn seconds(now: Instant) -> u32 {
    u32::try_from(now.whole_seconds()).unwrap_or(u32::MAX)
}

impl Respawns {
    /// Sets the clock back. A window that has closed by `now` is dropped, and so is what makes no difference any more.
    pub(crate) fn rebase_time(&mut self, now: Instant, limit: RespawnLimit, delay: RespawnDelay, milliseconds: u64) {
        let earlier = |at: u32| at.saturating_sub(u32::try_from(milliseconds / 1000).unwrap_or(u32::MAX));
        let closed = seconds(now).saturating_sub(self.window) >= limit.interval;
        (self.window, self.count) = if closed { (0, 0) } else { (earlier(self.window), self.count) };
        // Without a delay only a message depends on them.
        let short_runs = if delay == RespawnDelay::NONE { 0 } else { self.short_runs.min(delay.steps()) };
        let launched = if short_runs == 0 || self.has_been_healthy(now) { 0 } else { earlier(self.launched) };
        (self.short_runs, self.launched, self.looping) = (short_runs, launched, false);
    }

    /// Counts a respawn; false if it exceeds the limit.
    pub fn admit(&mut self, now: Instant, limit: RespawnLimit) -> bool {
        if limit.count == 0 || limit.interval == 0 {
            return true;
        }
        let seconds = seconds(now);
        if seconds.saturating_sub(self.window) < limit.interval {
            // Counting one too many is enough.
            self.count = self.count.saturating_add(1).min(limit.count.saturating_add(1));
            self.count <= limit.count
        } else {
            (self.window, self.count) = (seconds, 1);
            true
        }
    }

    /// A main process was launched.
    pub(crate) fn launch(&mut self, now: Instant) {
        self.launched = seconds(now);
    }

    /// The main process is to be respawned: counts its run, if it was short.
    pub(crate) fn end_run(&mut self, now: Instant) {
        if self.has_been_healthy(now) {
            (self.short_runs, self.looping) = (0, false);
        }
        (self.short_runs, self.due) = (self.short_runs.saturating_add(1), true);
    }

    /// Whether an admitted respawn shows a loop that is too slow for the limit: many short runs, and still the respawn
    /// is the first of its window, or there is no limit. True once for each loop.
    pub(crate) fn finds_loop(&mut self, now: Instant, limit: RespawnLimit) -> bool {
        let is_first = self.count == 1 && self.window == seconds(now);
        let is_unlimited = limit.count == 0 || limit.interval == 0;
        let found = !self.looping && self.short_runs >= LOOP_RUNS && (is_first || is_unlimited);
        self.looping |= found;
        found
    }

    /// The number of short runs of a loop that is too slow for the limit.
    pub(crate) fn loop_runs(&self) -> Option<u8> {
        self.looping.then_some(self.short_runs)
    }

    /// Another goal is wanted than the one that led here: there is no retry, and a stop ends a series of short runs.
    pub(crate) fn turn(&mut self, goal: Goal) {
        self.retried = false;
        if goal == Goal::Stop {
            (self.short_runs, self.due, self.looping) = (0, false, false);
        }
    }

    /// A start begins, whether it is a respawn or not. Those before a retry do not count.
    pub(crate) fn begin(&mut self) {
        if self.retried {
            (self.window, self.count) = (0, 0);
        }
        (self.due, self.retried) = (false, false);
    }

    /// The job was given up, and is to be tried again; or it is not to be, after all.
    pub(crate) fn set_retried(&mut self, retried: bool) {
        self.retried = retried;
    }

    /// Whether the next start is a retry.
    pub(crate) fn is_retried(&self) -> bool {
        self.retried
    }

    /// Whether the next start is a respawn.
    pub(crate) fn is_due(&self) -> bool {
        self.due
    }

    /// The seconds for which the next start has to wait.
    pub(crate) fn delay(&self, delay: RespawnDelay) -> u32 {
        if self.due { delay.after(self.short_runs) } else { 0 }
    }

    fn has_been_healthy(&self, now: Instant) -> bool {
        seconds(now).saturating_sub(self.launched) >= HEALTHY_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use super::{RespawnDelay, RespawnLimit, Respawns};
    use crate::state::Goal;
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
        open.rebase_time(Instant(104_999), LIMIT, RespawnDelay::NONE, 30_000);
        closed.rebase_time(Instant(105_000), LIMIT, RespawnDelay::NONE, 30_000);
        assert_eq!((open, closed), (Respawns { window: 70, count: 1, ..Respawns::default() }, Respawns::default()));
    }

    #[test]
    fn each_delay_is_twice_as_long_as_the_one_before_up_to_the_longest() {
        let delays = |least, most| [1, 2, 3, 4, 5, 255].map(|runs| RespawnDelay { least, most }.after(runs));
        assert_eq!(delays(2, 11), [2, 4, 8, 11, 11, 11]);
        assert_eq!(delays(0, 3), [0, 1, 2, 3, 3, 3]);
        assert_eq!((delays(7, 7), delays(0, 0)), ([7; 6], [0; 6]));
        assert_eq!(delays(1, u32::MAX)[5], u32::MAX, "no delay exceeds its number");
        let steps = |least, most| RespawnDelay { least, most }.steps();
        assert_eq!([steps(2, 11), steps(0, 3), steps(7, 7), steps(0, u32::MAX)], [4, 4, 1, 34]);
    }

    #[test]
    fn delays_begin_again_after_a_healthy_minute_and_after_a_stop() {
        let delay = RespawnDelay { least: 2, most: 60 };
        let mut respawns = Respawns::default();
        let mut run = |from: u64, to: u64| {
            respawns.launch(Instant(from * 1000));
            respawns.begin();
            assert_eq!(respawns.delay(delay), 0, "only a respawn is delayed");
            respawns.end_run(Instant(to * 1000));
            respawns.delay(delay)
        };
        assert_eq!([run(0, 59), run(61, 61), run(65, 124), run(132, 192), run(194, 195)], [2, 4, 8, 2, 4]);
        respawns.turn(Goal::Stop);
        assert_eq!(respawns.delay(delay), 0);
        respawns.end_run(Instant(195_000));
        assert_eq!(respawns.delay(delay), 2);
    }

    #[test]
    fn respawns_before_a_retry_do_not_count() {
        let mut respawns = Respawns::default();
        let admit = |respawns: &mut Respawns| respawns.admit(Instant(100_000), LIMIT);
        assert_eq!([admit(&mut respawns), admit(&mut respawns), admit(&mut respawns)], [true, true, false]);
        respawns.begin();
        assert!(!admit(&mut respawns));
        respawns.set_retried(true);
        respawns.begin();
        assert!(admit(&mut respawns) && !respawns.is_retried());
    }

    #[test]
    fn a_loop_is_found_once_where_the_limit_does_not_end_it() {
        // The runs after which the loop is found, if each lives so long.
        let found = |milliseconds: u64, limit: RespawnLimit| {
            let mut respawns = Respawns::default();
            let mut run = |run: u64| {
                let (from, to) = (Instant(90_000 + (run - 1) * milliseconds), Instant(90_000 + run * milliseconds));
                respawns.launch(from);
                respawns.begin();
                respawns.end_run(to);
                respawns.admit(to, limit) && respawns.finds_loop(to, limit)
            };
            (1..30).filter(|&count| run(count)).collect::<heapless::Vec<u64, 30>>()
        };
        let unlimited = RespawnLimit { count: 0, interval: 0 };
        let is = |milliseconds, limit, runs: &[u64]| assert_eq!(found(milliseconds, limit), runs, "{milliseconds} ms");
        is(10_000, RespawnLimit::DEFAULT, &[5]);
        is(1000, RespawnLimit::DEFAULT, &[6]);
        is(59_000, LIMIT, &[5]);
        is(60_000, LIMIT, &[]);
        is(0, RespawnLimit::DEFAULT, &[]);
        is(0, unlimited, &[5]);
        // The limit ends this one later.
        is(10_000, RespawnLimit { count: 10, interval: 3600 }, &[]);
    }

    #[test]
    fn respawns_beyond_the_limit_are_all_alike() {
        let mut respawns = Respawns::default();
        let admitted = (0..9).filter(|_| respawns.admit(Instant(100_000), LIMIT)).count();
        assert_eq!((admitted, respawns), (2, Respawns { window: 100, count: 3, ..Respawns::default() }));
    }
}
