//! A session's supervisor that is killed by SIGKILL and started again finds its daemons and goes on.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::process::{Command, Stdio};

use uphold_tests::system::limits::no_room_beyond;
use uphold_tests::system::processes::{Signal, is_running, send};
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Jobs of every kind that run: the job, and the instance's variable.
fn jobs() -> Vec<(String, String)> {
    let mut jobs = Vec::new();
    let mut add = |name: &str, text: &str| jobs.push((name.to_owned(), text.replace("@DAEMON@", DAEMON)));
    for number in 0..4 {
        add(&format!("plain-{number}"), "start on startup\nrespawn\nexec @DAEMON@\n");
    }
    add("stop", "start on startup\nrespawn\nexpect stop\nscript\n  kill -STOP $$\n  exec sleep 1000\nend script\n");
    add("fork", "start on startup\nrespawn\nexpect fork\nexec @DAEMON@ fork session\n");
    add("daemon", "start on startup\nrespawn\nexpect daemon\nexec @DAEMON@ fork session fork\n");
    add("notify", "start on startup\nrespawn\nexpect notify\nexec @DAEMON@ notify READY=1\n");
    add("auto", "start on startup\nrespawn\nexpect auto\nexec @DAEMON@ fork session\n");
    add("line", "start on startup\nrespawn\nexpect fd 3\nexec @DAEMON@ line 3\n");
    add("watched", "start on startup\nrespawn\nexpect notify\nwatchdog 600\nexec @DAEMON@ notify READY=1\n");
    add("named", "start on startup\nrespawn\npid file @FOLDER@/named.pid\nexec @DAEMON@ fork pid @FOLDER@/named.pid\n");
    add("unlogged", "start on startup\nconsole none\nexec @DAEMON@\n");
    add("instance", "instance $N\nexport N\nrespawn\nexec @DAEMON@\n");
    add("task", "start on startup\ntask\nexec @DAEMON@\n");
    add(
        "before",
        "start on startup\npre-start script\n  while [ ! -e @FOLDER@/go ]; do sleep 0.05; done\nend script\nexec @DAEMON@\n",
    );
    add(
        "after",
        "start on startup\nexec @DAEMON@\npost-start script\n  while [ ! -e @FOLDER@/go ]; do sleep 0.05; done\nend script\n",
    );
    jobs
}

fn start() -> System {
    let jobs = jobs();
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut system = Launch::new(&jobs).start();
    for number in 0..4 {
        system.order(&["start", "instance", &format!("N={number}")]);
    }
    for (job, _) in &jobs {
        match *job {
            "instance" => {}
            "before" => drop(system.await_state(job, "start/pre-start")),
            "after" => drop(system.await_state(job, "start/post-start")),
            _ => drop(system.await_running(job)),
        }
    }
    system
}

/// The lines of `list` in an order of their own, so that process ids can be compared.
fn list(system: &System) -> Vec<String> {
    let mut lines: Vec<String> = system.order(&["list"]).lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The number of processes of each job's program.
fn counts(system: &System) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for process in system.processes() {
        *counts.entry(process.name).or_insert(0) += 1;
    }
    // A shell that waits makes one of these from time to time.
    counts.remove("sleep");
    counts
}

/// A shell's child has its name until it runs its program.
fn await_no_second_copy(system: &mut System, before: &BTreeMap<String, usize>) {
    system.await_some("no second copy", |system| (counts(system) == *before).then_some(()));
}

#[test]
fn a_new_supervisor_goes_on_with_every_job() {
    let mut system = start();
    let before = (list(&system), counts(&system));
    assert!(before.0.iter().filter(|line| line.contains("start/")).count() == 20, "{:?}", before.0);
    for _ in 0..3 {
        system.kill();
        system.start_again();
        system.await_some("the same jobs", |system| (list(system) == before.0).then_some(()));
        await_no_second_copy(&mut system, &before.1);
    }
    system.folder().write("go", "");
    for job in ["before", "after"] {
        system.await_running(job);
    }
    // A process that is not a child is respawned, and its successor too.
    for job in ["plain-0", "fork", "daemon", "notify", "stop", "auto", "line", "watched", "named"] {
        for _ in 0..2 {
            let old = system.await_running(job);
            send(old, Signal::SIGKILL);
            system.await_replacement(job, old);
        }
    }
    let running: Vec<u32> =
        list(&system).iter().filter_map(|line| line.split_once("process ")?.1.parse().ok()).collect();
    for (job, _) in jobs().iter().filter(|(job, _)| job != "instance") {
        assert_eq!(system.order(&["stop", job]), format!("{job} stop/waiting\n"));
    }
    for number in 0..4 {
        system.order(&["stop", "instance", &format!("N={number}")]);
    }
    assert_eq!(running.into_iter().filter(|&pid| is_running(pid)).collect::<Vec<_>>(), [0_u32; 0]);
    system.end(Signal::SIGTERM);
}

#[test]
fn respawns_are_counted_on() {
    let mut system = System::start(&[("phoenix", "respawn\nrespawn limit 3 1000\nexec sleep 1000\n")]);
    system.order(&["start", "phoenix"]);
    let mut pid = system.await_running("phoenix");
    for _ in 0..3 {
        send(pid, Signal::SIGKILL);
        pid = system.await_replacement("phoenix", pid);
        system.kill();
        system.start_again();
    }
    send(pid, Signal::SIGKILL);
    system.await_log("phoenix respawning too fast, stopped");
    system.end(Signal::SIGTERM);
}

#[test]
fn what_ended_meanwhile_is_noticed() {
    let mut system = System::start(&[
        ("phoenix", "start on startup\nrespawn\nexec sleep 1000\n"),
        ("task", "start on startup\ntask\nexec sleep 1000\n"),
        ("after", "start on stopped task\nexec sleep 1000\n"),
    ]);
    let [phoenix, task] = ["phoenix", "task"].map(|job| system.await_running(job));
    system.kill();
    for pid in [phoenix, task] {
        send(pid, Signal::SIGKILL);
    }
    system.await_some("their ends", |_| (!is_running(phoenix) && !is_running(task)).then_some(()));
    system.start_again();
    system.await_replacement("phoenix", phoenix);
    system.await_running("after");
    assert_eq!(system.status("task"), "task stop/waiting");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_supervisor_that_was_executed_anew_is_found_too() {
    let mut system = start();
    let before = list(&system);
    for _ in 0..2 {
        system.order(&["restart-init"]);
        system.kill();
        system.start_again();
        system.await_some("the same jobs", |system| (list(system) == before).then_some(()));
    }
    system.folder().write("go", "");
    for job in ["before", "after"] {
        system.await_running(job);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn a_kill_timer_runs_on() {
    let job =
        "kill timeout 4\nscript\n  trap '' TERM\n  touch @FOLDER@/ready\n  while :; do sleep 0.1; done\nend script\n";
    let mut system = System::start(&[("stubborn", job)]);
    system.order(&["start", "stubborn"]);
    let pid = system.await_running("stubborn");
    system.await_some("a trap", |system| system.folder().path("ready").exists().then_some(()));
    system.order(&["stop", "--no-wait", "stubborn"]);
    system.kill();
    system.start_again();
    assert_eq!(system.main_process("stubborn"), Some(pid));
    system.await_log(&format!("stubborn main process ({pid}) killed by KILL signal"));
    system.await_state("stubborn", "stop/waiting");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_supervisor_with_a_socket_of_a_given_name_is_followed_by_any_number() {
    let launch = Launch::new(&[("service", "start on startup\nrespawn\nexec sleep 1000\n")]);
    let socket = launch.folder().path("control").display().to_string();
    let mut system = launch.option(&format!("--socket={socket}")).start();
    let service = system.await_running("service");
    for _ in 0..3 {
        system.kill();
        system.start_again();
        assert_eq!(system.await_running("service"), service);
    }
    system.end(Signal::SIGTERM);
    assert!(!fs::exists(format!("{socket}.state")).expect("one can look"));
}

/// The file of the kept state.
fn kept(system: &System) -> std::path::PathBuf {
    system.socket().with_extension("state")
}

#[test]
fn a_broken_state_is_not_believed_and_daemons_are_known_by_their_marks() {
    let jobs = [
        ("service", "start on startup\nrespawn\nexec sleep 1000\n"),
        ("many", "instance $N\nexec sleep 1000\n"),
        ("other", "exec sleep 1000\n"),
        ("orphan", "start on startup\nexec sleep 1000\n"),
        ("hooked", "start on startup\npre-start exec true\npost-start exec true\nexec sleep 1000\n"),
        ("fork", &format!("start on startup\nexpect fork\nexec {DAEMON} fork session\n")),
        ("daemon", &format!("start on startup\nexpect daemon\nexec {DAEMON} fork session fork\n")),
        ("stop", &format!("start on startup\nexpect stop\nexec {DAEMON} stop\n")),
        ("notify", &format!("start on startup\nexpect notify\nexec {DAEMON} notify READY=1\n")),
        ("line", &format!("start on startup\nexpect fd 3\nexec {DAEMON} line 3\n")),
        ("auto", &format!("start on startup\nexpect auto\nexec {DAEMON} fork session\n")),
    ];
    let known = ["service", "hooked", "fork", "daemon", "stop", "notify", "line", "auto"];
    let mut system = System::start(&jobs);
    let before = known.map(|job| system.await_running(job));
    system.order(&["start", "many", "N=7"]);
    system.order(&["start", "other"]);
    let other = system.await_running("other");
    let many = system.order(&["status", "many", "N=7"]);
    let orphan = system.await_running("orphan");
    system.kill();
    fs::remove_file(system.folder().path("conf/orphan.conf")).expect("it is there");
    let file = kept(&system);
    // Both checkpoints are gone.
    let file = fs::File::options().write(true).open(&file).expect("it is there");
    [512, 1024].into_iter().for_each(|head| file.write_all_at(b"spoilt", head).expect("it is written"));
    system.start_again();
    assert_eq!(known.map(|job| system.await_running(job)), before);
    // So are those that nothing starts now, and an instance with its variable.
    assert_eq!(system.await_running("other"), other);
    assert_eq!(system.order(&["status", "many", "N=7"]), many);
    system.await_log(&format!(
        "Process {orphan} (sleep) of the previous supervisor's job orphan () is not known, and runs on"
    ));
    assert!(!system.log().contains("is right"), "no advice: {}", system.log());
    let service = system.await_running("service");
    send(service, Signal::SIGKILL);
    system.await_replacement("service", service);
    send(orphan, Signal::SIGKILL);
    for job in known.into_iter().chain(["other"]) {
        system.order(&["stop", job]);
    }
    system.order(&["stop", "many", "N=7"]);
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

/// The place of the journal in the file of the kept state.
const JOURNAL: u64 = 4096;

#[test]
fn without_room_for_the_state_jobs_run_on_and_what_began_meanwhile_is_taken_over() {
    let mut system = System::start(&[
        ("early", "respawn\nexec sleep 1000\n"),
        ("late", "respawn\npre-start exec true\nexec sleep 1000\n"),
        ("ended", "exec sleep 1000\n"),
    ]);
    for name in ["early", "ended"] {
        system.order(&["start", name]);
    }
    let [early, ended] = ["early", "ended"].map(|name| system.await_running(name));
    no_room_beyond(system.pid(), JOURNAL);
    system.order(&["start", "late"]);
    let late = system.await_running("late");
    system.order(&["stop", "ended"]);
    system.await_log("Unable to keep the state: File too large");
    assert!(!is_running(ended));
    // Every new supervisor has room again.
    for _ in 0..2 {
        system.kill();
        system.start_again();
        assert_eq!(["early", "late"].map(|name| system.await_running(name)), [early, late]);
        assert_eq!(system.status("ended"), "ended stop/waiting");
    }
    send(late, Signal::SIGKILL);
    system.await_replacement("late", late);
    system.end(Signal::SIGTERM);
}

#[test]
fn after_an_orderly_end_nothing_is_kept() {
    let mut system = System::start(&[("service", "start on startup\nexec sleep 1000\n")]);
    let file = kept(&system);
    let service = system.await_running("service");
    assert!(file.exists());
    system.end(Signal::SIGTERM);
    assert!(!file.exists() && !is_running(service));
}

const KILLER: &str = env!("CARGO_BIN_EXE_killer");
const CRASHING_INIT: &str = env!("CARGO_BIN_EXE_crashing_init");

/// Makes the supervisor execute itself again without writing anything.
fn crash(system: &mut System) {
    let before = system.log().matches("has crashed").count();
    let killed = Command::new(KILLER).args([&system.pid().to_string(), "1", "crash"]).stdout(Stdio::null()).status();
    assert!(killed.is_ok_and(|status| status.success()), "it may be traced");
    system.await_some("a crash", |system| (system.log().matches("has crashed").count() > before).then_some(()));
    system.await_some("an answer", |system| (system.initctl(&["version"]).code == 0).then_some(()));
}

#[test]
fn a_supervisor_that_is_executed_anew_without_a_word_goes_on() {
    let wait = "while [ ! -e @FOLDER@/go ]; do sleep 0.05; done";
    let slow = format!("pre-start script\n  {wait}\nend script\nexec sleep 1000\n");
    let talker = format!("start on startup\nscript\n  {wait}\n  echo after\n  exec sleep 1000\nend script\n");
    let says = format!("start on startup\nexpect notify\nexec {DAEMON} until @FOLDER@/go notify READY=1\n");
    let fork = format!("start on startup\nrespawn\nexpect fork\nexec {DAEMON} fork session\n");
    let jobs = [
        ("plain", "start on startup\nrespawn\nexec sleep 1000\n"),
        ("slow", &slow),
        ("talker", &talker),
        ("says", &says),
        ("fork", &fork),
    ];
    let mut system = Launch::new(&jobs).program(CRASHING_INIT.as_ref()).start();
    for job in ["plain", "talker", "fork"] {
        system.await_running(job);
    }
    system.await_state("says", "start/spawned");
    let mut starter = system.begin(&["start", "slow"]);
    system.await_state("slow", "start/pre-start");
    let (supervisor, before) = (system.pid(), (list(&system), counts(&system)));
    for _ in 0..3 {
        crash(&mut system);
        assert_eq!((system.pid(), list(&system)), (supervisor, before.0.clone()));
        await_no_second_copy(&mut system, &before.1);
    }
    system.folder().write("go", "");
    assert!(starter.wait().expect("it is our child").success(), "the client got its reply\n{}", system.log());
    for job in ["slow", "says"] {
        system.await_running(job);
    }
    system.await_some("output", |system| (system.output("talker") == "after\r\n").then_some(()));
    for job in ["plain", "fork"] {
        let old = system.await_running(job);
        send(old, Signal::SIGKILL);
        system.await_replacement(job, old);
    }
    crash(&mut system);
    for job in ["plain", "slow", "talker", "says", "fork"] {
        assert_eq!(system.order(&["stop", job]), format!("{job} stop/waiting\n"));
    }
    system.end(Signal::SIGTERM);
}
