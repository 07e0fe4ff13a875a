//! A kernel that lacks something for a while: nothing is lost, and everything works again when there is room.

use nix::unistd::geteuid;
use uphold_tests::system::limits::ProcessLimit;
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::{System, skipped};

#[test]
fn a_process_that_cannot_be_made_is_made_when_there_is_room() {
    if !geteuid().is_root() {
        return skipped("a bound on processes needs root");
    }
    let mut system = System::start(&[
        ("svc", "respawn\nexec sleep 1000"),
        ("other", "exec sleep 1000"),
        ("third", "pre-start exec true\nexec sleep 1000"),
    ]);
    let Some(limit) = ProcessLimit::of(system.pid()) else { return skipped("no control group bounds processes here") };
    system.order(&["start", "svc"]);
    let first = system.await_running("svc");
    limit.leave_less(1);
    send(first, Signal::SIGKILL);
    let said = |job: &str, process: &str| {
        format!(
            "Temporary process spawn error: {job} {process} process: unable to fork: \
             Resource temporarily unavailable; trying again"
        )
    };
    system.await_log(&said("svc", "main"));
    system.await_state("svc", "start/spawning");

    // A client waits with its job, and another one stops a job that waits for room.
    let mut waiting = system.begin(&["start", "other"]);
    system.await_log(&said("other", "main"));
    system.order(&["start", "--no-wait", "third"]);
    system.await_log(&said("third", "pre-start"));
    assert_eq!(system.order(&["stop", "third"]), "third stop/waiting\n");
    assert!(waiting.try_wait().expect("it is our child").is_none(), "the client still waits");

    limit.lift();
    let second = system.await_running("svc");
    assert_ne!(first, second);
    system.await_running("other");
    assert!(waiting.wait().expect("it is our child").success());
    assert!(system.order(&["start", "third"]).starts_with("third start/running, process "));
    for (job, process) in [("svc", "main"), ("other", "main"), ("third", "pre-start")] {
        assert_eq!(system.log().matches(&said(job, process)).count(), 1, "it is said once");
    }
    // A respawn that had to wait counts as one.
    assert!(!system.has_said("svc respawning too fast, stopped"));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_job_that_starts_itself_leaves_the_machine_usable() {
    let mut system = System::start(&[
        ("a", "start on stopped a\nexec /no/such/program"),
        ("p", "start on stopped q"),
        ("q", "start on started p\nexec /no/such/program"),
        ("svc", "exec sleep 1000"),
    ]);
    system.order(&["start", "--no-wait", "a"]);
    system.await_log("a starts itself, and no process lives in between: from now on each start waits up to a second");
    assert!(system.order(&["start", "svc"]).starts_with("svc start/running"));
    assert_eq!(system.order(&["list"]).lines().count(), 4);
    assert!(system.log().matches("Failed to spawn a main process").count() < 20);
    assert_eq!(system.order(&["stop", "a"]), "a stop/waiting\n");
    assert_eq!(system.status("a"), "a stop/waiting");
    system.order(&["start", "--no-wait", "a"]);
    system.end(Signal::SIGTERM);
}

/// A job that prints once and then nothing: its line does not wait for the next one.
#[test]
fn output_that_could_not_be_written_is_written_by_itself() {
    let mut system = System::start(&[("terse", "exec sh -c 'echo hello; touch @FOLDER@/done; exec sleep 1000'")]);
    let (directory, done) = (system.folder().path("log"), system.folder().path("done"));
    std::fs::remove_dir(&directory).expect("it is empty");
    system.order(&["start", "terse"]);
    system.await_some("its output", |_| done.exists().then_some(()));
    // The line was printed before these are asked, so it has been read when they are answered.
    for _ in 0..3 {
        system.status("terse");
    }
    std::fs::create_dir(&directory).expect("it was removed");
    system.await_some("the line", |system| (system.output("terse") == "hello\r\n").then_some(()));
    system.end(Signal::SIGTERM);
}
