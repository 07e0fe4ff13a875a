//! The verdicts on mutants that survive because they change nothing: `tests/mutants/verdicts.txt`. A line is a reason;
//! the lines below it, which are indented, say which mutants it is about: their number, and a pattern.

use std::fs;
use std::io;
use std::path::Path;

use crate::plan::Mutant;

/// The file, from the root of the repository.
const FILE: &str = "tests/mutants/verdicts.txt";

/// Some mutants with one verdict.
struct Verdict {
    /// `FILE FUNCTION: FROM → TO`, where a star stands for any text.
    pattern: String,
    /// The number of survivors that it is about.
    count: usize,
    /// Of these, the number that was found.
    found: usize,
}

/// All verdicts.
pub struct Verdicts(Vec<Verdict>);

impl Verdicts {
    /// Reads the verdicts of a workspace.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is not understood.
    pub fn read(root: &Path) -> io::Result<Verdicts> {
        let text = fs::read_to_string(root.join(FILE))?;
        let verdict = |line: &str| {
            let (count, pattern) = line.trim().split_once(' ')?;
            Some(Verdict { pattern: pattern.to_owned(), count: count.parse().ok()?, found: 0 })
        };
        let patterns = text.lines().filter(|line| line.starts_with(' '));
        let read = |line: &str| verdict(line).ok_or_else(|| io::Error::other(format!("{FILE}: what is {line:?}?")));
        patterns.map(read).collect::<io::Result<Vec<_>>>().map(Verdicts)
    }

    /// Whether a survivor has a verdict. A verdict is about as many as it says, and no more.
    pub fn covers(&mut self, mutant: &Mutant) -> bool {
        let text = mutant.name();
        let mut fitting = self.0.iter_mut().filter(|verdict| verdict.found < verdict.count);
        fitting.find(|verdict| fits(&verdict.pattern, &text)).map(|verdict| verdict.found += 1).is_some()
    }

    /// The verdicts that are about more survivors than were found.
    pub fn stale(&self) -> impl Iterator<Item = String> {
        let stale = self.0.iter().filter(|verdict| verdict.found < verdict.count);
        stale.map(|Verdict { pattern, count, found }| format!("{found} of {count}: {pattern}"))
    }
}

/// Whether a text fits a pattern.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((first, mut rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut left) = text.strip_prefix(first) else { return false };
    while let Some((next, behind)) = rest.split_once('*') {
        let Some(place) = left.find(next) else { return false };
        (left, rest) = (&left[place + next.len()..], behind);
    }
    left.ends_with(rest)
}
