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
mod ledger;
mod levels;
mod operators;
mod options;
mod plan;
mod report;
mod tables;
mod trial;
mod verdicts;

use std::io;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use crate::core::Core;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::trial::Fate;
use crate::verdicts::Verdicts;

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

/// Judges the chosen mutants, and gives the number of survivors without a verdict.
fn run(options: &Options) -> io::Result<usize> {
    let mut core = Core::read(&options.root)?;
    let mut verdicts = Verdicts::read(&options.root)?;
    copy::renew(&options.root, &options.copy)?;
    core.compile(&options.copy, &options.copy.with_extension("left-out"))?;
    let ledger = Ledger::new(&options.copy.with_extension("fates"), core.descriptions());
    let known = ledger.fates();
    let chosen = options.chosen(&core, &known)?;
    report::size(&core, &chosen);
    if options.list {
        report::list(&core, &chosen);
        return Ok(0);
    }
    if options.known {
        let fates: Vec<(usize, Fate)> =
            chosen.iter().filter_map(|number| Some((*number, *known.get(number)?))).collect();
        return Ok(report::fates(&core, &fates, &mut verdicts, options.all()));
    }
    let tests = trial::tests(&options.copy, options.first..=options.last)?;
    let judge = |mutant: usize| {
        let fate = trial::judge(&options.copy, &tests, options.last, mutant, known.get(&mutant).copied())?;
        ledger.keep(mutant, fate).map(|()| fate)
    };
    let fates = judge_all(&chosen, &judge)?;
    Ok(report::fates(&core, &fates, &mut verdicts, options.all()))
}

/// Judges mutants, some at the same time. Each survivor is named as soon as it is known.
fn judge_all(chosen: &[usize], judge: &(dyn Fn(usize) -> io::Result<Fate> + Sync)) -> io::Result<Vec<(usize, Fate)>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut fates = vec![];
        loop {
            let place = next.fetch_add(1, Relaxed);
            let Some(&mutant) = chosen.get(place) else { return Ok(fates) };
            let fate = judge(mutant)?;
            if matches!(fate, Fate::Survived(_)) {
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
