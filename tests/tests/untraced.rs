//! Where the kernel refuses ptrace(2), as in many containers, `expect fork` and `expect daemon` find the daemon by
//! adoption, and the log says so once.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use uphold_tests::system::processes::{Signal, is_running, send};
use uphold_tests::system::{Launch, System, programs};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The message, once whatever the number of jobs is.
const REFUSED: &str = "Unable to set trace: Operation not permitted; \"expect fork\" and \"expect daemon\" are followed \
                       without it";

/// The jobs, each with its `expect` and the script of its daemon.
const DAEMONS: [(&str, &str, &str); 5] = [
    ("one", "fork", "fork session"),
    ("two", "daemon", "fork session fork"),
    ("slow", "daemon", "sleep 700 linger 300 session linger 300"),
    ("worker", "fork", "fork session spare"),
    ("none", "fork", ""),
];

/// Job files whose daemons note their process id when they have become daemons.
fn jobs() -> Vec<(&'static str, String)> {
    let text = |(name, expect, words): &(&'static str, &str, &str)| {
        (*name, format!("respawn\nexpect {expect}\nexec {DAEMON} {words} pid @FOLDER@/{name}\n"))
    };
    DAEMONS.iter().map(text).collect()
}

/// A launch of a supervisor without ptrace(2).
fn launch(jobs: &[(&'static str, String)]) -> Launch {
    let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let launch = Launch::new(&jobs);
    let script = launch.folder().path("untraced-init");
    let init = programs::built().init.display();
    std::fs::write(&script, format!("#!/bin/sh\nexec {DAEMON} untraced become {init} \"$@\"\n")).expect("a script");
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("it is the test's");
    launch.program(&script)
}

/// Waits until the main process of a job is the one that noted its process id last, and returns it.
fn await_daemon(system: &mut System, job: &str) -> u32 {
    let file = system.folder().path(job);
    system.await_some(&format!("the daemon of {job}"), |system| {
        let noted = std::fs::read_to_string(&file).ok()?.trim_end().parse().ok()?;
        let runs = system.status(job) == format!("{job} start/running, process {noted}");
        (runs && is_running(noted)).then_some(noted)
    })
}

#[test]
fn without_ptrace_the_daemon_is_found_by_adoption() {
    let jobs = jobs();
    let mut system = launch(&jobs).start();
    for (job, _) in &jobs {
        system.order(&["start", "--no-wait", job]);
    }
    let daemons: Vec<u32> = jobs.iter().map(|(job, _)| await_daemon(&mut system, job)).collect();
    for ((job, _), old) in jobs.iter().zip(daemons) {
        send(old, Signal::SIGKILL);
        system.await_replacement(job, old);
        await_daemon(&mut system, job);
    }
    std::thread::sleep(Duration::from_secs(1));
    let log = system.log();
    assert_eq!(log.matches("set trace").count(), 1, "{log}");
    assert!(log.contains(REFUSED), "{log}");
    // The forks of an untraced launch were not counted, so no stanza is recommended.
    assert!(!log.contains(" expected "), "{log}");
    for (job, _) in &jobs {
        system.order(&["stop", job]);
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
    // Where the kernel permits it again, the same files are traced as before.
    let mut system = Launch::new(&jobs.iter().map(|(name, text)| (*name, text.as_str())).collect::<Vec<_>>()).start();
    for (job, _) in &jobs[..2] {
        system.order(&["start", job]);
        await_daemon(&mut system, job);
        system.order(&["stop", job]);
    }
    assert!(!system.log().contains("set trace"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// To the letter: the original fails such a job, and nothing is guessed at.
#[test]
fn with_strict_expect_a_job_that_cannot_be_traced_fails() {
    let mut system = launch(&jobs()).option("--strict-expect").start();
    let start = system.initctl(&["start", "one"]);
    assert_eq!((start.code, start.err.as_str()), (1, "initctl: Job failed to start\n"));
    system.await_log("Failed to spawn one main process: unable to set trace: Operation not permitted");
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}
