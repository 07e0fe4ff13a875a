//! `init --container`: process 1 of a container stops everything in order and ends at a signal.

use std::fs;
use std::process::Command;

use uphold_tests::system::first::{First, is_possible};
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::programs::built;
use uphold_tests::system::run;

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// A database, a server that stops before it, an orphan, and a daemon that does not heed SIGTERM. Each writes what
/// becomes of it.
fn jobs() -> Vec<(&'static str, String)> {
    vec![
        ("database", "stop on stopped server\npost-stop exec sh -c 'echo database >> @FOLDER@/ends'\nexec sleep 1000\n".into()),
        ("server", "post-stop exec sh -c 'sleep 0.2; echo server >> @FOLDER@/ends'\nexec sleep 1000\n".into()),
        ("deaf", format!("kill timeout 1\nexec {DAEMON} ignore TERM\n")),
        ("parent", "script\n  setsid sh -c 'trap \"echo orphan >> @FOLDER@/ends; exit\" TERM; while :; do sleep 0.1; done' &\nend script\n".into()),
        ("last", "start on session-end TYPE=shutdown\ntask\nexec sh -c 'echo session-end >> @FOLDER@/ends'\n".into()),
    ]
}

fn start() -> First {
    let jobs = jobs();
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let mut first = First::start_by(&jobs, "exec >@FOLDER@/said 2>&1; exec ", &["--container", "--no-cgroups"]);
    first.client();
    for job in ["database", "server", "deaf", "parent"] {
        let ran = first.initctl(&["start", "-n", job]);
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    first.await_some("the jobs", |first| {
        let list = first.initctl(&["list"]).out;
        (list.matches("start/running, process").count() >= 3).then_some(())
    });
    first
}

fn ends(signal: Signal, before: impl FnOnce(&mut First)) {
    if !is_possible() {
        return;
    }
    let mut first = start();
    before(&mut first);
    let (ends, said) = (first.folder().path("ends"), first.folder().path("said"));
    // The folder goes with the supervisor.
    let copies = uphold_tests::system::Folder::new();
    let kept = copies.path("kept");
    fs::hard_link(&said, &kept).expect("a link");
    fs::write(&ends, "").expect("the file");
    let noted = copies.path("noted");
    fs::hard_link(&ends, &noted).expect("a link");
    send(first.pid, signal);
    assert_eq!(first.await_end(), Some(0));
    let noted = fs::read_to_string(noted).expect("the file");
    let place =
        |word: &str| noted.lines().position(|line| line == word).unwrap_or_else(|| panic!("no {word}: {noted}"));
    assert!(["server", "database", "orphan", "session-end"].map(place).iter().max() < Some(&4), "each once: {noted}");
    let said = fs::read_to_string(kept).expect("the file");
    assert!(said.contains("deaf main process") && said.contains("killed by KILL signal"), "{said}");
}

#[test]
fn term_stops_everything_and_ends() {
    ends(Signal::SIGTERM, |_| {});
}

#[test]
fn int_does_too_and_so_does_a_program_that_was_executed_again() {
    ends(Signal::SIGINT, |first| {
        let again = first.initctl(&["restart-init"]);
        assert_eq!(again.code, 0, "{again:?}");
        first.client();
        assert!(first.initctl(&["status", "server"]).out.starts_with("server start/running"));
    });
}

#[test]
fn another_process_than_the_first_is_no_container() {
    let mut command = Command::new(&built().init);
    command.arg("--container");
    let ran = run(command);
    let why = "init: --container is for process 1 of a container, and this is another process; \
               to supervise a session use --user\n";
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("", why, 1));
}
