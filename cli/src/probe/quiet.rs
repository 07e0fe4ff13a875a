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
/// On a busy machine a daemon that wakes ten times in a second always waits for a processor. So many times the samples
/// are enough if it has hardly computed in them: a program that does not get on would have taken all that it got.
const LONGER: usize = 3;
/// The most ticks, of ten in a sample, in which a program has hardly computed: for so many samples one.
const SAMPLES_FOR_A_TICK: usize = 5;
/// The ticks of a sample in which a program computes.
const TICKS: u64 = 3;

/// A sample of all processes.
#[derive(Clone, Copy, Default)]
struct Sample {
    runs: bool,
    reads: bool,
    ticks: u64,
}

/// The samples since the last change.
pub struct Quiet {
    sampled: Instant,
    facts: usize,
    ticks: HashMap<u32, u64>,
    /// The samples since the last fact.
    samples: VecDeque<Sample>,
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
        let sample = self.sample(living);
        self.steady += 1;
        if facts.len() != self.facts {
            self.facts = facts.len();
            self.samples.clear();
            self.compare(first, facts);
            return self.steady >= STEADY && !sample.runs && !sample.reads;
        }
        let needed = needed(first, living);
        self.samples.push_front(sample);
        self.samples.truncate(LONGER * needed);
        self.is_idle(needed)
    }

    /// Whether the samples are enough, and show no activity that counts.
    fn is_idle(&self, needed: usize) -> bool {
        let count = |of: usize, what: fn(&Sample) -> bool| self.samples.iter().take(of).filter(|at| what(at)).count();
        let busy = count(needed, |sample| sample.runs || sample.reads);
        if self.samples.len() >= needed && 2 * busy <= needed {
            return true;
        }
        let longer = LONGER * needed;
        let ticks: u64 = self.samples.iter().map(|sample| sample.ticks).sum();
        let reads = count(longer, |sample| sample.reads);
        self.samples.len() >= longer && ticks as usize <= longer / SAMPLES_FOR_A_TICK && 4 * reads <= longer
    }

    /// Takes a sample of all processes.
    fn sample(&mut self, living: &[u32]) -> Sample {
        let mut all = Sample::default();
        for pid in living {
            let now = proc::activity(*pid);
            let ticks = now.ticks.saturating_sub(self.ticks.insert(*pid, now.ticks).unwrap_or(now.ticks));
            all.runs |= now.runs || ticks >= TICKS;
            all.reads |= now.reads;
            all.ticks += ticks;
        }
        all
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
