//! Simulation: random systems of 20 to 100 jobs, to which everything happens that can. A seed that fails is made as
//! short as possible and printed as a scenario.
//!
//! `SEEDS` sets the number of seeds, `FIRST_SEED` the first of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use uphold_tests::simulation::shrink::shrink;
use uphold_tests::simulation::{Run, run};

/// The number of seeds.
const SEEDS: u64 = 100_000;

/// The most seeds that are reported.
const MOST_FAULTS: usize = 5;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs seeds on all processors. Returns the seeds that fail, and the numbers of jobs and inputs.
fn run_all(first: u64, seeds: u64) -> (Vec<(u64, Run)>, usize, usize) {
    let next = AtomicUsize::new(0);
    let found = Mutex::new((Vec::new(), 0, 0));
    let work = || {
        loop {
            let place = next.fetch_add(1, Relaxed) as u64;
            if place >= seeds || found.lock().expect("nobody panics").0.len() >= MOST_FAULTS {
                return;
            }
            let run = run(first + place);
            let mut found = found.lock().expect("nobody panics");
            found.1 += run.jobs;
            found.2 += run.inputs;
            if run.fault.is_some() {
                found.0.push((first + place, run));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    found.into_inner().expect("nobody panics")
}

#[test]
fn nothing_goes_wrong_in_any_system() {
    let (first, seeds) = (number("FIRST_SEED").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    let begun = Instant::now();
    let (faults, jobs, inputs) = run_all(first, seeds);
    let seconds = begun.elapsed().as_secs_f32();
    println!("{seeds} systems from seed {first} with {jobs} jobs, {inputs} inputs, {seconds:.1} s");
    let report = |(seed, run): &(u64, Run)| {
        let fault = run.fault.as_deref().unwrap_or_default();
        let short = shrink(&run.recipe, fault);
        format!("seed {seed} after {} inputs: {fault}\n{}\n", run.inputs, short.scenario())
    };
    assert!(faults.is_empty(), "{}", faults.iter().map(report).collect::<Vec<_>>().join("\n"));
}
