//! The soak: many real jobs under random kills, commands, re-execs, changes of job files, storms of events and hostile
//! clients. At the end all jobs have stopped, and nothing of the supervisor's has grown.
//!
//! [`crowd`] makes the jobs, [`trouble`] what happens to them, [`hostile`] the clients that mean no good, and
//! [`figures`] counts what the supervisor holds.

pub mod crowd;
pub mod figures;
pub mod hostile;
pub mod trouble;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::system::{Launch, System};
use crowd::Crowd;
use figures::{FIGURES, Figures};
use trouble::Troubles;

/// How long it takes, how many jobs there are, and the seed.
#[derive(Clone, Copy, Debug)]
pub struct Soak {
    /// The time in which there is trouble. In the last quarter of it there is no re-exec: what a program holds too much
    /// of would be gone with it.
    pub time: Duration,
    /// The number of jobs.
    pub jobs: usize,
    /// The seed of everything that is random.
    pub seed: u64,
}

/// The outcome of a soak.
#[derive(Debug)]
pub struct Outcome {
    /// Counts at the start, the highest ones meanwhile, and those at the end.
    pub figures: [Figures; 3],
    /// The troubles, each with its number.
    pub happened: Vec<(&'static str, usize)>,
    /// Jobs that did not stop, and other mistakes.
    pub wrong: Vec<String>,
}

impl Soak {
    /// Plays it with this scripted daemon.
    pub fn play(self, daemon: &str) -> Outcome {
        let crowd = Crowd::new(self.jobs, daemon);
        let files = crowd.files();
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let mut system = Launch::new(&files).start();
        let mut wrong = Vec::new();
        // Everything has run once, so that what is made at its first use is there.
        crowd.start_all(&system);
        rest(&mut system, &crowd, &mut wrong);
        let before = Figures::of(&system);
        let mut troubles = Troubles::new(&crowd, Dice(self.seed));
        let (begun, mut most) = (Instant::now(), before.clone());
        for number in 0.. {
            if begun.elapsed() > self.time || system.has_ended() {
                break;
            }
            troubles.next(&mut system, begun.elapsed() < self.time * 3 / 4);
            if number % LOOK == 0 {
                most.raise(&Figures::of(&system));
            }
        }
        if system.has_ended() {
            wrong.push("init has ended".into());
            return Outcome { figures: [before.clone(), most, before], happened: troubles.counts(), wrong };
        }
        troubles.end(&system);
        rest(&mut system, &crowd, &mut wrong);
        let after = settled(&system, &before);
        let outcome = Outcome { figures: [before, most, after], happened: troubles.counts(), wrong };
        if !outcome.is_well() {
            std::fs::copy(system.folder().path("messages"), std::env::temp_dir().join("uphold-soak-messages"))
                .map(drop)
                .unwrap_or_default();
        }
        outcome
    }
}

/// The troubles after which the figures are looked at.
const LOOK: usize = 50;

/// The most time until every job has stopped, or until the last descriptor is closed.
const PATIENCE: Duration = Duration::from_secs(60);

/// Stops every job, and waits until none is left.
fn rest(system: &mut System, crowd: &Crowd, wrong: &mut Vec<String>) {
    let begun = Instant::now();
    loop {
        let left = crowd.moving(system);
        if left.is_empty() {
            break;
        }
        if begun.elapsed() > PATIENCE {
            wrong.push(format!("jobs do not stop: {left:?}"));
            break;
        }
        crowd.stop(system, &left);
    }
    let known = system.order(&["list"]).lines().count();
    if known < crowd.len() {
        wrong.push(format!("{known} of {} jobs are known", crowd.len()));
    }
}

/// The figures when nothing is in motion any more.
fn settled(system: &System, before: &Figures) -> Figures {
    let begun = Instant::now();
    loop {
        let now = Figures::of(system);
        if now.leaks(before).is_empty() || begun.elapsed() > PATIENCE / 2 {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

impl Outcome {
    /// Whether all is well.
    pub fn is_well(&self) -> bool {
        let [before, _, after] = &self.figures;
        self.wrong.is_empty() && after.leaks(before).is_empty()
    }

    /// The table of figures.
    pub fn table(&self) -> String {
        let [before, most, after] = &self.figures;
        let leaks = after.leaks(before);
        let mut text = format!("{:<24} {:>9} {:>9} {:>9}\n", "", "start", "most", "end");
        for (index, name) in FIGURES.iter().enumerate() {
            let mark = if leaks.contains(name) { "  leaked" } else { "" };
            let [before, most, after] = [before, most, after].map(|figures| figures.0[index]);
            writeln!(text, "{name:<24} {before:>9} {most:>9} {after:>9}{mark}").expect("a string takes it");
        }
        for (what, count) in &self.happened {
            writeln!(text, "{what:<24} {count:>29}").expect("a string takes it");
        }
        for problem in &self.wrong {
            writeln!(text, "wrong: {problem}").expect("a string takes it");
        }
        text
    }
}
