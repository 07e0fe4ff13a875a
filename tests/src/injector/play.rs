//! A chapter is played: each command is given until it has come to its goal.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::chapters::{Chapter, Goal, Step};
use crate::system::processes::{Signal, is_held, is_running, send};
use crate::system::{Ran, System};

/// The most time to wait for a goal.
const PATIENCE: Duration = Duration::from_secs(30);

/// The time in which a job that is in the opposite state of the goal may still begin to move. After that it gets the
/// command again, which is noted.
const MOMENT: Duration = Duration::from_secs(5);

/// The same after a command that has failed.
const INSTANT: Duration = Duration::from_millis(50);

const PAUSE: Duration = Duration::from_millis(2);

/// How a chapter went.
#[derive(Debug, Default)]
pub struct Played {
    /// The commands that were repeated.
    pub again: Vec<String>,
    /// The messages of commands that failed.
    pub told: Vec<String>,
    /// Jobs that failed, or were not respawned: a fault that may pass does not do that.
    pub lost: Vec<String>,
}

/// Plays chapters on a system.
pub struct Player<'s> {
    system: &'s mut System,
    played: Played,
    /// Lines of the jobs' logs when the chapter began.
    lines: BTreeMap<&'static str, usize>,
    /// The chapter, and the step.
    at: String,
}

type Outcome = Result<(), String>;

fn job_of(goal: Goal) -> Option<(&'static [&'static str], bool)> {
    match goal {
        Goal::Runs(words) => Some((words, true)),
        Goal::Rests(words) => Some((words, false)),
        Goal::Done | Goal::Refused(_) | Goal::Prints(_) => None,
    }
}

/// Whether a command has come to its goal, as far as its output tells.
fn is_answered(goal: Goal, ran: &Ran) -> bool {
    match goal {
        Goal::Refused(text) => ran.code != 0 && ran.err.contains(text),
        Goal::Prints(text) => ran.code == 0 && ran.out.contains(text),
        Goal::Done | Goal::Runs(_) | Goal::Rests(_) => ran.code == 0,
    }
}

/// Whether a process runs, and does not stand still.
fn goes_on(pid: u32) -> bool {
    is_running(pid) && !is_held(pid)
}

/// A command that does not wait until a job has come to its goal.
fn without_waiting<'w>(words: &[&'w str]) -> Vec<&'w str> {
    let (command, rest) = words.split_first().expect("a command");
    let waits = matches!(*command, "start" | "stop" | "restart" | "emit") && !rest.contains(&"--no-wait");
    [&[*command][..], if waits { &["--no-wait"][..] } else { &[] }, rest].concat()
}

/// The main process in the first line of a status.
fn main_in(status: &str) -> Option<u32> {
    status.lines().next()?.split_once(" start/running, process ")?.1.trim().parse().ok()
}

impl<'s> Player<'s> {
    /// A player for this system.
    pub fn new(system: &'s mut System) -> Self {
        Player { system, played: Played::default(), lines: BTreeMap::new(), at: String::new() }
    }

    /// Plays a chapter.
    ///
    /// # Errors
    /// A goal is not reached, or a command fails without a word.
    pub fn play(mut self, chapter: &Chapter) -> Result<Played, String> {
        for step in chapter.steps {
            if let Step::Logs(job, _) = step {
                self.lines.insert(job, self.system.output(job).lines().count());
            }
        }
        for step in chapter.steps {
            self.at = format!("{}: {step:?}", chapter.name);
            match *step {
                Step::Run(words, goal) => self.run(words, goal),
                Step::Await(goal) => self.reach(goal),
                Step::Kill(job) => self.kill(job),
                Step::Logs(job, line) => self.logs(job, line),
                Step::Write(job, text, shown) => self.write(job, text, shown),
                Step::Remove(job) => self.remove(job),
                Step::Noted(file) => self.noted(file).map(drop),
                Step::KillNoted(file) => self.kill_noted(file),
            }?;
        }
        Ok(self.played)
    }

    /// Plays a chapter while the kernel lacks something: each command is answered, and nothing is expected of it.
    ///
    /// # Errors
    /// A command fails without a word.
    pub fn play_in_need(mut self, chapter: &Chapter) -> Result<(), String> {
        for step in chapter.steps {
            self.at = format!("{}: {step:?}", chapter.name);
            match *step {
                Step::Run(words, _) => self.order(&without_waiting(words)).map(drop)?,
                Step::Write(job, text, _) => drop(self.system.folder().write(&format!("conf/{job}.conf"), text)),
                // It is there, unless the disk is full.
                Step::Remove(job) => std::fs::remove_file(self.file(job)).unwrap_or_default(),
                Step::Kill(job) => {
                    if let Some(main) = main_in(&self.status(&[job])?) {
                        send(main, Signal::SIGKILL);
                    }
                }
                Step::Await(_) | Step::Logs(..) | Step::Noted(_) | Step::KillNoted(_) => {}
            }
        }
        Ok(())
    }

    fn file(&self, job: &str) -> PathBuf {
        self.system.folder().path("conf").join(format!("{job}.conf"))
    }

    fn order(&mut self, words: &[&str]) -> Result<Ran, String> {
        let ran = self.system.initctl(words);
        if ran.code != 0 && ran.err.trim().is_empty() {
            return Err(format!("{}: fails without a word: {ran:?}", self.at));
        }
        Ok(ran)
    }

    /// Asks for the status of a job. The message of a command that fails is noted.
    fn status(&mut self, words: &[&str]) -> Result<String, String> {
        let ran = self.order(&[&["status"], words].concat())?;
        if ran.code == 0 {
            return Ok(ran.out);
        }
        if ran.err.contains("Unknown instance") {
            return Ok("stop/waiting".into());
        }
        self.played.told.push(ran.err.clone());
        Ok(String::new())
    }

    /// Whether a job has reached a goal, and whether it is in the opposite state.
    fn look(&mut self, (words, runs): (&[&str], bool)) -> Result<(bool, bool), String> {
        let status = self.status(words)?;
        let is_up = main_in(&status).is_some_and(goes_on);
        let is_down = status.contains("stop/waiting");
        Ok(if runs { (is_up, is_down) } else { (is_down, is_up) })
    }

    /// Waits until a job has come to a goal, or stays in the opposite state. Returns whether it has.
    fn settle(&mut self, job: (&[&str], bool), moment: Duration) -> Result<bool, String> {
        let (begun, mut opposite_since) = (Instant::now(), None);
        loop {
            let (reached, opposite) = self.look(job)?;
            if reached {
                return Ok(true);
            }
            match opposite {
                true if opposite_since.get_or_insert_with(Instant::now).elapsed() > moment => return Ok(false),
                true => {}
                false => opposite_since = None,
            }
            if begun.elapsed() > PATIENCE {
                let status = self.status(job.0)?;
                return Err(format!("{}: {status:?} for {PATIENCE:?}", self.at));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn run(&mut self, words: &[&str], goal: Goal) -> Outcome {
        let mut words = words.to_vec();
        for attempt in 0..4 {
            let ran = self.order(&words)?;
            // The connection may have been closed after the command was taken.
            let is_done = attempt > 0 && matches!(goal, Goal::Done) && ran.err.contains("already running");
            let answered = is_answered(goal, &ran) || is_done;
            let reached = match job_of(goal) {
                Some(job) => self.settle(job, if ran.code == 0 { MOMENT } else { INSTANT })?,
                None => answered,
            };
            if ran.code != 0 && !answered {
                self.played.told.push(ran.err.clone());
            }
            if !answered && ran.err.contains("failed to") {
                self.played.lost.push(format!("{words:?}: {}", ran.err));
            }
            if reached {
                if !answered {
                    self.played.again.push(format!("{words:?}: {ran:?}"));
                }
                return Ok(());
            }
            self.played.again.push(format!("{words:?}: {ran:?}"));
            if words[0] == "restart" {
                // It has stopped the job, and could not start it.
                words[0] = "start";
            }
        }
        Err(format!("{}: not after four times: {:?}", self.at, self.played))
    }

    /// Waits for a goal. A job that a fault has kept from it gets a command.
    fn reach(&mut self, goal: Goal) -> Outcome {
        let (job, runs) = job_of(goal).ok_or("only a job is waited for")?;
        if self.settle((job, runs), MOMENT)? {
            return Ok(());
        }
        self.played.again.push(format!("{job:?} is not there by itself"));
        self.played.lost.push(format!("{job:?} is not there by itself"));
        let word = if runs { "start" } else { "stop" };
        let whole: Vec<&str> = [&[word], job].concat();
        self.run(&whole, goal)
    }

    fn kill(&mut self, job: &'static str) -> Outcome {
        let status = self.status(&[job])?;
        let Some(main) = main_in(&status).or_else(|| main_in(&self.system.initctl(&["status", job]).out)) else {
            return Err(format!("{}: {status:?}", self.at));
        };
        send(main, Signal::SIGKILL);
        let (begun, mut down_since) = (Instant::now(), None);
        loop {
            let status = self.status(&[job])?;
            if main_in(&status).is_some_and(|next| next != main && goes_on(next)) {
                return Ok(());
            }
            if status.contains("stop/waiting") {
                if down_since.get_or_insert_with(Instant::now).elapsed() > MOMENT {
                    self.played.again.push(format!("{job} was not respawned"));
                    self.played.lost.push(format!("{job} was not respawned"));
                    let words: &[&str] = &["start", job];
                    let ran = self.order(words)?;
                    if ran.code == 0 {
                        return Ok(());
                    }
                }
            } else {
                down_since = None;
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{}: {main} was killed; {status:?}", self.at));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn logs(&mut self, job: &'static str, line: &str) -> Outcome {
        for _ in 0..2 {
            let begun = Instant::now();
            while begun.elapsed() < MOMENT {
                let log = self.system.output(job);
                let before = self.lines.get(job).copied().unwrap_or_default();
                if log.lines().skip(before).any(|logged| logged.trim_end() == line) {
                    return Ok(());
                }
                std::thread::sleep(PAUSE);
            }
            // Its log could not be made.
            self.played.again.push(format!("{job} was not logged"));
            self.order(&["restart", job])?;
        }
        Err(format!("{}: the log is {:?}", self.at, self.system.output(job)))
    }

    /// Waits until a command's answer shows that the supervisor knows something.
    fn learn(&mut self, words: &[&str], knows: impl Fn(&Ran) -> bool) -> Outcome {
        let begun = Instant::now();
        loop {
            let ran = self.order(words)?;
            if knows(&ran) {
                return Ok(());
            }
            if ran.code != 0 && !ran.err.contains("Unknown job") {
                self.played.told.push(ran.err.clone());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{}: {ran:?}", self.at));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn write(&mut self, job: &str, text: &str, shown: &str) -> Outcome {
        let text = text.replace("@DAEMON@", "sleep 1000");
        self.system.folder().write(&format!("conf/{job}.conf"), &text);
        self.learn(&["show-config", job], |ran| ran.out.contains(shown))
    }

    fn remove(&mut self, job: &str) -> Outcome {
        std::fs::remove_file(self.file(job)).map_err(|problem| problem.to_string())?;
        self.learn(&["status", job], |ran| ran.err.contains("Unknown job"))
    }

    /// Waits for the process that has noted its id in a file.
    fn noted(&self, file: &str) -> Result<u32, String> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let noted = std::fs::read_to_string(self.system.folder().path(file));
            if let Some(pid) = noted.ok().and_then(|text| text.trim().parse().ok()) {
                return Ok(pid);
            }
            std::thread::sleep(PAUSE);
        }
        Err(format!("{}: nothing was noted", self.at))
    }

    fn kill_noted(&mut self, file: &str) -> Outcome {
        send(self.noted(file)?, Signal::SIGKILL);
        std::fs::remove_file(self.system.folder().path(file)).map_err(|problem| problem.to_string())
    }
}
