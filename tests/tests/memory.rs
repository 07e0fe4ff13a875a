//! Untouched capacity costs nothing: neither resident memory nor memory that the kernel has to promise.

use std::fs;

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System, programs};

/// Kilobytes that a supervisor may be charged for: its stack, its data, and the tables that it allocates at start-up.
/// Its storage alone has room for 25 megabytes.
const CHARGED: u64 = 10_000;

/// Kilobytes of all mappings of a process for which the kernel has to promise memory: the accountable ones of smaps(5).
fn charged(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("it lives");
    let (mut size, mut sum) = (0, 0);
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("Size:") => size = words.next().and_then(|word| word.parse().ok()).expect("a number"),
            Some("VmFlags:") if words.any(|word| word == "ac") => sum += size,
            _ => {}
        }
    }
    sum
}

const JOBS: [(&str, &str); 2] = [("service", "respawn\nexec sleep 1000\n"), ("task", "task\nexec true\n")];

fn works(system: &mut System) {
    system.order(&["start", "task"]);
    system.order(&["start", "service"]);
    system.order(&["restart", "service"]);
    system.order(&["restart-init"]);
    system.order(&["restart", "service"]);
    system.order(&["stop", "service"]);
}

#[test]
fn the_kernel_is_not_asked_to_promise_untouched_capacity() {
    let mut system = System::start(&JOBS);
    works(&mut system);
    let charged = charged(system.pid());
    println!("charged for {charged} kB");
    assert!((1..CHARGED).contains(&charged), "{charged} kB");
    system.end(Signal::SIGTERM);
}

#[test]
fn it_runs_where_private_memory_is_limited() {
    let launch = Launch::new(&JOBS);
    let init = programs::built().init.display();
    // Kilobytes of data, which includes .bss.
    let script = format!("#!/bin/sh\nulimit -d {CHARGED}\nexec {init} \"$@\"\n");
    let script = launch.folder().script("limited", &script);
    let mut system = launch.program(&script).start();
    works(&mut system);
    system.end(Signal::SIGTERM);
}
