//! Process 1 crashes, by signals and by panics of its own: jobs keep their processes, clients are answered, timers
//! fire; and when it crashes too often, a person gets a program to act with.

#[path = "crash/world.rs"]
mod world;

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use uphold_core::control::Reply;
use uphold_core::{Goal, State};
use uphold_tests::system::client::Client;
use uphold_tests::system::first::{First, is_possible};
use uphold_tests::system::processes::{self, Signal, send};
use uphold_tests::system::{PATIENCE, programs, skipped};
use world::{World, main_process};

/// The process id of a program that was started for a person, the first one or a later one.
fn rescue_of(first: &First, count: usize) -> Option<u32> {
    let text = fs::read_to_string(first.folder().path("rescued")).unwrap_or_default();
    let (whole, _) = text.rsplit_once('\n')?;
    whole.lines().nth(count - 1)?.parse().ok()
}

/// Reads the reply to a start: the job has come to this state.
fn has_come_to(client: &mut Client, goal: Goal, state: State) {
    match client.reply().expect("an answer") {
        Reply::Job(status) => assert_eq!((status.goal, status.state), (goal, state)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn services_keep_their_processes_whatever_the_signal_is() {
    if !is_possible() {
        return;
    }
    for signals in [["SEGV", "BUS", "ABRT"], ["ILL", "FPE", "TRAP"]] {
        let mut world = World::with_services(&programs::built().init);
        let before = (world.list(), world.processes());
        let limit = world.limit_of("plain");
        for signal in signals {
            world.crash_by(signal);
            assert_eq!((world.list(), world.processes()), before, "{signal}");
        }
        assert!(!world.messages().contains("Unable to"), "{}", world.messages());
        // They are still looked after, and new processes inherit nothing from all that.
        world.order(&["restart", "plain"]);
        assert_eq!(world.limit_of("plain"), limit);
        let plain = world.first.path_inside(&format!("proc/{}/fd", world.main_process("plain")));
        let open = |_: &First| fs::read_dir(&plain).expect("it runs").count();
        world.first.await_some("three descriptors", |first| (open(first) == 3).then_some(()));
        world.stop_services();
    }
}

#[test]
fn without_a_state_services_are_known_by_their_environment() {
    if !is_possible() {
        return;
    }
    let mut world = World::with_services(&programs::built().init);
    let before = (world.list(), world.processes());
    for _ in 0..2 {
        // A state that another version of the program has written is refused in the same way.
        spoil_kept_state(world.first.pid);
        world.first.run_inside("kill -SEGV 1");
        world.await_crash("SEGV signal from process ", 1);
        world.await_message("Unable to read the state before the re-exec: there is no whole checkpoint", world.crashes);
        assert_eq!((world.list(), world.processes()), before);
    }
    let messages = world.messages();
    assert!(!messages.contains("is right") && !messages.contains("runs on"), "{messages}");
    // They are supervised: one is respawned, and all are stopped.
    let respawning = world.main_process("respawning");
    world.first.run_inside(&format!("kill -KILL {respawning}"));
    world.first.await_some("a respawn", |first| {
        main_process(&first.initctl(&["status", "respawning"]).out).filter(|&pid| pid != respawning)
    });
    world.stop_services();
}

/// Breaks both checkpoints of a supervisor's kept state.
fn spoil_kept_state(pid: u32) {
    let all = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").flatten();
    let is_it =
        |path: &PathBuf| fs::read_link(path).is_ok_and(|to| to.to_string_lossy().starts_with("/memfd:uphold-kept"));
    let path = all.map(|entry| entry.path()).find(is_it).expect("it keeps its state");
    let file = fs::File::options().write(true).open(path).expect("a file in memory can be opened");
    [512, 1024].into_iter().for_each(|head| file.write_all_at(b"spoilt", head).expect("it is written"));
}

#[test]
fn what_has_begun_goes_on() {
    if !is_possible() {
        return;
    }
    let wait = "while [ ! -e @FOLDER@/go ]; do sleep 0.05; done";
    let mut world = World::start(
        &programs::built().init,
        &[
            ("slow", &format!("pre-start script\n  {wait}\nend script\nexec sleep 1000")),
            ("task", &format!("task\nscript\n  {wait}\nend script")),
            ("stubborn", "kill timeout 5\nexec @DAEMON@ ignore TERM pid @FOLDER@/deaf"),
            ("following", "expect fork\nexec @DAEMON@ until @FOLDER@/go fork"),
            ("twice", "expect daemon\nexec @DAEMON@ fork until @FOLDER@/go fork"),
            ("says", "expect notify\nstart timeout 600\nexec @DAEMON@ until @FOLDER@/go notify READY=1"),
            ("writes", "expect fd 3\nstart timeout 600\nexec @DAEMON@ until @FOLDER@/go line 3"),
            ("limited", "respawn\nrespawn limit 2 600\nexec sleep 1000"),
        ],
    );
    world.order(&["start", "stubborn"]);
    let deaf = world.first.folder().path("deaf");
    world.first.await_some("deaf ears", |_| deaf.exists().then_some(()));
    world.order(&["start", "limited"]);
    let jobs = ["slow", "following", "twice", "says", "writes"];
    let mut waiting: Vec<_> = jobs.iter().map(|job| world.starter(job)).collect();
    let mut for_the_task = world.starter("task");
    for (job, state) in [
        ("slow", "start/pre-start"),
        ("task", "start/running"),
        ("following", "start/spawned"),
        ("twice", "start/spawned"),
        ("says", "start/spawned"),
        ("writes", "start/spawned"),
    ] {
        world.await_status(job, state);
    }
    let mut limited = world.main_process("limited");
    let mut respawned = |world: &mut World| {
        world.first.run_inside(&format!("kill -KILL {limited}"));
        world.await_status("limited", "start/running, process ");
        limited = world.first.await_some("a respawn", |first| {
            main_process(&first.initctl(&["status", "limited"]).out).filter(|&pid| pid != limited)
        });
    };
    respawned(&mut world);
    world.order(&["stop", "--no-wait", "stubborn"]);
    let before = world.list();
    for signal in ["SEGV", "ABRT"] {
        world.crash_by(signal);
        assert_eq!(world.list(), before);
    }
    respawned(&mut world);
    world.let_go();
    waiting.iter_mut().for_each(|client| has_come_to(client, Goal::Start, State::Running));
    has_come_to(&mut for_the_task, Goal::Stop, State::Waiting);
    let old = before.iter().find_map(|line| main_process(line.strip_prefix("following ")?)).expect("it was spawned");
    assert_ne!(world.main_process("following"), old);
    world.await_message("stubborn main process (", 1);
    world.await_message(") killed by KILL signal", 1);
    world.await_status("stubborn", "stop/waiting");
    // The two respawns that are allowed were before and after the crashes.
    world.crash_by("SEGV");
    world.first.run_inside(&format!("kill -KILL {limited}"));
    world.await_message("limited respawning too fast, stopped", 1);
}

#[test]
fn exits_while_it_crashes_are_reported_by_the_next_program() {
    if !is_possible() {
        return;
    }
    let jobs = [("ends", "exec sleep 1000"), ("respawning", "respawn\nexec sleep 1000"), ("stays", "exec sleep 1000")];
    let mut world = World::start(&programs::built().init, &jobs);
    jobs.iter().for_each(|(name, _)| drop(world.order(&["start", name])));
    let [ends, respawning, stays] = ["ends", "respawning", "stays"].map(|job| world.main_process(job));
    // It stands still while they are killed, so that it cannot see that before it crashes.
    send(world.first.pid, Signal::SIGSTOP);
    world.first.run_inside(&format!("kill -KILL {ends} {respawning}; kill -SEGV 1"));
    send(world.first.pid, Signal::SIGCONT);
    world.await_crash("SEGV signal from process ", 1);
    world.await_message(&format!("ends main process ({ends}) killed by KILL signal"), 1);
    world.await_message("respawning main process ended, respawning", 1);
    world.await_status("ends", "stop/waiting");
    world.await_status("respawning", "start/running, process ");
    assert_ne!(world.main_process("respawning"), respawning);
    assert_eq!(world.main_process("stays"), stays);
}

#[test]
fn crashes_of_its_own_are_survived() {
    if !is_possible() {
        return;
    }
    let init = programs::planted_init();
    for crashes in [
        [
            // The same input makes it crash again, and is left out then.
            ("panic-core", "panic at core/src/supervisor.rs:", 2),
            ("panic-shim", "panic at linux-shim/src/crash/planted.rs:", 1),
        ],
        [("no-memory", "ABRT signal of its own", 1), ("overflow", "SEGV signal, address 0x", 1)],
    ] {
        let mut world = World::with_services(&init);
        let before = (world.list(), world.processes());
        for (event, what, times) in crashes {
            // The client whose event it was gets no reply.
            world.first.initctl(&["emit", &format!("uphold-planted-{event}")]);
            world.await_crash(what, times);
            assert_eq!((world.list(), world.processes()), before, "{event}");
        }
        if crashes[0].0 == "panic-core" {
            let messages = world.messages();
            for message in ["planted in the core)", "planted in the shim)"] {
                assert!(messages.contains(message), "{messages}");
            }
        }
    }
}

#[test]
fn after_the_fourth_crash_it_only_reaps_and_a_person_gets_a_program() {
    if !is_possible() {
        return;
    }
    let mut world = World::start(&programs::built().init, &[("stays", "exec sleep 1000"), ("ends", "exec sleep 1000")]);
    let [stays, ends] = ["stays", "ends"].map(|job| {
        world.order(&["start", job]);
        world.main_process(job)
    });
    ["SEGV", "ABRT", "SEGV"].into_iter().for_each(|signal| world.crash_by(signal));
    world.first.run_inside("kill -SEGV 1");
    world.await_message("init: Crashed 4 times within 60 seconds (SEGV signal from process ", 1);
    let first = world.first.await_some("a program for a person", |first| rescue_of(first, 1));
    let console = fs::read_to_string(world.first.folder().path("console")).expect("it is there");
    assert!(console.starts_with("init only reaps now"), "{console}");
    // It reaps, and starts the program again.
    world.first.run_inside(&format!("kill -0 {stays}; kill -KILL {ends} {first}"));
    world.first.await_some("another one", |first| rescue_of(first, 2));
    let is_there = |world: &World, pid: u32| world.first.path_inside(&format!("proc/{pid}")).exists();
    assert!(!is_there(&world, first) && is_there(&world, stays));
    world
        .first
        .await_some("the end of a job", |first| (!first.path_inside(&format!("proc/{ends}")).exists()).then_some(()));
    // Another crash does not disturb it, and a person can make it go on.
    world.first.run_inside("kill -SEGV 1; kill -ABRT 1");
    world.first.run_inside("kill -TERM 1");
    world.await_message("init: Run again with the state that was kept: the rescue loop was left", 1);
    world.first.client();
    assert_eq!(world.main_process("stays"), stays);
    assert_eq!(world.order(&["stop", "stays"]), "stays stop/waiting\n");
    // The other one has ended meanwhile.
    assert_eq!(world.order(&["status", "ends"]), "ends stop/waiting\n");
}

#[test]
fn a_person_can_reboot_from_the_loop() {
    if !is_possible() {
        return;
    }
    let mut world = World::start(&programs::built().init, &[]);
    ["SEGV", "ABRT", "SEGV"].into_iter().for_each(|signal| world.crash_by(signal));
    world.first.run_inside("kill -SEGV 1");
    world.first.await_some("a program for a person", |first| rescue_of(first, 1));
    // That of a namespace ends its process 1.
    world.first.run_inside("kill -INT 1");
    let end = Instant::now() + PATIENCE;
    while processes::is_running(world.first.pid) {
        assert!(Instant::now() < end, "it still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_program_that_cannot_be_run_again_leaves_a_loop_that_reaps() {
    if !is_possible() {
        return;
    }
    let real = programs::built().init.display();
    let link = format!("ln -s {real} @FOLDER@/init");
    let jobs = [("stays", "exec sleep 1000"), ("ends", "exec sleep 1000")];
    let mut world = World::start_after(&link, Path::new("@FOLDER@/init"), &jobs);
    let [stays, ends] = ["stays", "ends"].map(|job| {
        world.order(&["start", job]);
        world.main_process(job)
    });
    world.first.run_inside(&format!("rm {}", world.first.folder().path("init").display()));
    world.first.run_inside("kill -SEGV 1");
    world.await_message("), and cannot be run again with its state: No such file or directory", 1);
    world.first.await_some("a program for a person", |first| rescue_of(first, 1));
    world.first.run_inside(&format!("kill -KILL {ends}"));
    let inside = |first: &First, pid: u32| first.path_inside(&format!("proc/{pid}")).exists();
    world.first.await_some("the end of a job", |first| (!inside(first, ends)).then_some(()));
    // It still cannot be run.
    world.first.run_inside("kill -TERM 1");
    world.await_message("Unable to run ", 1);
    world.first.run_inside(&format!("ln -s {real} {}; kill -TERM 1", world.first.folder().path("init").display()));
    world.await_message("init: Run again with the state that was kept: the rescue loop was left", 1);
    world.first.client();
    assert_eq!(world.main_process("stays"), stays);
}

#[test]
fn a_program_that_crashes_while_it_begins_is_not_run_for_ever() {
    if !is_possible() || !has_strace() {
        return;
    }
    let mut world = World::start(&programs::built().init, &[("stays", "exec sleep 1000")]);
    world.order(&["start", "stays"]);
    let stays = world.main_process("stays");
    // A fault wherever a program begins to look at job files, and not in a program that runs.
    let target = world.first.pid.to_string();
    let mut tracer = Command::new("strace");
    tracer.args(["-qq", "-o", "/dev/null", "-e", "inject=inotify_init1:signal=SIGSEGV", "-p", &target]);
    let mut tracer = tracer.stderr(Stdio::null()).spawn().expect("it runs");
    let is_traced = |first: &First| processes::number_in_status(first.pid, "TracerPid").filter(|&pid| pid != 0);
    world.first.await_some("a tracer", is_traced);
    world.first.run_inside("kill -ABRT 1");
    world.await_message("init: Crashed 4 times within 60 seconds (SEGV signal", 1);
    world.first.await_some("a program for a person", |first| rescue_of(first, 1));
    send(tracer.id(), Signal::SIGTERM);
    tracer.wait().map(drop).expect("it ends");
    // The state is still whole after all these attempts.
    world.first.run_inside("kill -TERM 1");
    world.await_message("init: Run again with the state that was kept: the rescue loop was left", 1);
    world.first.client();
    assert_eq!(world.main_process("stays"), stays);
    assert_eq!(world.order(&["stop", "stays"]), "stays stop/waiting\n");
}

/// Whether strace can send signals. If not, prints that the test is skipped.
fn has_strace() -> bool {
    let traced =
        Command::new("strace").args(["-qq", "-o", "/dev/null", "-e", "inject=getppid:signal=SIGCHLD", "true"]).status();
    let has = traced.is_ok_and(|status| status.success());
    if !has {
        skipped("strace is not installed, or may not trace");
    }
    has
}
