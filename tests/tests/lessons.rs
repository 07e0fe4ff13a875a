//! The advice on a job file that is wrong about its daemon: once for each lesson, until the file is changed.

use uphold_tests::system::System;
use uphold_tests::system::processes::{Signal, send};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Waits until a job runs with the process that its daemon noted, and returns it.
fn await_daemon(system: &mut System, job: &str, old: u32) -> u32 {
    let file = system.folder().path(job);
    system.await_some(&format!("the daemon of {job}"), |system| {
        let noted: u32 = std::fs::read_to_string(&file).ok()?.trim_end().parse().ok()?;
        (noted != old && system.status(job) == format!("{job} start/running, process {noted}")).then_some(noted)
    })
}

/// The lines of advice on a job.
fn lessons(system: &System, job: &str) -> Vec<String> {
    let log = system.log();
    let lines = log.lines().filter(|line| line.contains(&format!("{job} expected ")));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_lesson_is_logged_once_for_each_job_file() {
    let job = |more: &str| {
        format!("respawn limit 99 1\nrespawn\nexpect fork\nexec {DAEMON} fork fork {more} pid @FOLDER@/svc\n")
    };
    let mut system = System::start(&[("svc", &job(""))]);
    system.order(&["start", "svc"]);
    let mut main = await_daemon(&mut system, "svc", 0);
    system.await_some("the advice", |system| (!lessons(system, "svc").is_empty()).then_some(()));
    for _ in 0..4 {
        send(main, Signal::SIGKILL);
        main = await_daemon(&mut system, "svc", main);
        // The advice comes a moment after the adoption.
        std::thread::sleep(std::time::Duration::from_millis(600));
    }
    system.order(&["restart", "svc"]);
    main = await_daemon(&mut system, "svc", main);
    std::thread::sleep(std::time::Duration::from_millis(600));
    let told = lessons(&system, "svc");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].ends_with("; \"expect daemon\" is right"), "{told:?}");
    // A changed file is another file.
    let text = job("session").replace("@FOLDER@", &system.folder().path("").display().to_string());
    system.folder().write("conf/svc.conf", &text);
    system.order(&["stop", "svc"]);
    system.order(&["start", "svc"]);
    await_daemon(&mut system, "svc", main);
    system.await_some("the advice again", |system| (lessons(system, "svc").len() == 2).then_some(()));
    system.order(&["stop", "svc"]);
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}
