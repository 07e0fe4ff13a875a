//! The core against a second opinion: random worlds, in each of which the core and a
//! [model](uphold_tests::opinion) that knows nothing of it must do the same after every happening.
//!
//! `CASES` is the number of worlds, `SEED` the seed of the first. A failing world is shrunk, and printed as a scenario.

#[path = "second_opinion/paths.rs"]
mod paths;
#[path = "second_opinion/shrink.rs"]
mod shrink;
#[path = "second_opinion/worlds.rs"]
mod worlds;

use std::cell::{Cell, RefCell};
use uphold_tests::variables::number;

use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use shrink::{End, play, shrink};
use worlds::Model;

/// The number of worlds, if no other is given.
const CASES: u32 = 4000;

/// The happenings in a world.
const LENGTH: std::ops::Range<usize> = 1..60;

#[test]
fn the_model_and_the_core_agree() {
    let config = Config {
        cases: number("CASES").unwrap_or(CASES),
        rng_seed: RngSeed::Fixed(number("SEED").unwrap_or(1)),
        failure_persistence: None,
        // A second shrinker leaves things out afterwards.
        max_shrink_iters: 200,
        ..Config::default()
    };
    let (happenings, circles) = (Cell::new(0), Cell::new(0_u32));
    let smallest = RefCell::new(None);
    let result = TestRunner::new(config).run(&Model::sequential_strategy(LENGTH), |(model, steps, _)| {
        match play(model.classes(), &steps) {
            End::Agreed { compared, slowed } => {
                happenings.set(happenings.get() + compared);
                circles.set(circles.get() + u32::from(slowed));
                Ok(())
            }
            End::Differed(what) => {
                smallest.replace(Some((model.classes().to_vec(), steps, what)));
                Err(TestCaseError::fail("the two differ"))
            }
        }
    });
    println!("{} happenings; {} worlds went in circles", happenings.get(), circles.get());
    if let Some((classes, steps, what)) = smallest.take() {
        let (what, length) = shrink(classes, steps, what);
        panic!("the core and the model differ after {length} happenings:\n{what}");
    }
    result.expect("nothing else goes wrong");
}

/// From every state of the core that can be reached in a few steps, whatever happens.
#[test]
fn they_agree_on_every_path() {
    let mut all = (0, 0);
    for (classes, depth) in paths::worlds() {
        let name: Vec<String> = classes.iter().map(|class| class.to_string().trim_end().replace('\n', ", ")).collect();
        let (states, steps, end) = paths::walk(&classes, depth).unwrap_or_else(|what| panic!("{what}"));
        println!("{states:7} states {steps:8} steps {end:2} deep: {}", name.join(" | "));
        all = (all.0 + states, all.1 + steps);
    }
    println!("{} states, {} steps", all.0, all.1);
}
