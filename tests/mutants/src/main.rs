//! Puts every mutant of the core against the tests. All are built at once, and one is chosen when a test runs.
//!
//! `mutants ROOT COPY [OPTION...]`; the options are in `tools/mutants`.

mod cargo;
#[cfg(test)]
mod checks;
mod constant;
mod copy;
mod core;
mod finder;
mod levels;
mod operators;
mod options;
mod plan;
mod report;
mod tables;
mod trial;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::core::Core;
use crate::options::Options;
use crate::trial::{Fate, Test};

/// The number of tests that run at the same time.
const AT_ONCE: usize = 2;

fn main() -> ExitCode {
    let result = Options::read(std::env::args().skip(1)).map_err(io::Error::other).and_then(|options| run(&options));
    match result {
        Ok(survivors) => ExitCode::from(u8::from(survivors > 0)),
        Err(error) => {
            eprintln!("mutants: {error}");
            ExitCode::from(2)
        }
    }
}

/// Judges the chosen mutants, and gives the number of survivors.
fn run(options: &Options) -> io::Result<usize> {
    let mut core = Core::read(&options.root)?;
    copy::renew(&options.root, &options.copy)?;
    core.compile(&options.copy, &options.copy.with_extension("left-out"))?;
    let chosen = options.chosen(&core);
    report::size(&core, &chosen);
    if options.list {
        report::list(&core, &chosen);
        return Ok(0);
    }
    let tests = trial::tests(&options.copy, options.level)?;
    let fates = judge_all(options, &tests, &chosen)?;
    Ok(report::fates(&core, &fates, options.level))
}

/// Judges mutants, some at the same time. Each survivor is named as soon as it is known.
fn judge_all(options: &Options, tests: &[Test], chosen: &[usize]) -> io::Result<Vec<(usize, Fate)>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut fates = vec![];
        loop {
            let place = next.fetch_add(1, Relaxed);
            let Some(&mutant) = chosen.get(place) else { return Ok(fates) };
            let fate = trial::judge(&options.copy, tests, mutant)?;
            if fate == Fate::Survived {
                eprintln!("{mutant} survives");
            }
            if place % 500 == 499 {
                eprintln!("{} of {}", place + 1, chosen.len());
            }
            fates.push((mutant, fate));
        }
    };
    let results: Vec<io::Result<Vec<(usize, Fate)>>> = thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no thread panics")).collect()
    });
    let mut fates = results.into_iter().collect::<io::Result<Vec<_>>>()?.concat();
    fates.sort_by_key(|(mutant, _)| *mutant);
    Ok(fates)
}
