//! The command line.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;

use crate::core::Core;
use crate::levels::LEVELS;
use crate::trial::Fate;
use crate::verdicts::Verdicts;

/// The wishes of the user.
pub struct Options {
    /// The workspace.
    pub root: PathBuf,
    /// The copy in which the mutants are built.
    pub copy: PathBuf,
    /// The places of the first and the last level that are run.
    pub first: usize,
    pub last: usize,
    /// Whether the mutants are only listed.
    pub list: bool,
    /// Whether only what earlier runs found is printed.
    pub known: bool,
    /// Whether those are left out that an earlier run killed, or that survived it and have a verdict.
    left: bool,
    /// Parts of the paths of the files whose mutants are wanted, in the order in which they are; none for all.
    files: Vec<String>,
    mutant: Option<usize>,
    sample: Option<usize>,
    seed: u64,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// An argument is not understood.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut path = || arguments.next().map(PathBuf::from).ok_or("ROOT and COPY are missing");
        let (root, copy) = (path()?, path()?);
        let mut options = Options {
            root,
            copy,
            first: 0,
            last: LEVELS.len() - 1,
            list: false,
            known: false,
            left: false,
            files: vec![],
            mutant: None,
            sample: None,
            seed: 1,
        };
        while let Some(name) = arguments.next() {
            let flag = match name.as_str() {
                "--list" => Some(&mut options.list),
                "--known" => Some(&mut options.known),
                "--left" => Some(&mut options.left),
                _ => None,
            };
            if let Some(flag) = flag {
                *flag = true;
                continue;
            }
            let value = arguments.next().ok_or(format!("{name} wants a value"))?;
            let number = || value.parse::<usize>().map_err(|_| format!("{value} is not a number"));
            let level = || {
                let place = LEVELS.iter().position(|level| level.name == value);
                place.ok_or(format!("no level is called {value}"))
            };
            match name.as_str() {
                "--file" => options.files.push(value),
                "--mutant" => options.mutant = Some(number()?),
                "--sample" => options.sample = Some(number()?),
                "--seed" => options.seed = number()? as u64,
                "--level" => options.last = level()?,
                "--from" => options.first = level()?,
                _ => return Err(format!("{name} is not an option")),
            }
        }
        Ok(options)
    }

    /// Whether all mutants are wanted.
    pub fn all(&self) -> bool {
        !self.left && self.files.is_empty() && self.mutant.is_none() && self.sample.is_none()
    }

    /// The numbers of the mutants that are wanted.
    ///
    /// # Errors
    /// The verdicts cannot be read.
    pub fn chosen(&self, core: &Core, known: &BTreeMap<usize, Fate>) -> io::Result<Vec<usize>> {
        let mut verdicts = Verdicts::read(&self.root)?;
        let survivors = known.iter().filter(|(_, fate)| !matches!(fate, Fate::Killed(_))).map(|(number, _)| *number);
        let judged: BTreeSet<usize> = survivors.filter(|number| verdicts.covers(&core.mutants[*number])).collect();
        let is_wanted = |number: &usize| {
            let is_dead = matches!(known.get(number), Some(Fate::Killed(_)));
            !core.left_out.contains(number)
                && (!self.left || !(is_dead || judged.contains(number)))
                && self.mutant.is_none_or(|mutant| mutant == *number)
                && (self.files.is_empty() || self.files.iter().any(|file| core.mutants[*number].file.contains(file)))
        };
        let mut chosen: Vec<usize> = (0..core.mutants.len()).filter(is_wanted).collect();
        // Stable, so the mutants of the files that were named first come first.
        chosen.sort_by_key(|&number| self.files.iter().position(|file| core.mutants[number].file.contains(file)));
        if let Some(sample) = self.sample {
            let mut state = self.seed;
            for place in 0..sample.min(chosen.len()) {
                // Knuth's MMIX.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let other = place + (state >> 33) as usize % (chosen.len() - place);
                chosen.swap(place, other);
            }
            chosen.truncate(sample);
            chosen.sort_unstable();
        }
        Ok(chosen)
    }
}
