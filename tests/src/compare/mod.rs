//! Comparison of two systems, each an `init` and its `initctl`: Upstart and Uphold, or Uphold with itself.
//!
//! A seed and a number make a case ([`Case`]): job files, command lines, launches, or a small world. Both systems play
//! it, and [`compare`] tells which cases differ, made as small as they can be. Without a second system, [`survive`]
//! checks that nothing crashes or hangs.

mod case;
mod command_line;
mod launch;
mod player;
mod random;
mod shrink;
mod side;
mod small_world;
mod text;

pub use case::{Case, Kind, play};
pub use side::Side;
pub use text::Taste;

/// A case that the two systems play differently.
#[derive(Debug)]
pub struct Difference {
    /// The number of the case.
    pub number: u64,
    /// The case, made as small as it can be.
    pub case: Case,
    /// The outcome on each system.
    pub outcomes: [String; 2],
}

/// The number of cases that are played before their differences are made small: enough to keep the players busy.
const AT_ONCE: usize = 40;

/// Plays the cases of a kind with the numbers from 0 on, and returns those that differ, at most so many: each takes its
/// time to be made small. Of cases that are alike when they are small, one is returned.
pub fn compare(sides: &[Side; 2], kind: Kind, seed: u64, count: usize, most: usize) -> Vec<Difference> {
    let mut found = Vec::new();
    let numbers: Vec<u64> = (0..count as u64).collect();
    for numbers in numbers.chunks(AT_ONCE * kind.at_once()) {
        if found.len() == most {
            break;
        }
        let cases: Vec<Case> = numbers.iter().map(|&number| Case::random(kind, seed, number, Taste::Alike)).collect();
        for ((&number, case), differs) in numbers.iter().zip(&cases).zip(case::differ(sides, &cases)) {
            if differs && found.len() < most {
                let case = case::minimised(sides, case.clone());
                if found.iter().any(|other: &Difference| other.case == case) {
                    continue;
                }
                let outcomes = sides.each_ref().map(|side| case::play(side, std::slice::from_ref(&case)).concat());
                // One that does not repeat comes from a busy machine.
                if outcomes[0] != outcomes[1] {
                    found.push(Difference { number, case, outcomes });
                }
            }
        }
    }
    found
}

/// Plays the cases of a kind on one system, and returns those in which a program crashed or hung, with what was seen.
pub fn survive(side: &Side, kind: Kind, seed: u64, count: usize) -> Vec<(Case, String)> {
    let cases: Vec<Case> = (0..count as u64).map(|number| Case::random(kind, seed, number, Taste::Any)).collect();
    let portions: Vec<&[Case]> = cases.chunks(kind.at_once()).collect();
    let outcomes = case::in_parallel(&portions, |portion| play(side, portion)).concat();
    cases.into_iter().zip(outcomes).filter(|(_, outcome)| is_broken(outcome)).collect()
}

/// Whether an outcome shows a program that has crashed, hung, or found a mistake of its own.
fn is_broken(outcome: &str) -> bool {
    let words = [
        "hangs",
        "panicked",
        "code -1",
        "init has ended",
        "init does not start",
        "internal",
        "does not end",
        "signal:",
    ];
    words.iter().any(|word| outcome.contains(word))
        || outcome.contains("init ends") && !outcome.contains("exit status: 0")
}
