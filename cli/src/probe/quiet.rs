//! When a program is quiet: nothing more will happen, as far as can be seen.

use crate::probe::facts::{Fact, Observation};
use crate::probe::judge;
use crate::probe::proc_files as proc;
use nix::libc;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The time between two samples.
const SAMPLE: Duration = Duration::from_millis(100);
/// Quiet samples that are needed when the first process has left a daemon behind.
const FEW: u32 = 20;
/// The same when the first process stays: it may still fork.
const MORE: u32 = 30;
/// The same when it stays and sleeps or has children: it may wait for them.
const MANY: u32 = 60;
/// Samples without a change of the judgement after which helpers that come and go count for nothing.
const STEADY: u32 = 150;
/// Of so many samples one may be busy: a daemon that wakes now and then is quiet all the same.
const ONE_IN: u32 = 4;
/// The ticks of a sample in which a program computes.
const TICKS: u64 = 3;

/// The samples since the last change.
pub struct Quiet {
    sampled: Instant,
    facts: usize,
    ticks: HashMap<u32, u64>,
    calm: u32,
    busy: u32,
    judged: Option<(Option<u32>, judge::Verdict)>,
    steady: u32,
}

impl Quiet {
    /// Nothing has been sampled.
    pub fn new() -> Self {
        let (ticks, judged) = (HashMap::new(), None);
        Quiet { sampled: Instant::now(), facts: 0, ticks, calm: 0, busy: 0, judged, steady: 0 }
    }

    /// Takes a sample when it is time. Returns whether the program is quiet.
    pub fn check(&mut self, first: u32, facts: &[Fact], living: &[u32]) -> bool {
        if self.sampled.elapsed() < SAMPLE {
            return false;
        }
        self.sampled = Instant::now();
        let is_busy = self.sample(living);
        let is_idle = self.calm_enough(is_busy);
        if facts.len() != self.facts {
            self.facts = facts.len();
            (self.calm, self.busy) = (0, 0);
            self.compare(first, facts);
            return self.steady >= STEADY && is_idle;
        }
        self.steady += 1;
        self.calm >= needed(first, living) && is_idle
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

    fn calm_enough(&mut self, is_busy: bool) -> bool {
        if is_busy {
            self.busy += 1;
        }
        if self.busy * ONE_IN > self.calm + ONE_IN {
            (self.calm, self.busy) = (0, 0);
        }
        self.calm += 1;
        !is_busy
    }

    /// Judges what is known so far, and counts how long that has not changed.
    fn compare(&mut self, first: u32, facts: &[Fact]) {
        let seen = Observation { first, facts: facts.to_vec(), ..Observation::default() };
        let judgement = judge::judge(&seen);
        let now = Some((judgement.daemon, judgement.verdict));
        if self.judged == now {
            self.steady += 1;
        } else {
            (self.judged, self.steady) = (now, 0);
        }
    }
}

/// The quiet samples that are needed.
fn needed(first: u32, living: &[u32]) -> u32 {
    let sleeps = [libc::SYS_clock_nanosleep, libc::SYS_nanosleep];
    let waits = || proc::waits_in(first).is_some_and(|call| sleeps.iter().any(|sleep| *sleep as u64 == call));
    match living.contains(&first) {
        false => FEW,
        true if living.len() > 1 || waits() => MANY,
        true => MORE,
    }
}
