//! Corners in which Uphold differs from Upstart 1.13.2 on purpose; docs/compatibility.md lists them.

use std::fs;

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

#[test]
fn a_file_with_a_zero_byte_is_refused_as_a_whole() {
    let launch = Launch::new(&[("good", "exec sleep 1000\n"), ("zero", "# fine\nexec sleep 1\0\nstart on go\n")]);
    launch.folder().write("conf/last.conf", "exec sleep 1000\n\0");
    let mut system = launch.start();
    for (job, line) in [("zero", 2), ("last", 2)] {
        let file = system.folder().path("conf").join(format!("{job}.conf"));
        // A message that begins with a file has no blank before it, as in Upstart.
        system.await_log(&format!("init:{}:{line}: Zero byte in file", file.display()));
        let status = system.initctl(&["status", job]);
        assert_eq!((status.code, status.err.lines().next()), (1, Some(&*format!("initctl: Unknown job: {job}"))));
    }
    assert_eq!(system.status("good"), "good stop/waiting");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_post_start_that_cannot_be_run_changes_nothing() {
    let mut system = System::start(&[
        ("service", "post-start exec /no/such\nexec sleep 1000\n"),
        ("task", "task\npost-start exec /no/such\nexec true\n"),
    ]);
    for _ in 0..5 {
        system.order(&["start", "service"]);
        system.await_running("service");
        system.order(&["stop", "service"]);
        system.order(&["start", "task"]);
    }
    let failed = |job: &str| format!("init: Failed to spawn {job} post-start process: unable to execute: No such file");
    let log = system.log();
    for job in ["service", "task"] {
        assert_eq!(log.matches(&failed(job)).count(), 5, "{log}");
    }
    assert!(!log.contains("terminated"), "{log}");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_condition_that_is_half_true_stays_so_over_a_re_exec() {
    let text = "start on x and y\ntask\nscript\n  echo \"$UPSTART_EVENTS $V $W\" > @FOLDER@/seen\nend script\n";
    let mut system = Launch::new(&[("job", text)]).option("--verbose").start();
    let mut first = system.begin(&["emit", "x", "V=1"]);
    system.await_log("Handling x event");
    system.order(&["restart-init"]);
    system.order(&["emit", "y", "W=2"]);
    let ended = first.wait().expect("it ends");
    assert!(ended.success(), "the client that waits gets its reply: {ended}");
    assert_eq!(fs::read_to_string(system.folder().path("seen")).expect("the job has run"), "x y 1 2\n");
    system.end(Signal::SIGTERM);
}

#[test]
fn instance_names_need_not_be_ascii() {
    let mut system = System::start(&[("job", "instance $N\nexec sleep 1000\n")]);
    for name in ["zürich", "東京", "a\u{301}"] {
        let variable = format!("N={name}");
        let started = system.order(&["start", "job", &variable]);
        assert!(started.starts_with(&format!("job ({name}) start/running, process ")), "{started}");
        assert_eq!(system.order(&["list"]).lines().count(), 1);
        system.order(&["stop", "job", &variable]);
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}
