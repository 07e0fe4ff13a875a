//! `initctl log` without a job: the supervisor's last messages; and the same messages for the system's log daemon.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use uphold_tests::system::first::{First, is_possible};
use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System, skipped};

const JOBS: &[(&str, &str)] = &[("absent", "instance $N\nexec /no/such/program\n")];

/// The message about an instance that cannot be started.
fn failure(number: usize) -> String {
    format!("Failed to spawn absent ({number}) main process: unable to execute: No such file or directory")
}

fn fail(system: &System, numbers: std::ops::Range<usize>) {
    for number in numbers {
        assert_eq!(system.initctl(&["start", "absent", &format!("N={number}")]).code, 1);
    }
}

/// The texts of the lines, which begin with a time.
fn texts(out: &str) -> Vec<&str> {
    out.lines().map(|line| line.split_once("] ").expect("a time").1).collect()
}

#[test]
fn the_last_messages_are_shown_in_order_and_survive_a_re_exec() {
    let mut system = Launch::new(JOBS).start();
    fail(&system, 0..20);
    let all = system.order(&["log", "-n", "1000"]);
    assert_eq!(texts(&all), (0..20).map(failure).collect::<Vec<String>>());
    assert_eq!(texts(&system.order(&["log"])), (10..20).map(failure).collect::<Vec<String>>());
    let times: Vec<f64> = all
        .lines()
        .map(|line| line.trim_start_matches('[').split(']').next().unwrap().trim().parse().expect("seconds"))
        .collect();
    assert!(times.is_sorted(), "{all}");
    system.order(&["restart-init"]);
    fail(&system, 20..21);
    assert_eq!(texts(&system.order(&["log", "-n", "2"])), [failure(19), failure(20)]);

    // Later messages follow, over a re-exec too.
    let file = system.folder().path("followed");
    let mut follower = system.begin_and_note(&["log", "-f", "-n", "1"], &file);
    let said = || fs::read_to_string(file.with_extension("out")).unwrap_or_default();
    system.await_some("the last message", |_| said().contains("(20)").then_some(()));
    fail(&system, 21..22);
    system.order(&["restart-init"]);
    fail(&system, 22..23);
    system.await_some("what came", |_| said().contains("(22)").then_some(()));
    follower.kill().expect("it lives");
    follower.wait().expect("it ends");
    assert_eq!(texts(&said()), [failure(20), failure(21), failure(22)]);

    // The oldest ones are forgotten, and the first line says so.
    fail(&system, 23..400);
    let all = system.order(&["log", "-n", "1000"]);
    let (first, rest) = all.split_once('\n').expect("lines");
    let wanted: Vec<String> = (0..400).map(failure).collect();
    let shown = texts(rest);
    assert!(first == "Older messages are forgotten." && shown.len() > 100, "{all}");
    assert_eq!(shown, wanted[400 - shown.len()..]);
    assert_eq!(texts(&system.order(&["log", "-n", "1"])), [failure(399)]);
    assert!(system.initctl(&["log", "-n", "x"]).err.starts_with("initctl: not a number of lines: x\n"));
    system.end(Signal::SIGTERM);
}

#[test]
fn the_log_daemon_gets_each_message_as_soon_as_there_is_one() {
    if !is_possible() {
        return;
    }
    // A /dev of its own, whose log is a socket in the folder; the socket does not exist yet.
    let devices = "mount -t tmpfs dev /dev && mknod -m 666 /dev/null c 1 3 && mknod -m 666 /dev/urandom c 1 9";
    if !Command::new("unshare").args(["--mount", "sh", "-c", devices]).status().is_ok_and(|status| status.success()) {
        return skipped("a /dev of its own needs the right to make devices");
    }
    let prepare = &format!("{devices} && ln -s @FOLDER@/syslog /dev/log && exec ");
    let mut first = First::start_by(JOBS, prepare, &["--container", "--no-log"]);
    first.client();
    let failed = |first: &First, number: usize| {
        assert_eq!(first.initctl(&["start", "absent", &format!("N={number}")]).code, 1);
    };
    failed(&first, 1);
    let path = first.folder().path("syslog");
    for numbers in [2..4, 4..6] {
        let daemon = UnixDatagram::bind(&path).expect("a socket");
        daemon.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
        for number in numbers {
            failed(&first, number);
            let mut read = [0; 500];
            let length = daemon.recv(&mut read).expect("a message");
            // Facility daemon, priority warning.
            assert_eq!(String::from_utf8_lossy(&read[..length]), format!("<28>init: {}", failure(number)));
        }
        // The daemon goes, and comes again.
        drop(daemon);
        fs::remove_file(&path).expect("the socket");
    }
}
