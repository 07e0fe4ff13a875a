//! Process 1 begins with a fault at one of its calls. It never ends, and then everything works.

use std::time::{Duration, Instant};

use super::answer::Injector;
use super::chapters::JOBS;
use super::faults::Fault;
use super::trial::{Choice, Report, caught, chosen};
use crate::dice::Dice;
use crate::system::first::First;
use crate::system::programs;

/// The most time until what could not be seen is looked at again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Starts process 1 of a namespace, of which this call fails. `None` if this kernel lets no test answer for it.
fn begin(fault: &Fault, count: usize, daemon: &str) -> Option<(First, Injector)> {
    let injector = Injector::new(&programs::built().init, fault.calls);
    if count > 0 {
        injector.order(count, fault.error as i32);
    }
    let daemon = daemon.to_owned();
    let first = injector.start(move || {
        let jobs: Vec<(&str, String)> =
            JOBS.iter().map(|(name, text)| (*name, text.replace("@DAEMON@", &daemon))).collect();
        let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        First::start(&jobs, "", &[])
    })?;
    Some((first, injector))
}

/// Gives a command until it succeeds.
fn order(first: &First, words: &[&str], shows: &str) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let ran = first.initctl(words);
        if ran.code == 0 && ran.out.contains(shows) {
            return Ok(());
        }
        if begun.elapsed() > PATIENCE {
            return Err(format!("{words:?}: {ran:?}"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Jobs start and stop, and a new job file is seen.
fn is_well(first: &mut First) -> Result<(), String> {
    first.client();
    order(first, &["start", "service"], "start/running")?;
    order(first, &["status", "service"], "start/running")?;
    order(first, &["start", "daemon"], "start/running")?;
    order(first, &["stop", "daemon"], "stop/waiting")?;
    order(first, &["stop", "service"], "stop/waiting")?;
    first.folder().write("conf/new.conf", "start on never\n");
    order(first, &["show-config", "new"], "never")
}

/// Makes the trials of a fault.
pub fn try_fault(fault: &Fault, choice: Choice, daemon: &str, report: &mut Report) -> Option<()> {
    // It reads every job file too, and starts like the program of a re-exec.
    if fault.leaves_out("re-exec") {
        return Some(());
    }
    let (mut first, injector) = begin(fault, 0, daemon)?;
    first.client();
    let calls = injector.calls();
    drop(first);
    report.calls += calls;
    let most = if let Choice::Some(most, seed) = choice { Choice::Some(most * 2, seed) } else { choice };
    let seed = if let Choice::Some(_, seed) = choice { seed } else { 0 };
    for count in chosen(calls, most, &mut Dice(seed)) {
        let (mut first, injector) = begin(fault, count, daemon)?;
        let outcome = caught(|| is_well(&mut first));
        report.failed += usize::from(injector.end().is_some());
        if let Err(problem) = outcome {
            report.wrong.push(format!("{} at call {count} of the beginning: {problem}", fault.name()));
        }
    }
    Some(())
}
