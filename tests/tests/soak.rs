//! A short soak: many jobs under random trouble leave nothing behind. `tools/soak` runs a long one.

use std::time::Duration;

use uphold_tests::soak::Soak;
use uphold_tests::variables::number;

#[test]
fn nothing_is_left_of_a_crowd_in_trouble() {
    let seed = number("SEED").unwrap_or(1);
    let outcome = Soak { time: Duration::from_secs(20), jobs: 40, seed }.play(env!("CARGO_BIN_EXE_daemon"));
    println!("{}", outcome.table());
    assert!(outcome.is_well(), "seed {seed}:\n{}", outcome.table());
    assert!(outcome.happened.iter().map(|(_, count)| count).sum::<usize>() > 100, "{:?}", outcome.happened);
}
