//! Scenarios: text tables of inputs, their effects, and the status of the jobs after them.
//!
//! ```text
//! # What it is about.
//! job svc
//!     exec daemon
//!
//! input     | effects                                   | status
//! start svc | Handling starting event                   | svc start/running, process 1
//!           | spawn main: 1                             |
//!           | Handling started event                    |
//!           | A: svc start/running, process 1           |
//! ```
//!
//! With a line `strict` before the jobs, the supervisor follows `expect` strictly. With a line `verbose`, the effects
//! have every message, also those about goals, states, new processes and signals. With `storage SIZE` it has a
//! [`Room`] of that size, with `budget COUNT SECONDS` a respawn budget. With `whole BOUND` the world is checked
//! [as a whole](crate::whole), drains are cut short after that many events (0 is the default), and the process ids of a
//! job begin with the number in its name.
//!
//! A row without an input continues the row above it. Inputs have the syntax of [`Happening`]. Effects are orders,
//! replies and log messages, without changes of goals and states, which the last column shows. Playing a scenario
//! returns its text with the effects that really follow, so a scenario holds if that is the same text.

use std::fmt::Write;

use uphold_core::RespawnBudget;

use crate::drain;
use crate::happening::Happening;
use crate::world::{Memory, Room, World};

const HEADING: [&str; 3] = ["input", "effects", "status"];

/// One input and its effects.
struct Row {
    input: String,
    effects: Vec<String>,
    status: Vec<String>,
}

/// Plays a scenario, and returns its text with the effects that really followed.
///
/// # Errors
/// The text is not a scenario; the error says why.
pub fn play(text: &str) -> Result<String, String> {
    let (head, table) = text.split_once("\ninput ").ok_or("there is no table")?;
    let size = head.lines().find_map(|line| line.strip_prefix("storage ")).unwrap_or("small");
    let mut world = World::new(Room::named(size).ok_or(format!("there is no storage {size}"))?);
    (world.kernel.journal, world.kernel.keeps, world.kernel.pauses) = (Some(Vec::new()), true, true);
    load(&mut world, head)?;
    let mut rows = Vec::new();
    for line in table.lines().skip(1) {
        let input = line.split('|').next().unwrap_or_default().trim();
        if !input.is_empty() {
            rows.push(happen(&mut world, input)?);
        }
    }
    Ok(format!("{head}\n{}", render(&rows)))
}

/// Loads the job files: `job NAME`, and below it the indented text of the file.
pub(crate) fn load(world: &mut World<Room>, head: &str) -> Result<(), String> {
    let mut jobs: Vec<(&str, String)> = Vec::new();
    for line in head.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if line == "strict" {
            world.memory.supervisor().set_strict(true);
            world.kernel.strict = true;
            continue;
        }
        if line == "verbose" {
            world.kernel.verbose = true;
            continue;
        }
        if let Some(budget) = line.strip_prefix("budget ") {
            let mut numbers = budget.split(' ').map(str::parse);
            let (Some(Ok(count)), Some(Ok(seconds)), None) = (numbers.next(), numbers.next(), numbers.next()) else {
                return Err(format!("what is this? {line}"));
            };
            world.memory.supervisor().set_respawn_budget(RespawnBudget { count, seconds });
            continue;
        }
        if let Some(bound) = line.strip_prefix("whole ") {
            world.check_whole(bound.parse().map_err(|_| format!("what is this? {line}"))?);
            world.kernel.numbered = true;
            continue;
        }
        if line.starts_with("storage ") {
            continue;
        }
        match (line.strip_prefix("job "), line.strip_prefix("    "), jobs.last_mut()) {
            (Some(name), _, _) => jobs.push((name, String::new())),
            (None, Some(stanza), Some((_, file))) => {
                file.push_str(stanza);
                file.push('\n');
            }
            _ => return Err(format!("what is this? {line}")),
        }
    }
    for (name, file) in jobs {
        world.load(name, &file).map_err(|error| format!("{name}: {error:?}"))?;
    }
    Ok(())
}

fn happen(world: &mut World<Room>, input: &str) -> Result<Row, String> {
    let happening: Happening = input.parse().map_err(|error| format!("{error:?}"))?;
    drain::play(world, &happening);
    let mut effects = world.kernel.journal.replace(Vec::new()).unwrap_or_default();
    effects.extend(world.kernel.fault.take().map(|fault| format!("WRONG: {fault}")));
    Ok(Row { input: input.to_owned(), effects, status: world.status() })
}

fn render(rows: &[Row]) -> String {
    let length = |text: &String| text.chars().count();
    let widest =
        |column: usize, lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0).max(HEADING[column].len());
    let first = widest(0, &mut rows.iter().map(|row| length(&row.input)));
    let second = widest(1, &mut rows.iter().flat_map(|row| row.effects.iter().map(length)));
    let mut text = String::new();
    let mut line = |input: &str, effect: &str, status: &str| {
        let full = format!("{input:first$} | {effect:second$} | {status}");
        writeln!(text, "{}", full.trim_end()).expect("text grows");
    };
    line(HEADING[0], HEADING[1], HEADING[2]);
    for row in rows {
        for place in 0..row.effects.len().max(row.status.len()).max(1) {
            let input = if place == 0 { row.input.as_str() } else { "" };
            let part = |parts: &[String]| parts.get(place).cloned().unwrap_or_default();
            line(input, &part(&row.effects), &part(&row.status));
        }
    }
    text
}
