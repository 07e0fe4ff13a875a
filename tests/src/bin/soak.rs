//! `soak SECONDS [--jobs N] [--seed N]`: see `tools/soak`.

use std::process::ExitCode;
use std::time::Duration;

use uphold_tests::soak::Soak;

/// The number of jobs, unless an option sets another.
const JOBS: usize = 200;

fn settings(mut words: impl Iterator<Item = String>) -> Option<Soak> {
    let time = Duration::from_secs(words.next()?.parse().ok()?);
    let mut soak = Soak { time, jobs: JOBS, seed: 1 };
    while let Some(word) = words.next() {
        let number: u64 = words.next()?.parse().ok()?;
        match word.as_str() {
            "--jobs" => soak.jobs = number as usize,
            "--seed" => soak.seed = number,
            _ => return None,
        }
    }
    Some(soak)
}

fn main() -> ExitCode {
    let Some(soak) = settings(std::env::args().skip(1)) else {
        eprintln!("usage: soak SECONDS [--jobs N] [--seed N]");
        return ExitCode::from(2);
    };
    let own = std::env::current_exe().expect("a program knows its own path");
    let outcome = soak.play(&own.with_file_name("daemon").to_string_lossy());
    print!("{}", outcome.table());
    if outcome.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
