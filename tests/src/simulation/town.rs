//! The job files of a simulated system.

use std::fmt::Write;

use super::dice::Dice;
use super::shapes::{EVENTS, EXTRAS, PROCESSES, STARTS, STOPS};

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
    let mut file = String::new();
    for (stanza, forms) in [("start on", STARTS), ("stop on", STOPS)] {
        let condition = condition(dice, forms, jobs);
        if !condition.is_empty() {
            writeln!(file, "{stanza} {condition}").expect("text grows");
        }
    }
    file.push_str(dice.weigh(PROCESSES));
    while dice.chance(25) {
        file.push_str(dice.weigh(EXTRAS));
    }
    file
}
