//! The command line.

use std::path::PathBuf;

use crate::core::Core;
use crate::levels::LEVELS;

/// The wishes of the user.
pub struct Options {
    /// The workspace.
    pub root: PathBuf,
    /// The copy in which the mutants are built.
    pub copy: PathBuf,
    /// The place of the last level that is run.
    pub level: usize,
    /// Whether the mutants are only listed.
    pub list: bool,
    file: Option<String>,
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
            level: LEVELS.len() - 1,
            list: false,
            file: None,
            mutant: None,
            sample: None,
            seed: 1,
        };
        while let Some(name) = arguments.next() {
            if name == "--list" {
                options.list = true;
                continue;
            }
            let value = arguments.next().ok_or(format!("{name} wants a value"))?;
            let number = || value.parse::<usize>().map_err(|_| format!("{value} is not a number"));
            match name.as_str() {
                "--file" => options.file = Some(value),
                "--mutant" => options.mutant = Some(number()?),
                "--sample" => options.sample = Some(number()?),
                "--seed" => options.seed = number()? as u64,
                "--level" => {
                    let place = LEVELS.iter().position(|level| level.name == value);
                    options.level = place.ok_or(format!("no level is called {value}"))?;
                }
                _ => return Err(format!("{name} is not an option")),
            }
        }
        Ok(options)
    }

    /// The numbers of the mutants that are wanted.
    pub fn chosen(&self, core: &Core) -> Vec<usize> {
        let is_wanted = |number: &usize| {
            !core.left_out.contains(number)
                && self.mutant.is_none_or(|mutant| mutant == *number)
                && self.file.as_ref().is_none_or(|file| core.mutants[*number].file.contains(file.as_str()))
        };
        let mut chosen: Vec<usize> = (0..core.mutants.len()).filter(is_wanted).collect();
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
        chosen
    }
}
