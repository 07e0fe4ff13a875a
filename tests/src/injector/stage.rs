//! A supervisor with the jobs of the scenario, and what must hold of it between two chapters.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use libc::c_long;

use super::answer::Injector;
use super::chapters::{CHAPTERS, CLOSING, Chapter, JOBS};
use super::faults::Fault;
use super::play::{Played, Player};
use crate::system::limits::descriptors;
use crate::system::processes::{descendants, is_running};
use crate::system::{Launch, System, programs};

/// The most time until nothing is left of a chapter.
const PATIENCE: Duration = Duration::from_secs(20);

/// A supervisor with the jobs of the scenario.
pub struct Stage {
    /// The supervisor.
    pub system: System,
    /// The hold on the system calls of the supervisor.
    pub injector: Injector,
    bystander: u32,
    /// Open descriptors when nothing but the bystander runs.
    open: usize,
}

impl Stage {
    /// A stage for a fault. `None` if this kernel lets no test answer for it.
    pub fn set(fault: &Fault, daemon: &str) -> Option<Stage> {
        Stage::with(fault.calls, daemon, |launch| launch)
    }

    /// A stage for some calls, with other settings.
    pub fn with(calls: &[c_long], daemon: &str, change: impl FnOnce(Launch) -> Launch) -> Option<Stage> {
        let jobs: Vec<(&str, String)> =
            JOBS.iter().map(|(name, text)| (*name, text.replace("@DAEMON@", daemon))).collect();
        let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let (injector, launch) = (Injector::new(&programs::built().init, calls), change(Launch::new(&jobs)));
        let mut system = injector.start(move || launch.start())?;
        let bystander = system.await_running("bystander");
        Some(Stage { system, injector, bystander, open: 0 })
    }

    /// Plays a chapter.
    ///
    /// # Errors
    /// A goal is not reached.
    pub fn play(&mut self, chapter: &Chapter) -> Result<Played, String> {
        Player::new(&mut self.system).play(chapter)
    }

    /// Plays a chapter in which nothing fails: each command succeeds at once.
    ///
    /// # Errors
    /// One does not, or a goal is not reached.
    pub fn play_well(&mut self, chapter: &Chapter) -> Result<(), String> {
        let played = self.play(chapter)?;
        let is_well = played.again.is_empty() && played.told.iter().all(|told| is_expected(told));
        if is_well { Ok(()) } else { Err(format!("{}, when nothing failed: {played:?}", chapter.name)) }
    }

    /// Waits until something holds.
    fn come(&mut self, what: &str, mut look: impl FnMut(&mut Stage) -> Result<(), String>) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            match look(self) {
                Ok(()) => return Ok(()),
                Err(seen) if begun.elapsed() > PATIENCE => return Err(format!("{what}: {seen}")),
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Nothing but the bystander runs, and it was never disturbed.
    ///
    /// # Errors
    /// Otherwise.
    pub fn is_at_rest(&mut self) -> Result<(), String> {
        self.come("at rest", |stage| {
            let left = descendants(stage.system.pid());
            let alone = left.len() == 1 && left[0].pid == stage.bystander;
            if alone { Ok(()) } else { Err(format!("{left:?}")) }
        })?;
        let known = self.system.main_process("bystander");
        let is_there = known == Some(self.bystander) && is_running(self.bystander);
        if is_there { Ok(()) } else { Err(format!("the bystander {} is {known:?}", self.bystander)) }
    }

    /// The file to which a descriptor leads.
    fn link(&self, number: u32) -> Option<PathBuf> {
        std::fs::read_link(format!("/proc/{}/fd/{number}", self.system.pid())).ok()
    }

    fn open(&self) -> usize {
        descriptors(self.system.pid()).len()
    }

    /// No descriptor is left open.
    ///
    /// # Errors
    /// Otherwise.
    pub fn is_closed(&mut self) -> Result<(), String> {
        self.come("descriptors", |stage| {
            let (open, before) = (stage.open(), stage.open);
            let links = || descriptors(stage.system.pid()).into_iter().filter_map(|number| stage.link(number));
            if open <= before {
                return Ok(());
            }
            Err(format!("{before} were open, now {open}: {:?}", links().collect::<Vec<_>>()))
        })
    }

    /// Plays each chapter once, so that everything that is made at its first use is there. Returns their numbers of
    /// calls.
    ///
    /// # Errors
    /// Something fails by itself.
    pub fn warm_up(&mut self) -> Result<Vec<usize>, String> {
        let mut calls = Vec::new();
        for chapter in &CHAPTERS {
            self.injector.count();
            self.play_well(chapter)?;
            self.is_at_rest()?;
            calls.push(self.injector.calls());
        }
        self.play_well(&CLOSING)?;
        self.is_at_rest()?;
        self.open = self.open();
        Ok(calls)
    }
}

/// Whether a client gets this message in a scenario without faults, too.
pub fn is_expected(told: &str) -> bool {
    ["Unknown job", "failed to start", "Unknown instance"].iter().any(|words| told.contains(words))
}
