//! Re-exec of the supervisor while jobs run, start and end: no job and no client notices.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use uphold_core::bytes::Strings;
use uphold_core::control::{Reply, Request};
use uphold_core::{Goal, State, Target};
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{Process, Signal, is_running, send};
use uphold_tests::system::{Launch, System, programs, skipped};

fn restart(system: &System) {
    system.order(&["restart-init"]);
}

/// The output of `initctl list`, sorted.
fn list(system: &System) -> Vec<String> {
    let mut lines: Vec<String> = system.order(&["list"]).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn services_keep_their_processes_and_are_still_looked_after() {
    let mut system = System::start(&[
        ("service", "exec sleep 1000"),
        ("instance", "instance $N\nexport N\nexec sleep 1000"),
        ("phoenix", "respawn\nrespawn limit 3 600\nexec sleep 1000"),
        ("after", "start on stopped service\nexec sleep 1000"),
    ]);
    for words in [&["start", "service"][..], &["start", "instance", "N=1"], &["start", "phoenix"]] {
        system.order(words);
    }
    let service = system.await_running("service");
    let mut phoenix = system.await_running("phoenix");
    for _ in 0..2 {
        send(phoenix, Signal::SIGKILL);
        phoenix = system.await_replacement("phoenix", phoenix);
    }
    let supervisor = system.pid();
    let before = list(&system);
    for _ in 0..3 {
        restart(&system);
    }
    assert_eq!(list(&system), before);
    assert_eq!((system.pid(), system.await_running("service")), (supervisor, service));

    // Two of three respawns happened before the re-exec; one is left.
    send(phoenix, Signal::SIGKILL);
    phoenix = system.await_replacement("phoenix", phoenix);
    restart(&system);
    send(phoenix, Signal::SIGKILL);
    system.await_log("phoenix respawning too fast, stopped");

    assert_eq!(system.order(&["stop", "service"]), "service stop/waiting\n");
    system.await_running("after");
    assert_eq!(system.order(&["stop", "instance", "N=1"]), "instance stop/waiting\n");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_daemon_that_has_not_forked_yet_is_followed_on() {
    let job = "expect fork\nscript\n  : wait\n  while [ ! -e @FOLDER@/go ]; do :; done\n  sleep 1000 &\nend script\n";
    let mut system = System::start(&[("daemon", job)]);
    system.order(&["start", "--no-wait", "daemon"]);
    let original = system.await_state("daemon", "start/spawned").expect("a process");
    restart(&system);
    assert_eq!(system.main_process("daemon"), Some(original));
    system.folder().write("go", "");
    let child = system.await_running("daemon");
    assert_ne!(child, original);
    restart(&system);
    assert_eq!(system.order(&["stop", "daemon"]), "daemon stop/waiting\n");
    assert!(!is_running(child));
}

#[test]
fn a_kill_timeout_runs_on() {
    // The process lives long enough to be seen after the re-exec.
    let job =
        "kill timeout 5\nscript\n  trap '' TERM\n  touch @FOLDER@/ready\n  while :; do sleep 0.1; done\nend script\n";
    let mut system = System::start(&[("stubborn", job)]);
    system.order(&["start", "stubborn"]);
    let pid = system.await_running("stubborn");
    system.await_some("a trap", |system| system.folder().path("ready").exists().then_some(()));
    system.order(&["stop", "--no-wait", "stubborn"]);
    restart(&system);
    assert_eq!(system.main_process("stubborn"), Some(pid));
    system.await_log(&format!("stubborn main process ({pid}) killed by KILL signal"));
    system.await_state("stubborn", "stop/waiting");
}

#[test]
fn what_a_job_has_left_is_still_told_of() {
    let job = "script\n  setsid sleep 1000 &\n  echo $! > @FOLDER@/left\n  exec sleep 1000\nend script\n";
    let mut system = System::start(&[("leaver", job)]);
    system.order(&["start", "leaver"]);
    let left = system.await_some("a process that stays", |system| {
        let text = fs::read_to_string(system.folder().path("left")).ok()?;
        text.strip_suffix('\n')?.parse::<u32>().ok()
    });
    // By then it also leads its own session, to which no signal goes.
    system.await_some("its program", |_| Process::of(left).filter(|process| process.name == "sleep"));
    system.order(&["stop", "leaver"]);
    restart(&system);
    system.await_log(&format!("leaver has left process {left} (sleep) behind, which still runs"));
}

#[test]
fn a_control_group_still_goes_when_its_job_does() {
    let name = format!("uphold-test-{}", std::process::id());
    let mut system = System::start(&[("grouped", &format!("cgroup freezer {name}\nexec sleep 1000"))]);
    if system.initctl(&["start", "grouped"]).code != 0 {
        return skipped("control groups may not be made here");
    }
    let pid = system.await_running("grouped");
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("it lives");
    let Some(below) = own.lines().find_map(|line| line.strip_prefix("0::/")).filter(|path| path.ends_with(&name))
    else {
        return skipped("there are no control groups of version 2");
    };
    let places = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(|place| Path::new(place).join(below));
    let group = places.into_iter().find(|place| place.exists()).expect("it is there");
    restart(&system);
    system.order(&["stop", "grouped"]);
    system.await_some("the end of the empty group", |_| (!group.exists()).then_some(()));
}

#[test]
fn clients_that_wait_are_answered() {
    let wait = "while [ ! -e @FOLDER@/go ]; do sleep 0.05; done";
    let slow = format!("pre-start script\n  {wait}\nend script\nexec sleep 1000\n");
    let task = format!("start on work\ntask\nscript\n  {wait}\n  exit $CODE\nend script\n");
    let mut system = System::start(&[("slow", &slow), ("task", &task), ("other", "exec sleep 1000")]);
    let mut starter = Client::connect(&system.socket()).expect("a connection");
    let mut emitter = Client::connect(&system.socket()).expect("a connection");
    let mut idle = Client::connect(&system.socket()).expect("a connection");
    let target = Target::named(b"slow");
    starter.send(&Request::Start { target, wait: true }).expect("it is sent");
    let environment = Strings(b"CODE=3\0");
    emitter.send(&Request::Emit { event: b"work", environment, wait: true }).expect("it is sent");
    system.await_state("slow", "start/pre-start");
    system.await_state("task", "start/running");
    restart(&system);
    system.folder().write("go", "");
    match starter.reply().expect("an answer") {
        Reply::Job(status) => assert_eq!((status.goal, status.state), (Goal::Start, State::Running)),
        other => panic!("{other:?}"),
    }
    let failed = emitter.reply().expect("an answer").clone();
    assert!(matches!(failed, Reply::Error(refusal) if refusal.to_string() == "Event failed"), "{failed:?}");
    // One client has not sent a request yet, and one has disconnected: the others keep their places.
    drop(starter);
    restart(&system);
    let target = Target::named(b"other");
    assert!(matches!(idle.ask(&Request::Start { target, wait: true }), Ok(Reply::Job(_))));
}

#[test]
fn much_output_that_is_kept_goes_along() {
    const MUCH: usize = 9_000_000;
    let job = format!("script\n  head -c {MUCH} /dev/zero\n  touch @FOLDER@/done\n  exec sleep 1000\nend script\n");
    let brief = "exec sh -c 'echo hello; exec sleep 1000'";
    let launch = Launch::new(&[("talker", &job), ("brief", brief)]).option("--log-buffer=16777216");
    let mut system = launch.start();
    fs::remove_dir(system.folder().path("log")).expect("nothing is in it");
    system.order(&["start", "brief"]);
    system.order(&["start", "talker"]);
    let done = system.folder().path("done");
    system.await_some("its output", |_| done.exists().then_some(()));
    let before = list(&system);
    restart(&system);
    restart(&system);
    assert_eq!(list(&system), before);
    system.folder().below("log");
    system.order(&["notify-disk-writeable"]);
    system.await_some("all of it", |system| (system.output("talker").len() == MUCH).then_some(()));
    system.await_some("the line", |system| (system.output("brief") == "hello\r\n").then_some(()));
    system.end(Signal::SIGTERM);
}

#[test]
fn what_was_dropped_is_said_by_the_next_program() {
    let mut system = Launch::new(&[("a", "task\nexec echo hello")]).option("--log-buffer=0").start();
    let log = system.folder().path("log");
    fs::rename(&log, system.folder().path("elsewhere")).expect("the folder is there");
    system.order(&["start", "a"]);
    system.await_state("a", "stop/waiting");
    restart(&system);
    fs::rename(system.folder().path("elsewhere"), &log).expect("it is there");
    system.order(&["notify-disk-writeable"]);
    system.await_log("7 bytes of output of ended processes were dropped");
    system.end(Signal::SIGTERM);
}

#[test]
fn the_output_of_jobs_is_still_collected() {
    let job = "script\n  echo before\n  while [ ! -e @FOLDER@/go ]; do sleep 0.05; done\n  echo after\n  exec sleep 1000\nend script\n";
    let mut system = System::start(&[("talker", job)]);
    system.order(&["start", "talker"]);
    system.await_some("output", |system| (system.output("talker") == "before\r\n").then_some(()));
    let log = system.folder().path("log");
    // Output that cannot be written is kept, and handed over.
    fs::rename(&log, system.folder().path("elsewhere")).expect("the folder is there");
    restart(&system);
    restart(&system);
    system.folder().below("log");
    system.folder().write("go", "");
    system.await_some("output", |system| (system.output("talker") == "after\r\n").then_some(()));
}

#[test]
fn job_files_that_have_changed_meanwhile_count_when_the_job_rests() {
    let mut system = System::start(&[("idle", "exec sleep 1000"), ("busy", "respawn\nexec sleep 1000")]);
    system.order(&["start", "busy"]);
    let busy = system.await_running("busy");
    restart(&system);
    for (name, command) in [("idle", "sleep 2000"), ("busy", "sleep 3000")] {
        system.folder().write(&format!("conf/{name}.conf"), &format!("respawn\nexec {command}\n"));
    }
    restart(&system);
    // The supervisor runs a moment before the kernel shows the new command line.
    let command = |system: &mut System, pid: u32| {
        let words = system.await_some("its words", |_| {
            fs::read_to_string(format!("/proc/{pid}/cmdline")).ok().filter(|words| !words.is_empty())
        });
        words.replace('\0', " ")
    };
    system.order(&["start", "idle"]);
    let idle = system.await_running("idle");
    assert_eq!(command(&mut system, idle), "sleep 2000 ");
    send(busy, Signal::SIGKILL);
    let busy = system.await_replacement("busy", busy);
    assert_eq!(command(&mut system, busy), "sleep 1000 ", "the old definition holds while an instance lives");
    system.order(&["stop", "busy"]);
    system.order(&["start", "busy"]);
    let busy = system.await_running("busy");
    assert_eq!(command(&mut system, busy), "sleep 3000 ");
}

/// Waits until a process has only its standard descriptors: it runs a moment before the kernel has closed the
/// close-on-exec ones. An inherited descriptor would stay open.
fn await_three_descriptors(system: &mut System, pid: u32) {
    let open = || fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").count();
    system.await_some(&format!("three descriptors of {pid}"), |_| (open() == 3).then_some(()));
}

/// A launch of a copy of `init` that can be replaced later.
fn replaceable(jobs: &[(&str, &str)]) -> (Launch, PathBuf) {
    let launch = Launch::new(jobs);
    let program = launch.folder().path("init");
    symlink(&programs::built().init, &program).expect("a link");
    (launch.program(&program), program)
}

#[test]
fn a_program_that_cannot_be_run_changes_nothing() {
    let (launch, program) = replaceable(&[("service", "exec sleep 1000")]);
    let mut system = launch.start();
    system.order(&["start", "service"]);
    let service = system.await_running("service");
    let mut waiting = Client::connect(&system.socket()).expect("a connection");
    fs::remove_file(&program).expect("the program is there");
    let ran = system.initctl(&["restart-init"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.err.contains("Unable to run the supervisor anew: No such file or directory"), "{ran:?}");
    system.await_log(&format!("Failed to re-execute {}: No such file or directory", program.display()));
    assert!(matches!(waiting.ask(&Request::Version), Ok(Reply::Text(_))));
    assert_eq!(system.main_process("service"), Some(service));
    // No job inherits the descriptors of the handover.
    system.order(&["stop", "service"]);
    system.order(&["start", "service"]);
    let service = system.await_running("service");
    await_three_descriptors(&mut system, service);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_state_that_cannot_be_read_is_done_without() {
    let (launch, _) = replaceable(&[("service", "exec sleep 1000"), ("other", "exec sleep 1000")]);
    let mut system = launch.start();
    system.order(&["start", "service"]);
    let service = system.await_running("service");
    // A program that damages one byte of the image and then executes `init`.
    let init = programs::built().init.display();
    let script = format!(
        "#!/bin/sh\nprintf '\\377' | dd of=/proc/self/fd/$3 bs=1 seek=300 conv=notrunc 2>/dev/null\nexec {init} \"$@\"\n"
    );
    system.folder().script("init", &script);
    system.initctl(&["restart-init"]);
    system.await_some("a message", |system| system.log().contains("Unable to read the state").then_some(()));
    system.await_some("an answer", |system| (system.initctl(&["version"]).code == 0).then_some(()));
    assert_eq!(system.await_running("service"), service, "it is known by its environment");
    system.order(&["start", "other"]);
    let other = system.await_running("other");
    await_three_descriptors(&mut system, other);
    send(service, Signal::SIGKILL);
    system.await_state("service", "stop/waiting");
    assert!(!Path::new(&format!("/proc/{service}")).exists());
    system.order(&["start", "service"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn one_that_is_asked_for_is_told_of() {
    let system = System::start(&[]);
    system.order(&["log-priority", "info"]);
    restart(&system);
    assert!(system.has_said("Restarting"), "{}", system.log());
    system.end(Signal::SIGTERM);
}
