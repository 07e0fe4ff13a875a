//! The stack in practice, compared with the bounds: in the simulation, and on the firmware's board.

use std::process::Command;

use uphold_tests::depth::{Depths, measured};
use uphold_tests::simulation;
use uphold_tests::system::programs::workspace;

use super::limits::{DOORS, Reach};

/// Seeds of the simulation.
const SEEDS: u64 = 200;

/// The bounds of a door on x86_64 and on Thumb.
fn bounds(name: &str) -> (u64, u64) {
    match DOORS.iter().find(|door| door.name == name).expect("the door is in the table").reach {
        Reach::Bytes(bounds) => bounds,
        Reach::Words => panic!("{name} has no bound"),
    }
}

/// A measurement that is within a bound, and not so far below it that one of them must be wrong.
fn assert_agree(call: &str, measured: u64, bound: u64) {
    println!("{call}: {measured} bytes in practice, at most {bound}");
    assert!(measured <= bound, "{call} took {measured} bytes of stack, more than {bound}");
    assert!(measured >= bound / 6, "{call} took {measured} bytes of stack: is {bound} the bound of something else?");
}

#[test]
fn in_the_simulation_calls_stay_within_the_bounds() {
    let run = || {
        let depths = measured(|| (0..SEEDS).for_each(|seed| _ = simulation::run(seed)));
        println!("{depths:?} in {SEEDS} seeds");
        depths
    };
    // A stack on which there is room for the paint, and for the simulation itself.
    let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(run).expect("a thread");
    let Depths { handle, poll_effect, calls } = thread.join().expect("the simulation does not panic");
    assert!(calls > 100_000, "{calls} calls");
    assert_agree("handle", handle as u64, bounds("handle").0);
    assert_agree("poll_effect", poll_effect as u64, bounds("poll_effect").0);
}

/// The number after a word.
fn number_after(text: &str, word: &str) -> u64 {
    let rest = text.split_once(word).unwrap_or_else(|| panic!("{word:?} is missing in {text:?}")).1.trim_start();
    rest.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).expect("a number")
}

#[test]
fn on_the_board_calls_stay_within_the_bounds() {
    let mut tool = Command::new(workspace().join("tools/run-firmware"));
    let output = tool.env_remove("CARGO").env_remove("RUSTC").env_remove("DEFMT_LOG").output().expect("the tool runs");
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "tools/run-firmware: {out}{errors}");
    let first = out.lines().next().unwrap_or_default();
    if first.starts_with("skipped: ") {
        println!("{first}");
        return;
    }
    assert_agree("handle", number_after(first, "handle"), bounds("handle").1);
    assert_agree("poll_effect", number_after(first, "poll_effect"), bounds("poll_effect").1);
}
