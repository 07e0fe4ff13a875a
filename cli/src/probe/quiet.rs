//! When a program is quiet: nothing more will happen, as far as can be seen.

use crate::probe::facts::{Fact, Observation};
use crate::probe::judge;
use crate::probe::proc_files as proc;
use nix::libc;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The time between two samples.
const SAMPLE: Duration = Duration::from_millis(100);
/// Quiet samples that are needed when the first process has left a daemon behind.
const FEW: usize = 20;
/// The same when the first process stays: it may still fork.
const MORE: usize = 30;
/// The same when it stays and sleeps or has children: it may wait for them.
const MANY: usize = 60;
/// Samples without a change of the judgement after which helpers that come and go count for nothing.
const STEADY: usize = 150;
/// Of so many samples one must be idle: a daemon that wakes ten times in a second waits for a processor each time.
const ONE_IN: usize = 2;
/// The ticks of a sample in which a program computes.
const TICKS: u64 = 3;

/// The samples since the last change.
pub struct Quiet {
    sampled: Instant,
    facts: usize,
    ticks: HashMap<u32, u64>,
    /// Whether each sample since the last fact was busy; the last ones at the end.
    samples: VecDeque<bool>,
    judged: Option<(Option<u32>, judge::Verdict)>,
    steady: usize,
}

impl Quiet {
    /// Nothing has been sampled.
    pub fn new() -> Self {
        let (ticks, samples, judged) = (HashMap::new(), VecDeque::new(), None);
        Quiet { sampled: Instant::now(), facts: 0, ticks, samples, judged, steady: 0 }
    }

    /// Takes a sample when it is time. Returns whether the program is quiet.
    pub fn check(&mut self, first: u32, facts: &[Fact], living: &[u32]) -> bool {
        if self.sampled.elapsed() < SAMPLE {
            return false;
        }
        self.sampled = Instant::now();
        let is_busy = self.sample(living);
        self.steady += 1;
        if facts.len() != self.facts {
            self.facts = facts.len();
            self.samples.clear();
            self.compare(first, facts);
            return self.steady >= STEADY && !is_busy;
        }
        let needed = needed(first, living);
        self.samples.push_back(is_busy);
        while self.samples.len() > needed {
            self.samples.pop_front();
        }
        let busy = self.samples.iter().filter(|busy| **busy).count();
        self.samples.len() >= needed && busy * ONE_IN <= needed && !is_busy
    }

    /// Whether a process computes, or waits for a processor or a disk.
    fn sample(&mut self, living: &[u32]) -> bool {
        let mut is_busy = false;
        for pid in living {
            let (works, ticks) = proc::activity(*pid);
            let before = self.ticks.insert(*pid, ticks).unwrap_or(ticks);
            is_busy |= works || ticks >= before + TICKS;
        }
        is_busy
    }

    /// Judges what is known so far, and counts how long that has not changed.
    fn compare(&mut self, first: u32, facts: &[Fact]) {
        let seen = Observation { first, facts: facts.to_vec(), ..Observation::default() };
        let judgement = judge::judge(&seen);
        let now = Some((judgement.daemon, judgement.verdict));
        if self.judged != now {
            (self.judged, self.steady) = (now, 0);
        }
    }
}

/// The quiet samples that are needed.
fn needed(first: u32, living: &[u32]) -> usize {
    let sleeps = [libc::SYS_clock_nanosleep, libc::SYS_nanosleep];
    let waits = || proc::waits_in(first).is_some_and(|call| sleeps.iter().any(|sleep| *sleep as u64 == call));
    match living.contains(&first) {
        false => FEW,
        true if living.len() > 1 || waits() => MANY,
        true => MORE,
    }
}
