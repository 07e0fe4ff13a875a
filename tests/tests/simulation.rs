//! Simulation: random systems of 20 to 100 jobs, to which everything happens that can. A seed that fails is made as
//! short as possible and printed as a scenario.
//!
//! `SEEDS` sets the number of seeds, `FIRST_SEED` the first of them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use uphold_core::Notice;
use uphold_tests::scenario::play;
use uphold_tests::simulation::shrink::shrink;
use uphold_tests::simulation::{Run, run, run_until};
use uphold_tests::tally::Tally;
use uphold_tests::variables::number;

/// The number of seeds.
const SEEDS: u64 = 100_000;

/// The most seeds that are reported.
const MOST_FAULTS: usize = 5;

/// The outcome of many seeds.
#[derive(Default)]
struct Found {
    faults: Vec<(u64, Run)>,
    jobs: usize,
    inputs: usize,
    tally: Tally,
}

/// Runs seeds on all processors.
fn run_all(first: u64, seeds: u64) -> Found {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(Found::default());
    let work = || {
        loop {
            let place = next.fetch_add(1, Relaxed) as u64;
            if place >= seeds || found.lock().expect("no thread panics").faults.len() >= MOST_FAULTS {
                return;
            }
            let run = run(first + place);
            let mut found = found.lock().expect("no thread panics");
            found.jobs += run.jobs;
            found.inputs += run.inputs;
            found.tally.add(&run.tally);
            if run.fault.is_some() {
                found.faults.push((first + place, run));
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    found.into_inner().expect("no thread panics")
}

/// A message is declared a fault: the way to it becomes short, and is written down as a scenario that plays alike.
#[test]
fn a_planted_fault_leads_to_a_short_scenario() {
    type Planted = (fn(&Notice) -> bool, &'static str);
    let planted: [Planted; 3] = [
        (|notice| matches!(notice, Notice::RespawningTooFast { .. }), "respawning too fast"),
        (|notice| matches!(notice, Notice::WaitCircle { .. }), "the event does not wait"),
        (|notice| matches!(notice, Notice::NotReady { .. }), "was not ready within"),
    ];
    for (forbidden, words) in planted {
        let run = (0..1000).map(|seed| run_until(seed, Some(forbidden))).find(|run| run.fault.is_some());
        let run = run.expect("one of the systems comes to it");
        let fault = run.fault.unwrap_or_default();
        let short = shrink(&run.recipe, &fault);
        let (files, steps) = (short.files.len(), short.steps.len());
        println!("{words}: {} files to {files}, {} steps to {steps}", run.recipe.files.len(), run.recipe.steps.len());
        assert_eq!(short.fault().as_deref(), Some("a planted fault"));
        assert!(files <= 3 && steps <= 8, "{short:?}");
        let scenario = short.scenario();
        assert!(scenario.contains(words), "{scenario}");
        assert_eq!(play(&scenario).as_ref(), Ok(&scenario), "it plays alike");
    }
}

#[test]
fn nothing_goes_wrong_in_any_system() {
    let (first, seeds) = (number("FIRST_SEED").unwrap_or(0), number("SEEDS").unwrap_or(SEEDS));
    let begun = Instant::now();
    let Found { faults, jobs, inputs, tally } = run_all(first, seeds);
    let seconds = begun.elapsed().as_secs_f32();
    tally.counts().for_each(|(name, count)| println!("{count:9} {name}"));
    println!("{seeds} systems from seed {first} with {jobs} jobs, {inputs} inputs, {seconds:.1} s");
    let report = |(seed, run): &(u64, Run)| {
        let fault = run.fault.as_deref().unwrap_or_default();
        let short = shrink(&run.recipe, fault);
        format!("seed {seed} after {} inputs: {fault}\n{}\n", run.inputs, short.scenario())
    };
    assert!(faults.is_empty(), "{}", faults.iter().map(report).collect::<Vec<_>>().join("\n"));
    let missing: Vec<&str> = tally.counts().filter(|(_, count)| *count == 0).map(|(name, _)| name).collect();
    assert!(missing.is_empty() || seeds < SEEDS, "it never came to {missing:?}");
}
