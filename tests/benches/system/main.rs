//! The costs of the whole program on the real kernel: starts, stops, respawns, idling, memory and events, with the
//! bounds that the project promises. Exits with 1 if a bound is exceeded.
//!
//! `cargo bench -p uphold-tests --bench system [-- start stop respawn resident events]`

mod floor;
mod report;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use floor::Floor;
use nix::sys::stat::Mode;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, mkfifo};
use report::{Report, median, ratio, spread};
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{Signal, number_in_status, send};
use uphold_tests::system::{Launch, System, numbered, programs};

const PROGRAM: &str = env!("CARGO_BIN_EXE_daemon");

const SERVICES: usize = 1000;
const ROUNDS: usize = 9;
const KILLS: usize = 400;
const EVENTS: usize = 90;
const IDLE: Duration = Duration::from_secs(5);

const START_BOUND: f64 = 1.3;
const RESPAWN_BOUND: f64 = 1.3;
const SCALE_BOUND: f64 = 3.0;
const STOP_BOUND: f64 = 10.0;
const EMPTY_BOUND: f64 = 1.0;
const FULL_BOUND: f64 = 2.0;

/// The variants of `console`. The first is the default.
const CONSOLES: [&str; 2] = ["log", "none"];

fn main() -> ExitCode {
    let mut report = Report::default();
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    type Part = (&'static str, fn(&mut Report));
    let parts: [Part; 5] = [
        ("start", starting),
        ("stop", stopping),
        ("respawn", respawning),
        ("resident", resident),
        ("events", many_jobs),
    ];
    for (name, part) in parts {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            part(&mut report);
        }
    }
    let broken = report.broken();
    println!();
    for name in &broken {
        println!("broken: {name}");
    }
    if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A launch with `SERVICES` jobs that one event starts and another stops.
fn services(console: &str) -> Launch {
    many_services(SERVICES, console)
}

fn many_services(count: usize, console: &str) -> Launch {
    let text = format!("start on go\nstop on halt\nconsole {console}\nexec {PROGRAM}\n");
    let jobs = numbered(count, "service-@N@", &text);
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Launch::new(&jobs)
}

fn running(system: &System) -> usize {
    system.order(&["list"]).lines().filter(|line| line.contains(" start/running, process ")).count()
}

/// The time in which an event starts every service.
fn start_all(system: &System) -> Duration {
    let began = Instant::now();
    system.order(&["emit", "go"]);
    let took = began.elapsed();
    assert_eq!(running(system), SERVICES);
    took
}

fn starting(report: &mut Report) {
    report.section(&format!("starting {SERVICES} services, {ROUNDS} rounds, median [quickest..slowest]"));
    let mut floor = Floor::new(Path::new(PROGRAM), &[]);
    let systems = CONSOLES.map(|console| services(console).start());
    let (mut bare, mut ours) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let pids: Vec<Pid> = (0..SERVICES).map(|_| floor.spawn()).collect();
        bare.push(began.elapsed());
        std::thread::sleep(Duration::from_millis(500));
        pids.into_iter().for_each(floor::end);
        for (system, samples) in systems.iter().zip(&mut ours) {
            samples.push(start_all(system));
            std::thread::sleep(Duration::from_millis(500));
            system.order(&["emit", "halt"]);
        }
    }
    report.figure("bare loop of clone and exec", spread(&bare));
    for (console, samples) in CONSOLES.iter().zip(&ours) {
        report.figure(&format!("initctl emit, console {console}"), spread(samples));
    }
    report.bounded("start: console log (default) / bare loop", ratio(&ours[0], &bare), START_BOUND, "x");
    report.compared("start: console none / bare loop", ratio(&ours[1], &bare), START_BOUND, "x");
    systems.into_iter().for_each(|system| system.end(Signal::SIGTERM));
}

/// The processor time of a supervisor without control groups while one event stops so many services.
fn stop_cost(count: usize) -> Duration {
    let system = many_services(count, "none").option("--no-cgroups").start();
    system.order(&["emit", "go"]);
    assert_eq!(running(&system), count);
    let before = processor_time(system.pid());
    system.order(&["emit", "halt"]);
    assert_eq!(running(&system), 0);
    let took = processor_time(system.pid()).saturating_sub(before);
    system.end(Signal::SIGTERM);
    took
}

/// The processor time that a process has used, in the kernel and outside.
fn processor_time(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("it runs");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("a number"))
}

fn stopping(report: &mut Report) {
    report.section("stopping plain services without control groups, processor time of the supervisor");
    let counts = [1000, 8000];
    let costs = counts.map(stop_cost);
    for (count, cost) in counts.iter().zip(&costs) {
        report.figure(&format!("{count} services"), format!("{cost:.1?}"));
    }
    let growth = costs[1].as_secs_f64() / costs[0].as_secs_f64();
    report.bounded("stop: 8,000 services / 1,000 services", growth, STOP_BOUND, "x");
}

/// The file to which respawned processes write their start times.
struct Stamps(File);

impl Stamps {
    fn new(path: &Path) -> Self {
        mkfifo(path, Mode::S_IRWXU).expect("a pipe is made");
        Stamps(OpenOptions::new().read(true).write(true).open(path).expect("it is opened"))
    }

    /// The next stamp: the time and the process.
    fn next(&mut self) -> (u64, u32) {
        let mut record = [0; 16];
        self.0.read_exact(&mut record).expect("a whole record");
        let number = |at: usize| u64::from_ne_bytes(record[at..at + 8].try_into().expect("eight bytes"));
        (number(0), number(8) as u32)
    }
}

fn nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("there is such a clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

fn respawning(report: &mut Report) {
    report
        .section(&format!("SIGKILL to the replacement's first instruction, {KILLS} kills, median [quickest..slowest]"));
    let launches = CONSOLES.map(|console| {
        let text =
            format!("respawn\nrespawn limit unlimited\nconsole {console}\nexec {PROGRAM} stamp @FOLDER@/stamps\n");
        let launch = Launch::new(&[("victim", &text)]).option("--no-startup-event");
        let stamps = Stamps::new(&launch.folder().path("stamps"));
        (launch.start(), stamps)
    });
    let folder = uphold_tests::system::Folder::new();
    let path = folder.path("stamps");
    let mut bare_stamps = Stamps::new(&path);
    let mut floor = Floor::new(Path::new(PROGRAM), &["stamp", path.to_str().expect("a path in UTF-8")]);
    let mut bare_pid = floor.spawn();
    bare_stamps.next();
    let mut systems = launches.map(|(system, mut stamps)| {
        system.order(&["start", "victim"]);
        let pid = stamps.next().1;
        (system, stamps, pid)
    });
    let (mut bare, mut ours) = (Vec::new(), [Vec::new(), Vec::new()]);
    for _ in 0..KILLS {
        std::thread::sleep(Duration::from_millis(3));
        let began = nanoseconds();
        bare_pid = floor.replace(bare_pid);
        bare.push(Duration::from_nanos(bare_stamps.next().0 - began));
        for ((_, stamps, pid), samples) in systems.iter_mut().zip(&mut ours) {
            std::thread::sleep(Duration::from_millis(3));
            let began = nanoseconds();
            send(*pid, Signal::SIGKILL);
            let (at, next) = stamps.next();
            samples.push(Duration::from_nanos(at - began));
            *pid = next;
        }
    }
    floor::end(bare_pid);
    report.figure("bare: kill, waitpid, clone, exec", spread(&bare));
    for (console, samples) in CONSOLES.iter().zip(&ours) {
        report.figure(&format!("respawn, console {console}"), spread(samples));
    }
    report.bounded("respawn: console log (default) / bare", ratio(&ours[0], &bare), RESPAWN_BOUND, "x");
    report.compared("respawn: console none / bare", ratio(&ours[1], &bare), RESPAWN_BOUND, "x");
    systems.into_iter().for_each(|(system, ..)| system.end(Signal::SIGTERM));
}

/// The resident memory of static programs, and the number of wake-ups while nothing happens. The bounds hold for the
/// smallest program that can be built here.
fn resident(report: &mut Report) {
    let plain = ("glibc", programs::static_init());
    let builds = match programs::appliance_init() {
        Some(init) => vec![("appliance", init), plain],
        None => vec![plain],
    };
    for (at, (name, init)) in builds.iter().enumerate() {
        report.section(&format!("memory and wake-ups of the static release build ({name})"));
        let size = std::fs::metadata(init).map_or(0, |file| file.len());
        report.figure("size of the program", format!("{size} B"));
        let none = Launch::new(&[]).program(init).start();
        measure(report, &format!("{name}, no job"), &none, EMPTY_BOUND, at == 0);
        none.end(Signal::SIGTERM);
        for console in CONSOLES {
            let full = services(console).program(init).start();
            start_all(&full);
            let what = format!("{name}, {SERVICES} running, console {console}");
            measure(report, &what, &full, FULL_BOUND, at == 0);
            full.end(Signal::SIGTERM);
        }
    }
}

fn measure(report: &mut Report, what: &str, system: &System, bound: f64, promised: bool) {
    let number = |field| number_in_status(system.pid(), field).unwrap_or(0);
    let switches = || number("voluntary_ctxt_switches") + number("nonvoluntary_ctxt_switches");
    std::thread::sleep(Duration::from_secs(1));
    let before = switches();
    std::thread::sleep(IDLE);
    let woken = switches() - before;
    report.bounded(&format!("{what}: wake-ups in {IDLE:?}"), woken as f64, 0.0, "");
    let shown = |field| format!("{} kB", number(field));
    report.figure(&format!("{what}: RssAnon"), shown("RssAnon"));
    report.figure(&format!("{what}: RssFile"), shown("RssFile"));
    let resident = number("VmRSS") as f64 / 1024.0;
    let name = format!("{what}: resident memory");
    if promised {
        report.bounded(&name, resident, bound, " MB");
    } else {
        report.compared(&name, resident, bound, " MB");
    }
}

/// The cost of an event that starts one of `jobs` jobs, by a client that stays connected and by `initctl`.
fn event_cost(jobs: usize) -> (Duration, Duration) {
    let jobs = numbered(jobs, "job-@N@", "start on event-@N@\n");
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let system = Launch::new(&jobs).start();
    let mut client = Client::connect(&system.socket()).expect("init answers");
    let mut samples = (Vec::new(), Vec::new());
    for number in 0..EVENTS {
        let event = format!("event-{}", number * jobs.len() / EVENTS);
        let began = Instant::now();
        if number % 3 < 2 {
            client.emit(event.as_bytes()).expect("the event is handled");
            samples.0.push(began.elapsed());
        } else {
            system.order(&["emit", &event]);
            samples.1.push(began.elapsed());
        }
    }
    let started = system.order(&["list"]).lines().filter(|line| line.ends_with(" start/running")).count();
    assert_eq!(started, EVENTS);
    system.end(Signal::SIGTERM);
    (median(&samples.0), median(&samples.1))
}

fn many_jobs(report: &mut Report) {
    report.section(&format!("an event that starts one job, {EVENTS} events, median"));
    let counts = [100, 10_000];
    let costs = counts.map(event_cost);
    for (count, cost) in counts.iter().zip(&costs) {
        report.figure(&format!("{count} jobs, a connected client"), format!("{:.1?}", cost.0));
        report.figure(&format!("{count} jobs, initctl emit"), format!("{:.1?}", cost.1));
    }
    let growth = |of: fn(&(Duration, Duration)) -> Duration| of(&costs[1]).as_secs_f64() / of(&costs[0]).as_secs_f64();
    report.bounded("events: 10,000 jobs / 100 jobs, a connected client", growth(|cost| cost.0), SCALE_BOUND, "x");
    report.bounded("events: 10,000 jobs / 100 jobs, initctl emit", growth(|cost| cost.1), SCALE_BOUND, "x");
}
