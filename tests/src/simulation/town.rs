//! The job files of a simulated system.

use std::fmt::Write;

use super::dice::Dice;
use super::shapes::{EVENTS, EXTRAS, KNOTS, NOTHING, PROCESSES, STARTS, STOPS};

/// The name of the job with a number. Its processes have ids that begin with the number.
pub fn name(number: usize) -> String {
    format!("j{number:02}")
}

/// The number of jobs that are meant as often as all the others together: so they have much to do with each other.
const BUSY: usize = 6;

/// The name of one of the jobs.
pub fn some_name(dice: &mut Dice, jobs: usize) -> String {
    let among = if dice.chance(50) { jobs } else { jobs.min(BUSY) };
    name(1 + dice.roll(among))
}

/// A condition of one of the forms of a table; empty if there is none.
fn condition(dice: &mut Dice, forms: &[(usize, &str)], jobs: usize) -> String {
    let mut text = String::new();
    for word in dice.weigh(forms).split_inclusive([' ', '(', ')']) {
        let (word, after) = match word.strip_suffix([' ', '(', ')']) {
            Some(start) => (start, &word[start.len()..]),
            None => (word, ""),
        };
        match word {
            "E" => text.push_str(dice.weigh(EVENTS)),
            "J" => text.push_str(&some_name(dice, jobs)),
            other => text.push_str(other),
        }
        text.push_str(after);
    }
    text
}

/// A job file.
pub fn file(dice: &mut Dice, jobs: usize) -> String {
    written(dice, jobs, [STARTS, STOPS], PROCESSES)
}

/// The file of a job that starts and stops others without a process in between.
pub fn knot(dice: &mut Dice) -> String {
    written(dice, BUSY, [KNOTS, KNOTS], NOTHING)
}

/// The job files of a system: with a knot, the first jobs start and stop each other.
pub fn files(dice: &mut Dice, jobs: usize, knotted: bool) -> Vec<(String, String)> {
    let file = |number| if knotted && number <= BUSY { knot(dice) } else { file(dice, jobs) };
    (1..=jobs).map(name).zip((1..=jobs).map(file)).collect()
}

fn written(dice: &mut Dice, jobs: usize, conditions: [&[(usize, &str)]; 2], processes: &[(usize, &str)]) -> String {
    let mut file = String::new();
    for (stanza, forms) in ["start on", "stop on"].into_iter().zip(conditions) {
        let condition = condition(dice, forms, jobs);
        if !condition.is_empty() {
            writeln!(file, "{stanza} {condition}").expect("text grows");
        }
    }
    file.push_str(dice.weigh(processes));
    while dice.chance(25) {
        file.push_str(dice.weigh(EXTRAS));
    }
    file
}
