//! The incident that led to this project, with a scripted daemon: it forks once and then starts four threads, and the
//! supervisor must never lose it.

use uphold_tests::system::processes::{Signal, is_running, number_in_status, send};
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The daemon under the name that it had in the incident.
fn maxscale(more: &str) -> String {
    format!("expect fork\nrespawn\n{more}\nexec {DAEMON} fork threads 4 pid @FOLDER@/pid\n")
}

/// The process id in the daemon's pid file.
fn pid_file(system: &mut System) -> u32 {
    system.await_some("a pid file", |system| {
        std::fs::read_to_string(system.folder().path("pid")).ok()?.trim_end().parse().ok()
    })
}

/// Waits until the pid file names a process that was started a moment ago.
fn await_pid_file(system: &mut System, pid: u32) {
    system.await_some(&format!("{pid} in the pid file"), |system| {
        let text = std::fs::read_to_string(system.folder().path("pid")).ok()?;
        (text.trim_end() == pid.to_string()).then_some(())
    });
}

#[test]
fn a_daemon_that_forks_and_makes_threads_is_followed_killed_and_replaced() {
    let mut system = System::start(&[("maxscale", &maxscale(""))]);
    let told = system.order(&["start", "maxscale"]);
    let first = pid_file(&mut system);
    assert_eq!(told, format!("maxscale start/running, process {first}\n"));
    assert_eq!(system.status("maxscale"), format!("maxscale start/running, process {first}"));
    system.await_some("five threads", |_| (number_in_status(first, "Threads") == Some(5)).then_some(()));
    system.await_processes(1);

    let mut pid = first;
    for _ in 0..3 {
        send(pid, Signal::SIGKILL);
        system.await_log(&format!("maxscale main process ({pid}) killed by KILL signal"));
        system.await_log("maxscale main process ended, respawning");
        let next = system.await_replacement("maxscale", pid);
        assert!(is_running(next) && !is_running(pid));
        await_pid_file(&mut system, next);
        pid = next;
    }
    let told = system.order(&["stop", "maxscale"]);
    assert_eq!(told, "maxscale stop/waiting\n");
    assert_eq!(system.processes(), []);
    system.end(Signal::SIGTERM);
}

#[test]
fn killed_while_it_is_still_becoming_a_daemon_it_is_started_again() {
    let mut system =
        System::start(&[("slow", &format!("expect fork\nrespawn\nexec {DAEMON} until @FOLDER@/go fork\n"))]);
    system.order(&["start", "--no-wait", "slow"]);
    let first = system.await_some("a first process", |system| system.main_process("slow"));
    send(first, Signal::SIGKILL);
    system.await_log(&format!("slow main process ({first}) killed by KILL signal"));
    system.folder().write("go", "");
    // Upstart leaves such a job in `running` without a process.
    let next = system.await_replacement("slow", first);
    assert!(is_running(next) && !is_running(first));
    system.order(&["stop", "slow"]);
    assert_eq!(system.status("slow"), "slow stop/waiting");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_crasher_is_respawned_as_often_as_its_limit_says() {
    let text = format!("respawn\nrespawn limit 2 60\nexec {DAEMON} print ran kill SEGV\n");
    let mut system = System::start(&[("crasher", &text)]);
    system.order(&["start", "--no-wait", "crasher"]);
    system.await_log("crasher respawning too fast, stopped");
    assert_eq!(system.await_state("crasher", "stop/waiting"), None);
    let log = system.log();
    let count = |what: &str| log.lines().filter(|line| line.ends_with(what)).count();
    assert_eq!(count("killed by SEGV signal"), 3, "{log}");
    assert_eq!(count("crasher main process ended, respawning"), 2, "{log}");
    assert_eq!(count("crasher respawning too fast, stopped"), 1, "{log}");
    assert_eq!(system.output("crasher"), "ran\r\nran\r\nran\r\n");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_daemon_that_crashes_is_given_up_too() {
    let text = format!("expect fork\nrespawn\nrespawn limit 2 60\nexec {DAEMON} fork threads 4 sleep 50 exit 1\n");
    let mut system = System::start(&[("crasher", &text)]);
    system.order(&["start", "--no-wait", "crasher"]);
    system.await_log("crasher respawning too fast, stopped");
    system.await_state("crasher", "stop/waiting");
    let log = system.log();
    assert_eq!(log.lines().filter(|line| line.ends_with("terminated with status 1")).count(), 3, "{log}");
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn reload_reaches_the_daemon_and_no_one_else() {
    let text = format!("expect fork\nreload signal USR1\nexec {DAEMON} fork count USR1 @FOLDER@/reloads threads 4\n");
    let mut system = System::start(&[("maxscale", &text)]);
    system.order(&["start", "maxscale"]);
    let pid = system.await_running("maxscale");
    // The daemon is ready when it has its threads.
    system.await_some("its threads", |_| (number_in_status(pid, "Threads") == Some(6)).then_some(()));
    assert_eq!(system.order(&["reload", "maxscale"]), "");
    system.await_some("the reload", |system| {
        let reloads = std::fs::read_to_string(system.folder().path("reloads")).unwrap_or_default();
        (reloads == "SIGUSR1\n").then_some(())
    });
    assert_eq!(system.main_process("maxscale"), Some(pid));
    system.order(&["stop", "maxscale"]);
    let refused = system.initctl(&["reload", "maxscale"]);
    assert_eq!((refused.code, refused.err.as_str()), (1, "initctl: Unknown instance: \n"));
    system.end(Signal::SIGTERM);
}

#[test]
fn one_that_ignores_its_kill_signal_is_killed() {
    let text = format!("expect fork\nkill timeout 1\nexec {DAEMON} fork ignore TERM threads 4\n");
    let mut system = System::start(&[("stubborn", &text)]);
    system.order(&["start", "stubborn"]);
    let pid = system.await_running("stubborn");
    system.await_some("its threads", |_| (number_in_status(pid, "Threads") == Some(5)).then_some(()));
    assert_eq!(system.order(&["stop", "stubborn"]), "stubborn stop/waiting\n");
    assert!(system.has_said(&format!("stubborn main process ({pid}) killed by KILL signal")), "{}", system.log());
    assert!(!is_running(pid));
    system.end(Signal::SIGTERM);
}

#[test]
fn the_end_of_the_supervisor_leaves_nothing_running() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let plain = format!("start on startup\nrespawn\nexec {DAEMON} threads 2\n");
        let daemon = format!("start on started plain\nstop on stopping plain\n{}", maxscale("kill timeout 2"));
        let twice = format!("start on startup\nexpect daemon\nexec {DAEMON} fork session fork\n");
        let mut system = System::start(&[("plain", &plain), ("maxscale", &daemon), ("twice", &twice)]);
        for job in ["plain", "maxscale", "twice"] {
            system.await_running(job);
        }
        system.await_processes(3);
        system.end(signal);
    }
}

#[test]
fn a_program_that_is_not_there_is_told() {
    let mut system = System::start(&[("job", "start on startup\ntask\nexec /no/such/program\n")]);
    system.await_log("Failed to spawn job main process: unable to execute: No such file or directory");
    system.await_state("job", "stop/waiting");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_stop_that_means_ready_and_its_end_are_said_in_order() {
    let text = "expect stop\nexec sh -c 'kill -STOP $$; exec sleep 1000'\n";
    let mut system = Launch::new(&[("svc", text)]).option("--verbose").start();
    system.order(&["start", "svc"]);
    let pid = system.await_running("svc");
    let main = format!("svc main process ({pid}) ");
    system.await_log("Handling started event");
    let log = system.log();
    let stopped = log.lines().skip_while(|line| !line.ends_with(&format!("{main}stopped by STOP signal")));
    let expected = [
        "svc state changed from spawned to post-starting",
        "svc state changed from post-starting to post-start",
        "svc state changed from post-start to running",
        &format!("{main}continued by CONT signal"),
        "Handling started event",
    ];
    assert_eq!(stopped.skip(1).take(expected.len()).collect::<Vec<_>>(), expected, "{log}");
    system.end(Signal::SIGTERM);
}

#[test]
fn what_normal_exit_lists_is_said_quietly_of_every_process() {
    let quiet = "normal exit 3 USR1\npre-start exec sh -c 'exit 3'\n";
    let loud = "normal exit 3\npre-start exec sh -c 'exit 4'\n";
    let mut system = System::start(&[("quiet", quiet), ("loud", loud)]);
    for job in ["quiet", "loud"] {
        assert_eq!(system.initctl(&["start", job]).err, "initctl: Job failed to start\n");
    }
    system.await_some("the loud one's end", |system| system.log().contains("terminated with status 4").then_some(()));
    assert!(!system.log().contains("quiet pre-start process"), "{}", system.log());
    for command in ["usage", "show-config", "status"] {
        assert_eq!(system.initctl(&[command, ""]).err, "initctl: Name may not be empty string\n", "{command}");
    }
    system.end(Signal::SIGTERM);
}
