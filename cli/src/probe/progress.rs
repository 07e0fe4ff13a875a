//! Shows on standard error that a probe goes on.

use crate::probe::facts::Fact;
use crate::probe::words::seconds as seconds_of;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// The time between two lines where there is no terminal.
const SELDOM: Duration = Duration::from_secs(5);
/// The time between two changes of the line on a terminal.
const OFTEN: Duration = Duration::from_millis(200);

/// Shows how long a probe has waited, and for what.
pub struct Progress {
    program: String,
    quiet: bool,
    terminal: bool,
    start: Instant,
    shown: Option<Instant>,
}

impl Progress {
    /// Shows nothing with `--quiet`.
    pub fn new(program: &str, quiet: bool) -> Self {
        let (start, shown) = (Instant::now(), None);
        Progress { program: program.into(), quiet, terminal: io::stderr().is_terminal(), start, shown }
    }

    /// The program runs.
    pub fn tell(&mut self, living: usize, facts: &[Fact]) {
        let seconds = self.start.elapsed().as_secs();
        let event = seconds_of(facts.last().map_or(0, |fact| fact.at));
        self.show(|| {
            let plural = if living == 1 { "process" } else { "processes" };
            format!("waits until it is quiet: {seconds} s, {living} {plural}, last change after {event}")
        });
    }

    /// The program has got SIGTERM.
    pub fn ending(&mut self, since: Duration) {
        self.show(|| format!("waits until it ends: SIGTERM was sent {} s ago", since.as_secs()));
    }

    fn show(&mut self, text: impl FnOnce() -> String) {
        let pause = if self.terminal { OFTEN } else { SELDOM };
        let is_due = self.shown.is_none_or(|shown| shown.elapsed() >= pause);
        if self.quiet || !is_due {
            return;
        }
        self.shown = Some(Instant::now());
        let line = match self.terminal {
            true => format!("\r\x1b[K{}: {}", self.program, text()),
            false => format!("{}: {}\n", self.program, text()),
        };
        // Progress that cannot be shown is not an error.
        io::stderr().write_all(line.as_bytes()).unwrap_or_default();
    }

    /// Clears the line on a terminal.
    pub fn done(&self) {
        if self.terminal && self.shown.is_some() {
            io::stderr().write_all(b"\r\x1b[K").unwrap_or_default();
        }
    }
}
