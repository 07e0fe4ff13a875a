//! The cost of an event, which must not depend on jobs that wait for other events.
//!
//! Run with `cargo bench -p uphold-tests --bench events`. It fails when a bound is exceeded.

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use uphold_core::{ClientId, Input, JobCommand, Supervisor, Target};

const JOBS: usize = 10_240;

type Large = uphold_core::storage! {
    classes: JOBS,
    jobs: JOBS,
    events: 2 * JOBS + 64,
    waiters: 4 * JOBS,
    leaves: 2 * JOBS,
    names: 2 * JOBS,
    text: 8 << 20,
    pieces: 16 * JOBS,
};

/// A storage for each number of jobs. Unused, they are zeros in .bss.
static STORAGES: [Mutex<Large>; 4] = [const { Mutex::new(Large::new()) }; 4];

/// The smaller number of jobs that wait for other events.
const FEW: usize = 100;
const MANY: usize = 10_000;

/// The most that a hundred times as many jobs may multiply the cost of an event.
const MOST_FOR_WAITING: f64 = 3.0;

/// The smaller number of jobs that one event starts.
const SOME: usize = 1_000;
/// The most that ten times as many jobs may multiply the cost of the event.
const MOST_FOR_STARTING: f64 = 12.0;

const TURNS: usize = 201;
const STARTS: usize = 25;

fn main() -> ExitCode {
    let [few, many, some, all] = &STORAGES;
    let few = time_one(&mut few.lock().expect("used once").supervisor(), FEW);
    let many = time_one(&mut many.lock().expect("used once").supervisor(), MANY);
    let some = time_all(&mut some.lock().expect("used once").supervisor(), SOME);
    let all = time_all(&mut all.lock().expect("used once").supervisor(), MANY);
    let holds = [
        compare("an event that starts one job, waiting jobs", (FEW, few), (MANY, many), MOST_FOR_WAITING),
        compare("an event that starts every job, jobs", (SOME, some), (MANY, all), MOST_FOR_STARTING),
    ];
    if holds == [true; 2] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn compare(what: &str, (few, cheap): (usize, Duration), (many, dear): (usize, Duration), most: f64) -> bool {
    let ratio = dear.as_secs_f64() / cheap.as_secs_f64();
    println!("{what}: {few}: {cheap:?}, {many}: {dear:?}, ratio {ratio:.2}, at most {most}");
    ratio <= most
}

fn load(supervisor: &mut Supervisor<'_>, name: &str, file: &str) {
    let mut text = file.as_bytes().to_vec();
    supervisor.define(name.as_bytes(), &mut text, |_| {}).expect("a good file, and room for it");
}

/// Polls all effects, and returns their number. A drain that was cut short goes on with the next input.
fn drain(supervisor: &mut Supervisor<'_>) -> usize {
    let mut effects = 0;
    loop {
        effects += std::iter::from_fn(|| supervisor.poll_effect()).map(black_box).count();
        if supervisor.is_calm() {
            return effects;
        }
        supervisor.handle(uphold_core::Instant(0), Input::Tick);
    }
}

fn emit(supervisor: &mut Supervisor<'_>, event: &[u8]) -> usize {
    supervisor.handle(uphold_core::Instant(0), Input::event(event));
    drain(supervisor)
}

fn stop(supervisor: &mut Supervisor<'_>, job: &str) {
    let target = Target::named(job.as_bytes());
    let client = ClientId { slot: 0, generation: 0 };
    let input = Input::Command { client, command: JobCommand::Stop, target, wait: false };
    supervisor.handle(uphold_core::Instant(0), input);
    drain(supervisor);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The cost of an event that starts one of `jobs` jobs, each of which waits for an event of its own.
fn time_one(supervisor: &mut Supervisor<'_>, jobs: usize) -> Duration {
    for number in 0..jobs {
        load(supervisor, &format!("job{number}"), &format!("start on event{number}\n"));
    }
    let turns = (0..TURNS).map(|turn| {
        let number = turn * 7919 % jobs;
        let event = format!("event{number}");
        let begin = Instant::now();
        let orders = emit(supervisor, event.as_bytes());
        let time = begin.elapsed();
        assert!(orders > 10, "the job has started");
        stop(supervisor, &format!("job{number}"));
        time
    });
    median(turns.collect())
}

/// The cost of an event that starts `jobs` jobs without processes. The quickest of several rounds counts: on a busy
/// machine most rounds of ten milliseconds are interrupted, and most rounds of one are not.
fn time_all(supervisor: &mut Supervisor<'_>, jobs: usize) -> Duration {
    for number in 0..jobs {
        load(supervisor, &format!("job{number}"), "start on go\nstop on halt\n");
    }
    let turns = (0..STARTS).map(|_| {
        let begin = Instant::now();
        let orders = emit(supervisor, b"go");
        let time = begin.elapsed();
        assert!(orders > 10 * jobs, "every job has started");
        emit(supervisor, b"halt");
        time
    });
    turns.min().unwrap_or_default()
}
