//! Logs of strace, written by real runs and shortened: `cli/tests/strace`.

use super::line::{CUT, Event, Line, Time, quoted};
use super::{observation, read};
use crate::probe::facts::{Birth, Observation, What};
use crate::probe::judge::{Expect, Judgement, Verdict, judge};
use std::path::Path;

fn log(name: &str) -> Observation {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strace").join(name);
    read(path.as_os_str()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn text(text: &str) -> Judgement {
    judge(&observation(&[(None, text.into())]))
}

/// Each log, the options with which strace wrote it, and the verdict.
#[rustfmt::skip]
const LOGS: [(&str, &str, Verdict); 12] = [
    ("fork.log",    "-f",       Verdict::Upstart(Expect::Fork)),
    ("threads.log", "-f -tt",   Verdict::Upstart(Expect::Fork)),
    ("spawn.log",   "-f -t",    Verdict::Auto),
    ("wrap.log",    "-f -v",    Verdict::Auto),
    ("far.log",     "-f",       Verdict::Auto),
    ("stop.log",    "-f -r",    Verdict::Upstart(Expect::Stop)),
    ("three.log",   "-ff -ttt", Verdict::Auto),
    ("nginx.log",   "-f",       Verdict::Upstart(Expect::Fork)),
    ("sshd.log",    "-f",       Verdict::Upstart(Expect::Fork)),
    ("dnsmasq.log", "-f",       Verdict::Upstart(Expect::Daemon)),
    ("haproxy.log", "-f",       Verdict::Upstart(Expect::Fork)),
    ("cron.log",    "-f",       Verdict::Upstart(Expect::Fork)),
];

#[test]
fn every_log_leads_to_its_verdict() {
    for (name, options, verdict) in LOGS {
        let seen = log(name);
        assert_eq!(judge(&seen).verdict, verdict, "{name}");
        assert_eq!(seen.timed, options != "-f" && options != "-f -v", "{name}");
    }
}

#[test]
fn any_file_of_a_divided_log_stands_for_all() {
    let (all, one) = (log("three.log"), log("three.log.18193"));
    assert_eq!((all.facts.len(), judge(&one).verdict), (one.facts.len(), Verdict::Auto));
    assert_eq!(judge(&all).generations, [Birth::Fork; 3]);
}

#[test]
fn the_files_of_a_divided_log_come_in_any_order() {
    let parent =
        "execve(\"/d\", [\"d\"], 0x1) = 0\nclone(child_stack=NULL, flags=SIGCHLD) = 7\n+++ exited with 0 +++\n";
    let child = "clone3({flags=CLONE_THREAD}, 88) = 8\nwrite(1, \"x\", 1) = 1\n";
    let file = "openat(AT_FDCWD, \"/run/d\", O_CREAT) = 3\nwrite(3, \"7\\n\", 2) = 2\n";
    let thread = "rt_sigtimedwait([TERM], {}, NULL, 8) = 15 (SIGTERM)\n+++ exited with 0 +++\n";
    let texts = [
        (Some(7), format!("{child}{file}+++ exited with 0 +++\n")),
        (Some(8), thread.to_owned()),
        // Its number is from before they began again.
        (Some(32_000), parent.to_owned()),
    ];
    let judged = judge(&observation(&texts));
    assert_eq!((judged.verdict, judged.daemon), (Verdict::Upstart(Expect::Fork), Some(7)));
}

#[test]
fn threads_are_counted_and_are_not_processes() {
    let judged = judge(&log("threads.log"));
    let threads: Vec<usize> = judged.processes.iter().map(|process| process.threads).collect();
    assert_eq!(threads, [4, 0]);
}

#[test]
fn files_and_sockets_are_those_that_the_daemon_made() {
    let (nginx, haproxy, dnsmasq) = (log("nginx.log"), log("haproxy.log"), log("dnsmasq.log"));
    let listens = |seen: &Observation| {
        let address = |fact: &crate::probe::facts::Fact| match &fact.what {
            What::Listens(address) => Some(address.clone()),
            _ => None,
        };
        let mut all: Vec<String> = seen.facts.iter().filter_map(address).collect();
        all.dedup();
        all
    };
    assert_eq!(listens(&nginx), ["unix /srv/socket"]);
    assert_eq!(listens(&haproxy), ["unix /srv/socket"]);
    let of_dnsmasq = ["udp 0.0.0.0:5300", "tcp 0.0.0.0:5300", "udp [::]:5300", "tcp [::]:5300"];
    assert_eq!(listens(&dnsmasq), of_dnsmasq);
    let daemon = judge(&log("threads.log")).daemon.expect("it stays");
    let file = What::PidFile { path: "/run/pid2".into(), holds: daemon };
    assert!(log("threads.log").facts.iter().any(|fact| fact.what == file));
}

#[test]
fn a_daemon_that_asks_for_its_parent_and_forks_at_once_is_noticed() {
    let asks = |name: &str| log(name).facts.iter().any(|fact| fact.what == What::AsksParent);
    assert!(asks("sshd.log"));
    assert!(!asks("nginx.log"), "it asks long before");
}

#[test]
fn a_log_ends_where_the_daemon_was_ended_from_outside() {
    let start = "5 execve(\"/d\", [\"d\"], 0x1 /* 2 vars */) = 0\n5 fork() = 6\n5 +++ exited with 0 +++\n";
    let judged = text(&format!(
        "{start}6 --- SIGTERM {{si_signo=SIGTERM, si_code=SI_USER, si_pid=99, si_uid=0}} ---\n6 +++ exited with 1 +++\n"
    ));
    assert_eq!((judged.verdict, judged.daemon), (Verdict::Upstart(Expect::Fork), Some(6)));
    assert_eq!(text(&format!("{start}6 +++ killed by SIGKILL +++\n")).daemon, Some(6));
    let waits = "6 rt_sigtimedwait([TERM], {si_signo=SIGTERM}, NULL, 8) = 15 (SIGTERM)\n6 +++ exited with 0 +++\n";
    assert_eq!(text(&format!("{start}{waits}")).daemon, Some(6));
    // One that was ended by a command has written its pid file, or listens.
    let file = "6 openat(AT_FDCWD, \"/run/d\", O_CREAT) = 3\n6 write(3, \"6\\n\", 2) = 2\n6 +++ exited with 0 +++\n";
    assert_eq!(text(&format!("{start}{file}")).daemon, Some(6));
    assert_eq!(text(&format!("{start}6 +++ exited with 0 +++\n")).verdict, Verdict::Task);
    // A program that ends another one of its own, or fails by itself, was not ended from outside.
    let own = "6 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=5, si_uid=0} ---\n6 +++ exited with 1 +++\n";
    assert_eq!(text(&format!("{start}{own}")).daemon, None);
}

#[test]
fn flags_decide_what_a_clone_is() {
    let born = |call: &str| {
        let seen = observation(&[(None, format!("5 execve(\"/d\", [\"d\"], 0x1) = 0\n5 {call} = 6\n"))]);
        seen.facts[1].what.clone()
    };
    let process = |how| What::Born { child: 6, how, by_thread: false };
    assert_eq!(
        born("clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD, child_tidptr=0x7)"),
        process(Birth::Fork)
    );
    assert_eq!(born("clone(child_stack=0x7, flags=CLONE_VM|CLONE_VFORK|SIGCHLD)"), process(Birth::Vfork));
    assert_eq!(born("clone3({flags=CLONE_PIDFD, exit_signal=SIGCHLD, stack=NULL}, 88)"), process(Birth::Fork));
    assert_eq!(born("clone3({flags=CLONE_VM, exit_signal=0, stack=0x7}, 88)"), process(Birth::Clone));
    assert_eq!(born("clone3({flags=CLONE_VM|CLONE_THREAD, exit_signal=0} => {parent_tid=[6]}, 88)"), What::Thread);
    assert_eq!(born("vfork()"), process(Birth::Vfork));
}

#[test]
fn the_prefixes_of_lines_are_understood() {
    let parts = |text| Line::parse(text).map(|line| (line.thread, line.time));
    let micros = 45_296_789_012;
    assert_eq!(parts("12 getpid() = 12"), Some((Some(12), None)));
    assert_eq!(parts("[pid    12] getpid() = 12"), Some((Some(12), None)));
    assert_eq!(parts("12 12:34:56.789012 getpid() = 12"), Some((Some(12), Some(Time::Since(micros)))));
    assert_eq!(parts("12:34:56 getpid() = 12"), Some((None, Some(Time::Since(45_296_000_000)))));
    assert_eq!(parts("12      0.000104 getpid() = 12"), Some((Some(12), Some(Time::After(104)))));
    assert_eq!(parts("12 (+     0.000104) getpid() = 12"), Some((Some(12), Some(Time::After(104)))));
    assert_eq!(parts("12 [00007f1122334455] getpid() = 12"), Some((Some(12), None)));
    assert_eq!(parts("strace: Process 12 attached"), None);
    let resumed = Line::parse("12 <... clone resumed>, child_tidptr=0x7f) = 13").expect("it is a line").event;
    assert_eq!(resumed, Event::Resumed("clone", ", child_tidptr=0x7f", "13"));
}

#[test]
fn quoted_texts_are_decoded() {
    assert_eq!(quoted(r#"3, "a\"b\n\101", "long"..., 6"#), ["a\"b\nA".to_owned(), format!("long{CUT}")]);
    let seen = observation(&[(None, "5 execve(\"/d\", [\"d\", \"[::]:80\", \"x\"], 0x1) = 0\n".into())]);
    assert_eq!(seen.command, ["/d", "[::]:80", "x"]);
}

#[test]
fn a_child_may_be_seen_before_the_call_that_made_it_returns() {
    let judged = text(
        "5 execve(\"/d\", [\"d\"], 0x1) = 0\n5 clone(child_stack=NULL, flags=SIGCHLD <unfinished ...>\n6 setsid() = 6\n\
         6 fork() = 7\n6 +++ exited with 0 +++\n5 <... clone resumed>) = 6\n5 +++ exited with 0 +++\n",
    );
    assert_eq!((judged.verdict, judged.daemon), (Verdict::Upstart(Expect::Daemon), Some(7)));
}
