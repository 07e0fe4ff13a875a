//! Faults in the real shim: each system call that the supervisor makes while it carries out a scenario of commands
//! fails once, with each error that it can have. Nothing is lost, no job wedges, the log mentions the error once, and
//! afterwards everything works again.
//!
//! A seed (`SEED`) chooses the calls that fail, since every one takes too long; the number of the others is printed.
//! `UPHOLD_EVERY_CALL=1` leaves none out, and `UPHOLD_FAULTS=openat` chooses kinds.

use std::collections::VecDeque;
use std::sync::Mutex;

use uphold_tests::injector::chapters::{CHAPTERS, commands};
use uphold_tests::injector::faults::{FAULTS, Fault};
use uphold_tests::injector::trial::{Choice, Report};
use uphold_tests::injector::{beginning, trial};
use uphold_tests::system::{first, skipped};
use uphold_tests::variables::number;

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The calls of each chapter that fail with each error.
const SAMPLE: usize = 2;

fn choice() -> Choice {
    match std::env::var_os("UPHOLD_EVERY_CALL") {
        Some(_) => Choice::Every,
        None => Choice::Some(SAMPLE, number("SEED").unwrap_or(1)),
    }
}

type Reports = Vec<(&'static Fault, Option<Report>)>;

/// Makes the trials of the faults, side by side.
fn reports(try_one: impl Fn(&Fault) -> Option<Report> + Sync) -> Reports {
    let only = std::env::var("UPHOLD_FAULTS").unwrap_or_default();
    let faults = FAULTS.iter().filter(|fault| fault.name().contains(&only));
    let (queue, done) = (Mutex::new(faults.collect::<VecDeque<_>>()), Mutex::new(Vec::new()));
    // Twice as many as processors: each waits most of the time.
    let workers = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().expect("no worker panics").pop_front();
                    let Some(fault) = next else { return };
                    let report = try_one(fault);
                    println!("{}", line(fault, report.as_ref()));
                    let wrong = report.iter().flat_map(|report| &report.wrong);
                    wrong.for_each(|wrong| println!("wrong: {}", wrong.lines().next().unwrap_or_default()));
                    done.lock().expect("no worker panics").push((fault, report));
                }
            });
        }
    });
    done.into_inner().expect("no worker panics")
}

fn line(fault: &Fault, report: Option<&Report>) -> String {
    let Some(Report { calls, failed, said, told, again, wrong }) = report else { return String::new() };
    format!(
        "{:<24} {calls:>5} calls, {failed:>5} failed, {said:>4} logged, {told:>4} told a client, {again:>4} again, {} \
         wrong",
        fault.name(),
        wrong.len()
    )
}

/// Prints what was left out, and fails if anything is wrong. Returns the number of calls that have failed.
fn summed(done: Reports) -> Option<usize> {
    if done.iter().any(|(_, report)| report.is_none()) {
        skipped("the kernel lets no program answer for it (seccomp_unotify)");
        return None;
    }
    let (mut wrong, mut calls, mut failed) = (Vec::new(), 0, 0);
    for (_, report) in done {
        let report = report.unwrap_or_default();
        (calls, failed) = (calls + report.calls, failed + report.failed);
        wrong.extend(report.wrong);
    }
    println!("{failed} of {calls} calls have failed, {} were left out", calls.saturating_sub(failed));
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n\n"));
    Some(failed)
}

#[test]
fn whatever_call_fails_once_everything_works_again() {
    assert!(commands() >= 40, "{} commands", commands());
    println!("{} commands in {} chapters", commands(), CHAPTERS.len());
    for fault in &FAULTS {
        let (chapters, reason) = fault.without;
        for chapter in chapters {
            println!("{} is left out of {chapter}: {reason}", fault.name());
        }
    }
    let failed = summed(reports(|fault| trial::try_fault(fault, choice(), DAEMON)));
    assert!(failed.is_none_or(|failed| failed > 0), "no call has failed");
}

#[test]
fn process_1_begins_whatever_call_fails_once() {
    if !first::is_possible() {
        return;
    }
    let failed = summed(reports(|fault| {
        let mut report = Report::default();
        beginning::try_fault(fault, choice(), DAEMON, &mut report).map(|()| report)
    }));
    assert!(failed.is_none_or(|failed| failed > 0), "no call has failed");
}
