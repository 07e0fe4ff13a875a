//! `monitor`: what happens, as it happens; and a client that does not read, or is gone, costs the supervisor nothing.

use std::fs;
use std::path::PathBuf;
use std::process::Child;

use nix::sys::signal::kill;
use nix::unistd::Pid;
use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

const JOBS: &[(&str, &str)] = &[
    ("one", "start on go\nstop on halt\nexec sleep 1000\n"),
    ("two", "start on started one\nstop on stopping one\ntask\nexec sleep 1000\n"),
    ("other", "exec sleep 1000\n"),
    ("crash", "respawn\nrespawn limit 1 60\nexec false\n"),
];

/// More events of 1 KB than there is room for in a socket and in the supervisor's buffer.
const MANY: usize = 1500;

/// A running `monitor` and its output.
struct Monitor {
    child: Child,
    out: PathBuf,
}

impl Monitor {
    fn start(system: &mut System, arguments: &[&str], name: &str) -> Monitor {
        let file = system.folder().path(name);
        let child = system.begin_and_note(&[&["monitor"], arguments].concat(), &file);
        let monitor = Monitor { child, out: file.with_extension("out") };
        // It has begun as soon as it shows an event.
        if arguments.is_empty() {
            system.await_some("the first news", |system| {
                system.order(&["emit", "hello"]);
                monitor.said().contains("] event hello").then_some(())
            });
        }
        monitor
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.out).unwrap_or_default()
    }

    fn await_line(&self, system: &mut System, end: &str) {
        system.await_some(end, |_| self.said().lines().any(|line| line.ends_with(end)).then_some(()));
    }

    fn signal(&self, signal: nix::sys::signal::Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it lives");
    }

    fn end(mut self) {
        self.child.kill().expect("it lives");
        self.child.wait().expect("it ends");
    }
}

/// Resident memory of a process that no file backs, in kilobytes.
fn own_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let fields = ["RssAnon:", "RssShmem:"].map(|name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("the field");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    });
    fields.iter().sum()
}

#[test]
fn each_change_and_event_has_its_line_in_order() {
    let mut system = Launch::new(JOBS).start();
    let all = Monitor::start(&mut system, &[], "all");
    let of_two = Monitor::start(&mut system, &["two"], "two");
    // No line tells that the second one has begun, so it is made to see one.
    system.await_some("the first news of two", |system| {
        system.initctl(&["start", "--no-wait", "two"]);
        system.initctl(&["stop", "two"]);
        (!of_two.said().is_empty()).then_some(())
    });
    system.order(&["emit", "-n", "go", "A=b"]);
    all.await_line(&mut system, "one: state running");
    system.await_running("two");
    system.order(&["stop", "one"]);
    system.initctl(&["start", "-n", "crash"]);
    all.await_line(&mut system, "crash: given up: it ended too often (respawn limit)");
    all.await_line(&mut system, "event stopped JOB=crash INSTANCE= RESULT=failed PROCESS=respawn");
    let said = all.said();
    let place = |line: &str| said.find(line).unwrap_or_else(|| panic!("no line {line:?} in:\n{said}"));
    let order = [
        "] event go A=b\n",
        "] one: goal start\n",
        "] one: state starting\n",
        "] event starting JOB=one INSTANCE=\n",
        "] one: main process ",
        "] one: state running\n",
        "] event started JOB=one INSTANCE=\n",
    ];
    assert!(order.iter().map(|line| place(line)).is_sorted(), "{said}");
    place("] crash: the main process ended with status 1");
    let of_two_said = of_two.said();
    assert!(
        of_two_said.contains("two: state running") && of_two_said.contains("event started JOB=two"),
        "{of_two_said}"
    );
    assert!(of_two_said.lines().all(|line| line.contains("two")), "{of_two_said}");
    let unknown = system.initctl(&["monitor", "nosuch"]);
    assert_eq!((unknown.err.as_str(), unknown.code), ("initctl: Unknown job: nosuch\n", 1));
    all.end();
    of_two.end();
    system.end(Signal::SIGTERM);
}

#[test]
fn a_client_that_does_not_read_delays_nothing_and_learns_how_much_it_has_lost() {
    let mut system = Launch::new(JOBS).start();
    let slow = Monitor::start(&mut system, &[], "slow");
    let quick = Monitor::start(&mut system, &[], "quick");
    slow.signal(nix::sys::signal::SIGSTOP);
    system.order(&["emit", "before"]);
    let before = own_memory(system.pid());
    let value = format!("TEXT={}", "x".repeat(1000));
    for number in 0..MANY {
        system.order(&["emit", &format!("n{number}"), &value]);
        if number == MANY / 2 {
            slow_is_over_its_bound(&system, before);
        }
    }
    slow_is_over_its_bound(&system, before);
    quick.await_line(&mut system, &format!("event n{} {value}", MANY - 1));
    assert!(!quick.said().contains("were lost"), "one that reads gets all");
    slow.signal(nix::sys::signal::SIGCONT);
    system.await_some("the count", |_| slow.said().contains(" more were lost").then_some(()));
    system.order(&["emit", "after"]);
    slow.await_line(&mut system, "event after");
    let said = slow.said();
    let numbers: Vec<usize> =
        said.lines().filter_map(|line| line.split_once("] event n")?.1.split(' ').next()?.parse().ok()).collect();
    let lost: usize = said
        .lines()
        .filter_map(|line| line.strip_suffix(" more were lost: this program did not read them in time"))
        .map(|line| line.rsplit_once("] ").expect("a time").1.parse::<usize>().expect("a number"))
        .sum();
    assert!(numbers.is_sorted() && numbers[0] == 0, "in order");
    assert_eq!(numbers.len() + lost, MANY, "each is sent or counted");
    slow.end();
    quick.end();
    system.end(Signal::SIGTERM);
}

/// The supervisor has grown by its buffer for two clients at most, and a little of its own.
fn slow_is_over_its_bound(system: &System, before: u64) {
    let grown = own_memory(system.pid()).saturating_sub(before);
    assert!(grown < 256, "the supervisor has grown by {grown} kB");
}

#[test]
fn clients_that_vanish_and_a_supervisor_that_is_executed_again_are_survived() {
    let mut system = Launch::new(JOBS).start();
    let monitors: Vec<Monitor> =
        (0..12).map(|number| Monitor::start(&mut system, &[], &format!("m{number}"))).collect();
    monitors.iter().for_each(|monitor| monitor.signal(nix::sys::signal::SIGSTOP));
    system.order(&["start", "other"]);
    monitors.into_iter().for_each(Monitor::end);
    system.order(&["stop", "other"]);
    let stays = Monitor::start(&mut system, &[], "stays");
    system.order(&["start", "other"]);
    stays.await_line(&mut system, "other: state running");
    system.order(&["restart-init"]);
    stays.await_line(&mut system, "The connection has ended: the supervisor is executed again, or has gone.");
    system.await_some("news after it", |system| {
        system.order(&["emit", "again"]);
        stays.said().contains("event again").then_some(())
    });
    assert!(system.status("other").contains("start/running"));
    stays.end();
    system.end(Signal::SIGTERM);
}
