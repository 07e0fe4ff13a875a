//! The latest crashes, as one program tells the next in its option `--crashed`.

use std::fmt;

use uphold_core::Instant;

use crate::capacity::{CRASH_SECONDS, CRASHES};

/// The latest crashes.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Past {
    /// When they happened, the latest last.
    times: heapless::Vec<u64, { CRASHES + 1 }>,
    /// The description of the latest.
    what: String,
}

impl Past {
    /// From the option's word: times and a colon before the text.
    pub fn parse(word: &[u8]) -> Past {
        let word = String::from_utf8_lossy(word);
        let (times, what) = word.split_once(':').unwrap_or(("", &word));
        // Only a crash writes this. Wrong times are left out.
        let times = times.split(',').filter_map(|time| time.parse().ok()).take(CRASHES + 1).collect();
        Past { times, what: what.to_owned() }
    }

    /// Whether neither a crash nor the rescue loop came before this program.
    pub fn is_empty(&self) -> bool {
        *self == Past::default()
    }

    /// The times that count now.
    fn recent(&self, now: Instant) -> impl Iterator<Item = u64> {
        self.times.iter().copied().filter(move |&time| Instant(time).after_seconds(CRASH_SECONDS) > now)
    }

    /// How many crashes count now.
    pub fn count(&self, now: Instant) -> usize {
        self.recent(now).count()
    }

    /// Whether the program must not be run as usual any more.
    pub fn is_too_much(&self, now: Instant) -> bool {
        self.count(now) > CRASHES
    }

    /// The description of the latest.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// Whether there was a crash. A word without one comes from the rescue loop, which was left.
    pub fn has_crashed(&self) -> bool {
        !self.times.is_empty()
    }

    /// The times for the option, after one more crash now.
    pub(super) fn with(&self, now: Instant) -> Times<'_> {
        Times { past: self, now }
    }
}

/// The times of the latest crashes, the last of which happens now.
pub(super) struct Times<'p> {
    past: &'p Past,
    now: Instant,
}

impl fmt::Display for Times<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let recent = self.past.recent(self.now);
        // The latest ones, so that there is a place for this one.
        for time in recent.skip(self.past.count(self.now).saturating_sub(CRASHES)) {
            write!(f, "{time},")?;
        }
        write!(f, "{}", self.now.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_are_counted_for_a_minute() {
        let mut past = Past::default();
        let mut word = String::new();
        for (second, count) in [(1, 1), (2, 2), (30, 3), (60, 4), (61, 4), (62, 4), (200, 1)] {
            let now = Instant(second * 1000);
            word = format!("{}:a: b", past.with(now));
            past = Past::parse(word.as_bytes());
            assert_eq!((past.count(now), past.is_too_much(now)), (count, count == 4), "{word}");
        }
        assert_eq!((word.as_str(), past.what()), ("200000:a: b", "a: b"));
        assert!(past.has_crashed());
    }

    #[test]
    fn a_word_that_no_crash_wrote_is_harmless() {
        for word in [&b""[..], b":", b"why", b"x,y:why", b"\xff:\xff", b"1,2,3,4,5,6,7,8:", b"99999999999999999999:"] {
            let past = Past::parse(word);
            assert!(past.count(Instant(100_000)) == 0, "{past:?}");
        }
        assert!(!Past::parse(b":left").has_crashed());
    }
}
