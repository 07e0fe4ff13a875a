//! The fates of the mutants, kept in a file from one run to the next, so that a round can go on where it was, and a
//! later level takes only what the earlier ones left.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::levels::LEVELS;
use crate::trial::Fate;

/// The word for a mutant that no test comes by.
const UNREACHED: &str = "unreached";
/// The beginning of the word for a mutant that survived; the name of the last level follows.
const SURVIVED: &str = "survived-";

/// The file: a line for each fate, the fate and the mutant's description. A later line replaces an earlier one.
pub struct Ledger {
    path: PathBuf,
    /// The names of the mutants.
    descriptions: Vec<String>,
    /// The file, once something is written.
    file: Mutex<Option<File>>,
}

impl Ledger {
    pub fn new(path: &Path, descriptions: Vec<String>) -> Ledger {
        Ledger { path: path.to_owned(), descriptions, file: Mutex::new(None) }
    }

    /// The kept fates, with the numbers of the mutants. A mutant whose text is gone is left out.
    pub fn fates(&self) -> BTreeMap<usize, Fate> {
        let numbers: BTreeMap<&str, usize> = self.descriptions.iter().map(String::as_str).zip(0..).collect();
        let text = fs::read_to_string(&self.path).unwrap_or_default();
        let fate = |line: &str| {
            let (fate, description) = line.split_once(' ')?;
            Some((*numbers.get(description)?, read(fate)?))
        };
        text.lines().filter_map(fate).collect()
    }

    /// Keeps a fate.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, mutant: usize, fate: Fate) -> io::Result<()> {
        let mut file = self.file.lock().expect("no thread panics");
        if file.is_none() {
            *file = Some(File::options().append(true).create(true).open(&self.path)?);
        }
        let name = match fate {
            Fate::Killed(level) => LEVELS[level].name.to_owned(),
            Fate::Survived(level) => format!("{SURVIVED}{}", LEVELS[level].name),
            Fate::Unreached => UNREACHED.to_owned(),
        };
        let line = format!("{name} {}\n", self.descriptions[mutant]);
        file.as_mut().map_or(Ok(()), |file| file.write_all(line.as_bytes()))
    }
}

fn read(fate: &str) -> Option<Fate> {
    let level = |name: &str| LEVELS.iter().position(|level| level.name == name);
    match fate.strip_prefix(SURVIVED) {
        Some(name) => level(name).map(Fate::Survived),
        None if fate == UNREACHED => Some(Fate::Unreached),
        None => level(fate).map(Fate::Killed),
    }
}
