//! Process 1 crashes, by signals and by panics of its own: jobs keep their processes, clients are answered, timers
//! fire; and when it crashes too often, a person gets a program to act with.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use uphold_core::control::{Reply, Request};
use uphold_core::{Goal, State, Target};
use uphold_tests::system::client::Client;
use uphold_tests::system::first::{First, is_possible};
use uphold_tests::system::processes::{self, Signal, send};
use uphold_tests::system::{PATIENCE, programs, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// A command that collects the kernel log of the world in the file `messages`, and leads its console to a file.
const COLLECT: &str = "mkfifo @FOLDER@/kmsg; : > @FOLDER@/console; exec 9<> @FOLDER@/kmsg
cat <&9 >> @FOLDER@/messages & exec 9>&-
mount --bind @FOLDER@/kmsg /dev/kmsg; mount --bind @FOLDER@/console /dev/console
printf '#!/bin/sh\\necho $$ >> @FOLDER@/rescued\\nexec sleep 1000\\n' > @FOLDER@/rescue; chmod 755 @FOLDER@/rescue
exec ";

/// The option with a program for a person that only notes its process id.
const RESCUE: &str = "--rescue=@FOLDER@/rescue";

/// Services of every kind; each has an instance without a name, or some with.
const SERVICES: [(&str, &str); 17] = [
    ("plain", "exec sleep 1000"),
    ("quiet", "console none\nexec sleep 1000"),
    ("shell", "script\n  sleep 1000\nend script"),
    ("hooked", "pre-start exec true\npost-start exec true\npre-stop exec true\nexec sleep 1000"),
    ("respawning", "respawn\nexec sleep 1000"),
    ("limited", "respawn\nrespawn limit 2 600\nexec sleep 1000"),
    ("stops", "expect stop\nexec @DAEMON@ stop"),
    ("forks", "expect fork\nexec @DAEMON@ fork"),
    ("forks-respawning", "expect fork\nrespawn\nexec @DAEMON@ fork"),
    ("forks-twice", "expect daemon\nexec @DAEMON@ fork session fork"),
    ("forks-twice-respawning", "expect daemon\nrespawn\nexec @DAEMON@ fork session fork"),
    ("notifies", "expect notify\nexec @DAEMON@ notify READY=1"),
    ("watched", "expect notify\nwatchdog 600\nexec @DAEMON@ notify READY=1"),
    ("line", "expect fd 3\nexec @DAEMON@ line 3"),
    ("named", "pid file @FOLDER@/named.pid\nexec @DAEMON@ fork pid @FOLDER@/named.pid"),
    ("auto", "expect auto\nexec @DAEMON@ fork"),
    ("instance", "instance $N\nexec sleep 1000"),
];

const INSTANCES: [&str; 4] = ["N=1", "N=2", "N=3", "N=4"];

/// A world whose process 1 crashes.
struct World {
    first: First,
    crashes: usize,
}

impl World {
    fn start(init: &Path, jobs: &[(&str, &str)]) -> World {
        World::start_after("", init, jobs)
    }

    /// The same after a command.
    fn start_after(command: &str, init: &Path, jobs: &[(&str, &str)]) -> World {
        let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.replace("@DAEMON@", DAEMON))).collect();
        let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mut first = First::start_program(init, &jobs, &format!("{command}\n{COLLECT}"), &[RESCUE]);
        first.client();
        World { first, crashes: 0 }
    }

    /// A world in which all services run.
    fn with_services(init: &Path) -> World {
        let mut world = World::start(init, &SERVICES);
        for (name, _) in SERVICES {
            let instances = if name == "instance" { &INSTANCES[..] } else { &[""] };
            for instance in instances {
                let words = ["start", name, instance];
                let words = if instance.is_empty() { &words[..2] } else { &words[..] };
                let ran = world.first.initctl(words);
                assert_eq!(ran.code, 0, "{ran:?}");
            }
        }
        assert_eq!(world.list().len(), SERVICES.len() - 1 + INSTANCES.len());
        // The processes that have forked a daemon may be exiting.
        world.first.await_some("daemons only", |first| (processes::descendants(first.pid).len() == 22).then_some(()));
        world
    }

    fn order(&self, words: &[&str]) -> String {
        let ran = self.first.initctl(words);
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}\n{}", self.messages());
        ran.out
    }

    /// The output of `initctl list`, sorted.
    fn list(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.order(&["list"]).lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    fn main_process(&self, job: &str) -> u32 {
        main_process(&self.order(&["status", job])).expect("it runs")
    }

    /// The limit of open files of a job's process.
    fn limit_of(&self, job: &str) -> String {
        let limits = self.first.path_inside(&format!("proc/{}/limits", self.main_process(job)));
        let limits = fs::read_to_string(limits).expect("it runs");
        limits.lines().find(|line| line.starts_with("Max open files")).expect("there is that limit").to_owned()
    }

    fn processes(&self) -> Vec<u32> {
        processes::descendants(self.first.pid).iter().map(|process| process.pid).collect()
    }

    fn await_status(&mut self, job: &str, status: &str) {
        self.first.await_some(status, |first| first.initctl(&["status", job]).out.contains(status).then_some(()));
    }

    fn messages(&self) -> String {
        fs::read_to_string(self.first.folder().path("messages")).unwrap_or_default()
    }

    fn await_message(&mut self, text: &str, times: usize) {
        self.first.await_some(text, |first| {
            let messages = fs::read_to_string(first.folder().path("messages")).unwrap_or_default();
            (messages.matches(text).count() >= times).then_some(())
        });
    }

    /// Waits until the next program has logged what has happened, and serves clients.
    fn await_crash(&mut self, what: &str, times: usize) {
        self.crashes += times;
        self.await_message("init: Crashed (", self.crashes);
        let messages = self.messages();
        let last = messages.lines().rfind(|line| line.contains("init: Crashed (")).expect("it is there");
        assert!(last.contains(&format!("Crashed ({what}")), "{what}: {last}");
        assert!(last.contains(&format!("with the state that was kept; that is crash {} of", self.crashes)), "{last}");
        assert!(last.starts_with("<3>"), "it is an error: {last}");
        self.first.client();
    }

    /// Crashes by a signal.
    fn crash_by(&mut self, signal: &str) {
        self.first.run_inside(&format!("kill -{signal} 1"));
        self.await_crash(&format!("{signal} signal from process "), 1);
    }

    /// Asks for the start of a job, and returns the client that waits.
    fn starter(&mut self, job: &str) -> Client {
        let mut client = self.first.client();
        let target = Target::named(job.as_bytes());
        client.send(&Request::Start { target, wait: true }).expect("it is sent");
        client
    }

    fn let_go(&self) {
        self.first.folder().write("go", "");
    }
}

/// The process id in a line of `initctl status`.
fn main_process(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once(", process ")?;
    rest.lines().next()?.parse().ok()
}

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
        // They are still looked after, and new processes inherit nothing from all that.
        world.order(&["restart", "plain"]);
        assert_eq!(world.limit_of("plain"), limit);
        let plain = world.first.path_inside(&format!("proc/{}/fd", world.main_process("plain")));
        let open = |_: &First| fs::read_dir(&plain).expect("it runs").count();
        world.first.await_some("three descriptors", |first| (open(first) == 3).then_some(()));
        for (name, _) in SERVICES.iter().filter(|(name, _)| *name != "instance") {
            assert_eq!(world.order(&["stop", name]), format!("{name} stop/waiting\n"));
        }
        for instance in INSTANCES {
            assert_eq!(world.order(&["stop", "instance", instance]), "instance stop/waiting\n");
        }
        world.first.await_some("their end", |first| (processes::descendants(first.pid).len() == 1).then_some(()));
    }
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
            ("limited", "respawn\nrespawn limit 2 600\nexec sleep 1000"),
        ],
    );
    world.order(&["start", "stubborn"]);
    let deaf = world.first.folder().path("deaf");
    world.first.await_some("deaf ears", |_| deaf.exists().then_some(()));
    world.order(&["start", "limited"]);
    let mut waiting = [world.starter("slow"), world.starter("following"), world.starter("twice")];
    let mut for_the_task = world.starter("task");
    for (job, state) in [
        ("slow", "start/pre-start"),
        ("task", "start/running"),
        ("following", "start/spawned"),
        ("twice", "start/spawned"),
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
