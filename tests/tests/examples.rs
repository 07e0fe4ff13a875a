//! The first commands of the README: a supervisor with the jobs in `docs/examples`, and an `initctl` that finds it
//! without options.

use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

use uphold_tests::system::processes::{Process, Signal, is_running, send};
use uphold_tests::system::{Launch, System, programs, run, skipped};

/// The socket of the system's supervisor. Where there is one, `initctl` without options finds that supervisor.
const SYSTEM_SOCKET: &str = "/run/uphold/control";

/// Runs `initctl ARGUMENTS` as a user types it, without other options.
fn initctl(system: &System, arguments: &[&str]) -> String {
    let mut command = Command::new(&programs::built().initctl);
    command.env_clear().env("XDG_RUNTIME_DIR", system.folder().path("run")).args(arguments);
    let ran = run(command);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{ran:?}");
    ran.out
}

fn start() -> System {
    Launch::new(&[]).conf_dir(&programs::workspace().join("docs/examples")).start()
}

#[test]
fn the_four_kinds_of_jobs_are_listed_and_end_together() {
    if Path::new(SYSTEM_SOCKET).exists() {
        return skipped("this system runs under Uphold, which initctl finds first");
    }
    let mut system = start();
    let service = system.await_running("service");
    let daemon = system.await_running("daemon");
    let crasher = system.await_running("crasher");
    system.await_some("the task's output", |system| {
        (system.output("task") == "the system is starting\r\n").then_some(())
    });
    system.await_state("task", "stop/waiting");

    let list = initctl(&system, &["list"]);
    let mut lines: Vec<&str> = list.lines().collect();
    lines.sort_unstable();
    let [first, second, third, fourth] = lines[..] else { panic!("{list}") };
    assert!(first.starts_with("crasher "), "{list}");
    assert_eq!(second, format!("daemon start/running, process {daemon}"));
    assert_eq!(third, format!("service start/running, process {service}"));
    assert_eq!(fourth, "task stop/waiting");

    system.await_log(&format!("crasher main process ({crasher}) killed by SEGV signal"));
    system.await_log("crasher main process ended, respawning");
    system.await_some("the service's count", |system| system.output("service").contains("second 2").then_some(()));
    assert!(is_running(service) && is_running(daemon));
    system.end(Signal::SIGINT);
}

#[test]
fn the_daemon_is_the_process_that_stays() {
    let mut system = start();
    let daemon = system.await_running("daemon");
    let sleeping = system.processes().into_iter().any(|process: Process| process.pid == daemon);
    assert!(sleeping, "{:?}", system.processes());
    send(daemon, Signal::SIGKILL);
    system.await_log(&format!("daemon main process ({daemon}) killed by KILL signal"));
    let next = system.await_replacement("daemon", daemon);
    assert!(is_running(next));
    system.order(&["stop", "service"]);
    system.await_state("daemon", "stop/waiting");
    assert!(!is_running(next));
    system.end(Signal::SIGTERM);
}

#[test]
fn the_newest_supervisor_that_lives_is_found() {
    if Path::new(SYSTEM_SOCKET).exists() {
        return skipped("this system runs under Uphold, which initctl finds first");
    }
    let system = System::start(&[("mine", "start on startup\n")]);
    // A killed supervisor left its socket behind, without a listener. To close the listener would not be enough: a
    // process that another test is just spawning holds a copy until its exec.
    let dead = system.folder().below("run/uphold/1999999999");
    let listener = UnixListener::bind(dead.join("control")).expect("a socket is made");
    UnixStream::from(OwnedFd::from(listener)).shutdown(Shutdown::Both).expect("nobody listens any more");
    assert_eq!(initctl(&system, &["list"]), "mine start/running\n");
    assert_eq!(initctl(&system, &["version"]), "init (upstart 1.13.2)\n");
    system.end(Signal::SIGTERM);
}
