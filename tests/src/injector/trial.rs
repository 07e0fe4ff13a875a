//! Trials: a chapter is played with a fault at one call, and then everything must be well.

use std::panic::{AssertUnwindSafe, catch_unwind};

use uphold_linux::kernel::error::may_pass;

use super::chapters::{CHAPTERS, CLOSING, Chapter};
use super::faults::Fault;
use super::stage::{Stage, is_expected};
use crate::dice::Dice;

/// The mistakes after which no more trials of a fault are made.
const MOST_WRONG: usize = 4;

/// The calls of a chapter that fail, one in each trial.
#[derive(Clone, Copy, Debug)]
pub enum Choice {
    /// Every one.
    Every,
    /// At most so many, by a seed.
    Some(usize, u64),
}

/// The outcome of the trials of a fault.
#[derive(Debug, Default)]
pub struct Report {
    /// The calls of the scenario.
    pub calls: usize,
    /// The calls that have failed.
    pub failed: usize,
    /// The number of these faults that the log mentions.
    pub said: usize,
    /// The number of those that reached a client.
    pub told: usize,
    /// The number of those after which a command was repeated.
    pub again: usize,
    /// The mistakes.
    pub wrong: Vec<String>,
}

impl Stage {
    /// Plays a chapter with a fault at one call, and then looks at everything. Returns whether there was such a call.
    fn trial(&mut self, chapter: &Chapter, fault: &Fault, count: usize, report: &mut Report) -> Result<bool, String> {
        let log = self.system.log().len();
        self.injector.order(count, fault.error as i32);
        let played = self.play(chapter);
        let has_failed = self.injector.end().is_some();
        let played = played?;
        if has_failed {
            report.failed += 1;
        }
        self.is_at_rest()?;
        self.play_well(&CLOSING)?;
        self.is_at_rest()?;
        self.is_closed()?;
        let log = self.system.log().split_off(log);
        let said = log.lines().filter(|line| fault.is_said(line)).count();
        let told = played.told.iter().any(|told| !is_expected(told));
        report.said += usize::from(said > 0);
        report.told += usize::from(told);
        report.again += usize::from(!played.again.is_empty());
        if may_pass(fault.error) && !played.lost.is_empty() {
            return Err(format!("{:?}\n{log}", played.lost));
        }
        if said > 1 {
            return Err(format!("it is said {said} times\n{log}"));
        }
        if said == 0 && !told && !played.again.is_empty() {
            return Err(format!("nothing is said of it: {played:?}\n{log}"));
        }
        Ok(has_failed)
    }
}

/// The words of a panic.
fn words_of(panicked: &(dyn std::any::Any + Send)) -> String {
    let text = panicked.downcast_ref::<String>().cloned();
    text.or_else(|| panicked.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

/// The outcome of something that may panic.
pub(super) fn caught<T>(deed: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(deed)).unwrap_or_else(|panicked| Err(words_of(&*panicked)))
}

/// The calls of a chapter that are to fail.
pub(super) fn chosen(calls: usize, choice: Choice, dice: &mut Dice) -> Vec<usize> {
    match choice {
        // A few more: the number of calls varies, and a call that does not come is noticed.
        Choice::Every => (1..=calls + calls / 10 + 1).collect(),
        Choice::Some(most, _) => {
            let mut chosen: Vec<usize> = (0..most.min(calls)).map(|_| 1 + dice.throw(calls)).collect();
            chosen.sort_unstable();
            chosen.dedup();
            chosen
        }
    }
}

/// Makes the trials of a fault. `None` if this kernel lets no test answer for it. A supervisor for which something is
/// wrong is not used on.
pub fn try_fault(fault: &Fault, choice: Choice, daemon: &str) -> Option<Report> {
    let mut report = Report::default();
    let mut stage = Stage::set(fault, daemon)?;
    let calls = match caught(|| stage.warm_up()) {
        Ok(calls) => calls,
        Err(problem) => {
            report.wrong.push(format!("{}: {problem}\n{}", fault.name(), stage.system.log()));
            return Some(report);
        }
    };
    let seed = if let Choice::Some(_, seed) = choice { seed } else { 0 };
    let mut dice = Dice(fault.name().bytes().fold(seed, |sum, byte| sum.rotate_left(7) ^ u64::from(byte)));
    for (chapter, calls) in CHAPTERS.iter().zip(calls) {
        if fault.leaves_out(chapter.name) {
            continue;
        }
        report.calls += calls;
        for count in chosen(calls, choice, &mut dice) {
            match caught(|| stage.trial(chapter, fault, count, &mut report)) {
                Ok(true) => {}
                Ok(false) if count > calls => break,
                Ok(false) => {}
                Err(problem) => {
                    report.wrong.push(format!("{} at call {count} of {}: {problem}", fault.name(), chapter.name));
                    if report.wrong.len() == MOST_WRONG {
                        return Some(report);
                    }
                    stage = Stage::set(fault, daemon)?;
                    if let Err(problem) = caught(|| stage.warm_up()) {
                        report.wrong.push(problem);
                        return Some(report);
                    }
                }
            }
        }
    }
    Some(report)
}
