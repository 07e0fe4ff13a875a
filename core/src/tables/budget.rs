//! The respawn budget: how often the jobs of a supervisor may be respawned, all together (init(8),
//! `--respawn-budget`). It is a bucket of respawns that fills evenly; only the time when it is full again is kept.

use crate::time::Instant;

/// Up to `count` respawns in `seconds`, for all jobs together; if either is 0 there is no bound. After a time without
/// respawns so many are possible at once, and then one after each part of the seconds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct RespawnBudget {
    /// The number of respawns; 0 means no bound.
    pub count: u32,
    /// The time in seconds; 0 means no bound.
    pub seconds: u32,
}

impl RespawnBudget {
    /// The milliseconds after which one more respawn is possible.
    const fn interval(self) -> u64 {
        match (self.seconds as u64).saturating_mul(1000).checked_div(self.count as u64) {
            Some(interval) => interval,
            None => 0,
        }
    }
}

/// The budget, and how much of it is spent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Budget {
    bound: RespawnBudget,
    /// When nothing of it is spent any more.
    full: Instant,
    /// Whether the log has said that it is spent.
    told: bool,
}

impl Budget {
    /// No bound.
    pub(crate) const NONE: Budget =
        Budget { bound: RespawnBudget { count: 0, seconds: 0 }, full: Instant(0), told: false };

    /// Sets the bound; earlier respawns stay spent.
    pub(crate) fn set(&mut self, bound: RespawnBudget) {
        self.bound = bound;
    }

    /// The time before which no respawn is possible; `None` if one is possible now.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        let interval = self.bound.interval();
        let rest = interval.saturating_mul(u64::from(self.bound.count.saturating_sub(1)));
        let next = Instant(self.full.0.saturating_sub(rest));
        (interval > 0 && next > now).then_some(next)
    }

    /// A job is respawned.
    pub(crate) fn spend(&mut self, now: Instant) {
        let interval = self.bound.interval();
        if self.full <= now {
            (self.full, self.told) = (now, false);
        }
        self.full = if interval > 0 { Instant(self.full.0.saturating_add(interval)) } else { Instant(0) };
    }

    /// Whether the log is to say that it is spent: once, until a respawn finds all of it there.
    pub(crate) fn tells(&mut self) -> Option<RespawnBudget> {
        (!core::mem::replace(&mut self.told, true)).then_some(self.bound)
    }

    /// Sets the clock back; what makes no difference any more is dropped.
    pub(crate) fn rebase_time(&mut self, now: Instant, milliseconds: u64) {
        let is_full = self.full <= now;
        self.full = if is_full { Instant(0) } else { Instant(self.full.0.saturating_sub(milliseconds)) };
        self.told &= !is_full;
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, RespawnBudget};
    use crate::time::Instant;

    /// Respawns as soon as possible, at these times or later.
    fn times(bound: RespawnBudget, wanted: &[u64]) -> std::vec::Vec<u64> {
        let mut budget = Budget::NONE;
        budget.set(bound);
        let mut last = 0;
        let spend = |&at: &u64| {
            let now = Instant(at.max(last));
            let now = budget.next(now).unwrap_or(now);
            assert_eq!(budget.next(now), None);
            budget.spend(now);
            last = now.0;
            now.0
        };
        wanted.iter().map(spend).collect()
    }

    extern crate std;

    #[test]
    fn so_many_are_possible_at_once_and_then_one_after_each_part_of_the_time() {
        let bound = RespawnBudget { count: 3, seconds: 30 };
        assert_eq!(times(bound, &[1000; 6]), [1000, 1000, 1000, 11_000, 21_000, 31_000]);
        assert_eq!(
            times(bound, &[1000, 1000, 1000, 40_000, 40_000, 40_000, 40_000])[3..],
            [40_000, 40_000, 40_000, 50_000]
        );
        assert_eq!(times(RespawnBudget { count: 1, seconds: 5 }, &[0, 0, 0]), [0, 5000, 10_000]);
    }

    #[test]
    fn without_a_number_or_a_time_there_is_no_bound() {
        for bound in [RespawnBudget { count: 0, seconds: 5 }, RespawnBudget { count: 5, seconds: 0 }] {
            assert_eq!(times(bound, &[7; 20]), [7; 20]);
        }
    }

    #[test]
    fn it_is_told_once_until_all_of_it_is_there_again() {
        let bound = RespawnBudget { count: 2, seconds: 10 };
        let mut budget = Budget::NONE;
        budget.set(bound);
        budget.spend(Instant(0));
        budget.spend(Instant(0));
        assert_eq!((budget.tells(), budget.tells()), (Some(bound), None));
        budget.spend(Instant(5000));
        assert_eq!(budget.tells(), None);
        budget.spend(Instant(15_000));
        assert_eq!(budget.tells(), Some(bound));
        let mut earlier = budget;
        earlier.rebase_time(Instant(16_000), 10_000);
        assert_eq!(earlier.next(Instant(6000)), budget.next(Instant(16_000)));
        earlier.rebase_time(Instant(90_000), 10_000);
        let mut fresh = Budget::NONE;
        fresh.set(bound);
        assert_eq!(earlier, fresh);
    }
}
