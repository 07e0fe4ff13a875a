//! `list`: in a pipe the lines of Upstart, on a terminal columns.

use std::io::{IsTerminal, stdout};

use uphold_core::control::Request;

use super::processes::{self, Processes};
use super::{Job, all, json, main_process};
use crate::connection::Connection;
use crate::context::Context;
use crate::failure::Failure;
use crate::print::{self, ErrorHint, ReplyFormat};
use crate::why::words::span;

/// The blanks between two columns.
const GAP: usize = 2;

/// `list`
///
/// # Errors
/// The supervisor cannot be reached, or the output cannot be written.
pub fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut connection = context.connect()?;
    if context.options.json {
        return Ok(json::list(context.out, &all(&mut connection)?)?);
    }
    let for_a_person = !context.options.quiet && stdout().is_terminal();
    if for_a_person { columns(context, &mut connection) } else { lines(context, &mut connection) }
}

/// The lines of Upstart, page by page.
fn lines(context: &mut Context<'_>, connection: &mut Connection) -> Result<(), Failure> {
    let mut from = Some(0);
    while let Some(start) = from {
        let reply = connection.ask(&Request::List { from: start })?;
        from = print::reply(context.out, context.options.quiet, ReplyFormat::List, ErrorHint::Without, &reply)?;
    }
    Ok(())
}

/// The columns, as wide as they have to be.
fn columns(context: &mut Context<'_>, connection: &mut Connection) -> Result<(), Failure> {
    let jobs = all(connection)?;
    let processes = Processes::read(&jobs);
    let mut rows = vec![["JOB", "STATE", "PID", "UP", "MEMORY"].map(str::to_owned)];
    rows.extend(jobs.iter().map(|job| row(job, &processes)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0) + GAP;
    let widths: [usize; 5] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        writeln!(context.out, "{}", cells.collect::<String>().trim_end())?;
    }
    Ok(())
}

fn row(job: &Job, processes: &Processes) -> [String; 5] {
    let pid = main_process(job);
    let its = processes.of(job);
    [
        job.title(),
        job.state(),
        pid.map_or(String::new(), |pid| pid.to_string()),
        pid.and_then(processes::age).map_or(String::new(), span),
        if its.is_empty() { String::new() } else { size(processes.memory(&its)) },
    ]
}

/// Kilobytes in the unit in which they have at most four digits.
fn size(kilobytes: u64) -> String {
    match kilobytes {
        0..10_000 => format!("{kilobytes} kB"),
        10_000..10_000_000 => format!("{} MB", kilobytes / 1000),
        _ => format!("{} GB", kilobytes / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_has_at_most_four_digits() {
        let sizes = [0, 9999, 10_000, 9_999_999, 10_000_000].map(size);
        assert_eq!(sizes, ["0 kB", "9999 kB", "10 MB", "9999 MB", "10 GB"]);
    }
}
