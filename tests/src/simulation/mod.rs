//! Simulation: random systems of many jobs, to which everything happens that can.
//!
//! A seed gives the job files ([`town`], from the tables of [`shapes`]) and what happens to them ([`life`]). After each
//! happening the invariants are checked. Half of the systems are left alone at the end, and must come to rest. The
//! [`recipe`] of a system in which something goes wrong is made as short as possible ([`shrink`]), and printed as a
//! scenario.

pub mod dice;
pub mod life;
pub mod recipe;
pub mod shapes;
pub mod shrink;
pub mod town;

use std::panic::{AssertUnwindSafe, catch_unwind};

use uphold_core::{Notice, RespawnBudget};

use crate::drain::play;
use crate::happening::Happening;
use crate::tally::Tally;
use dice::Dice;
use life::Life;
use recipe::{Recipe, panic_words};

/// The outcome of a seed.
pub struct Run {
    /// The number of jobs.
    pub jobs: usize,
    /// The number of things that happened.
    pub inputs: usize,
    /// The first fault, if there is one.
    pub fault: Option<String>,
    /// The count of all that happened.
    pub tally: Tally,
    /// How to play it again.
    pub recipe: Recipe,
}

/// Storages for up to forty jobs; the first is usual.
const SIZES: &[(usize, &str)] = &[
    (30, "medium"),
    (10, "other"),
    (8, "few-jobs"),
    (8, "few-events"),
    (8, "few-waiters"),
    (8, "few-leaves"),
    (8, "few-names"),
    (8, "little-text"),
    (8, "few-pieces"),
    (8, "few-classes"),
];

/// The system of a seed, before anything happens.
fn build(dice: &mut Dice) -> Recipe {
    let large = dice.chance(8);
    let jobs = 20 + dice.roll(if large { 81 } else { 21 });
    let size = if large { "large" } else { dice.weigh(SIZES) };
    let knotted = dice.chance(10);
    let files = town::files(dice, jobs, knotted);
    let bound = if dice.chance(50) { 0 } else { 1 + dice.roll(30) as u32 };
    let strict = dice.chance(10);
    let budget = match dice.chance(15) {
        true => RespawnBudget { count: 1 + dice.roll(5) as u32, seconds: 1 + dice.roll(60) as u32 },
        false => RespawnBudget::default(),
    };
    Recipe { size, bound, strict, budget, forbidden: None, files, steps: Vec::new() }
}

/// Runs the system of a seed.
pub fn run(seed: u64) -> Run {
    run_until(seed, None)
}

/// Runs the system of a seed with a planted fault: a message.
pub fn run_until(seed: u64, forbidden: Option<fn(&Notice) -> bool>) -> Run {
    let mut dice = Dice::new(seed);
    let mut recipe = Recipe { forbidden, ..build(&mut dice) };
    let jobs = recipe.files.len();
    let mut life = Life { jobs, files: recipe.files.iter().map(|(_, file)| file.clone()).collect() };
    let mut steps: Vec<Happening> = Vec::new();
    let (mut inputs, mut fault, mut tally) = (0, None, Tally::default());
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let mut world = recipe.world();
        let length = 20 + dice.roll(120);
        let drains = dice.chance(50);
        let end = dice.roll(12);
        for place in 0..length + 3 {
            let happening = match place.checked_sub(length) {
                None => life.next(&mut world, &mut dice),
                Some(0) if drains => Happening::Drains,
                Some(1) if end == 0 => Happening::Shutdown,
                Some(1) if end == 1 => Happening::Logout,
                Some(2) if end < 2 => Happening::Drains,
                Some(2) if drains => Happening::Clears,
                Some(_) => continue,
            };
            steps.push(happening.clone());
            play(&mut world, &happening);
            inputs += 1;
            fault = world.kernel.fault.take();
            tally = world.kernel.ledger.tally;
            if fault.is_some() || world.kernel.ended {
                break;
            }
        }
    }));
    if let Err(panic) = ended {
        fault = Some(panic_words(&*panic));
    }
    recipe.steps = steps;
    Run { jobs, inputs, fault, tally, recipe }
}
