//! `initctl probe` with daemons from Debian's packages: run, and by a log of strace, it names the right stanza, and the
//! job file that it prints supervises the daemon. Daemons that are not installed, or need rights that the test lacks,
//! are skipped.
//!
//! `PROBE_TIMES=10` tries each ten times, on a machine that computes on every processor.

#[path = "real_daemons/setup.rs"]
mod setup;
#[path = "real_daemons/table.rs"]
mod table;

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use table::Daemon;
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::programs::{built, installed};
use uphold_tests::system::{Folder, Ran, run_within, skipped};
use uphold_tests::variables::number;
use uphold_tests::walk::{Outcome, play};

/// The most time for a probe: it is slower on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// Stanzas that Upstart refuses.
const OURS: [&str; 7] =
    ["expect auto", "expect notify", "expect fd", "pid file", "kill scope", "start timeout", "hook timeout"];

/// Processes that compute, two for each processor.
struct Busy(Vec<Child>);

impl Busy {
    fn new() -> Busy {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let burner = |_| {
            let mut command = Command::new("sh");
            command.args(["-c", "while :; do :; done"]).stdin(Stdio::null()).process_group(0);
            command.spawn().expect("a shell runs")
        };
        Busy((0..2 * processors).map(burner).collect())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for burner in &mut self.0 {
            burner.kill().and_then(|()| burner.wait()).map(drop).unwrap_or_default();
        }
    }
}

/// The command line of the daemon, from its job.
fn words(daemon: &Daemon, folder: &Folder) -> Vec<String> {
    let stanzas = daemon.stanzas(folder);
    let line = stanzas.lines().find_map(|line| line.strip_prefix("exec ")).expect("the job has a command");
    line.split_whitespace().map(str::to_owned).collect()
}

/// Runs `initctl probe` with options.
fn probe(daemon: &Daemon, folder: &Folder, options: &[&str]) -> Ran {
    let words = words(daemon, folder);
    let initctl = built().initctl.display().to_string();
    let mut all = vec![initctl.as_str(), "probe", "--quiet"];
    all.extend(options);
    all.push("--");
    all.extend(words.iter().map(String::as_str));
    let mut command = daemon.command(folder, &all);
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    run_within(command, PATIENCE)
}

fn facts(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).unwrap_or_else(|error| panic!("{error}: {ran:?}"))
}

fn assert_verdict(daemon: &Daemon, facts: &Value) {
    let stanza = format!("expect {}", daemon.right);
    assert_eq!(facts["verdict"], serde_json::json!({"of": "upstart", "stanza": stanza}), "{facts:#}");
}

/// Runs the daemon under strace until its pid file names a process, and returns the log's path.
fn strace(daemon: &Daemon, folder: &Folder, options: &str) -> String {
    let log = folder.path("strace").display().to_string();
    let words = words(daemon, folder);
    let mut all = vec!["strace"];
    all.extend(options.split(' '));
    all.extend(["-o", &log, "--"]);
    all.extend(words.iter().map(String::as_str));
    let mut command = daemon.command(folder, &all);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut strace = command.spawn().expect("strace runs");
    let note = daemon.note(folder);
    let daemon_of = || std::fs::read_to_string(&note).ok()?.trim().parse::<u32>().ok();
    let end = Instant::now() + PATIENCE;
    while daemon_of().is_none() {
        assert!(Instant::now() < end, "{} writes no pid file", daemon.program);
        std::thread::sleep(Duration::from_millis(20));
    }
    // The parents still exit, and the file may be written again.
    std::thread::sleep(Duration::from_secs(3));
    while strace.try_wait().expect("strace is our child").is_none() {
        assert!(Instant::now() < end, "{} does not end", daemon.program);
        daemon_of().into_iter().for_each(|pid| send(pid, Signal::SIGTERM));
        std::thread::sleep(Duration::from_millis(500));
    }
    log
}

fn try_out(program: &str) {
    let daemon = Daemon::of(program);
    if let Some(why) = daemon.obstacle() {
        return skipped(&why);
    }
    let times = number("PROBE_TIMES").unwrap_or(1);
    let busy = (times > 1).then(Busy::new);
    for _ in 0..times {
        let launch = daemon.launch();
        let found = facts(&probe(daemon, launch.folder(), &["--json"]));
        assert_verdict(daemon, &found);
        assert_eq!(found["quiet"], true, "{found:#}");
        let holds = |file: &Value| file["holds"] == found["daemon"];
        assert!(found["pid_files"].as_array().is_some_and(|files| files.iter().any(holds)), "{found:#}");
        assert!(!found["sigterm"]["end"].is_null(), "{found:#}");
    }
    for time in 0..times {
        if installed("strace").is_none() {
            skipped("strace is not installed");
            break;
        }
        let launch = daemon.launch();
        let options = ["-f", "-f -tt", "-ff -t", "-f -v", "-ff"][time % 5];
        let log = strace(daemon, launch.folder(), options);
        let initctl = &built().initctl;
        let mut command = Command::new(initctl);
        command.args(["probe", "--json", "--strace-log", &log]);
        assert_verdict(daemon, &facts(&run_within(command, PATIENCE)));
    }
    drop(busy);
    supervise(daemon);
}

/// The job file that the probe prints is one of Upstart's, runs the daemon, and respawns it.
fn supervise(daemon: &Daemon) {
    let launch = daemon.launch();
    let printed = probe(daemon, launch.folder(), &["--conf"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""), "{printed:?}");
    let job = printed.out;
    assert!(!job.lines().any(|line| OURS.iter().any(|ours| line.trim().starts_with(ours))), "{job}");
    let file = launch.folder().write("written.conf", &job);
    let mut check = Command::new(&built().initctl);
    check.args(["check-conf", "--quiet"]).arg(&file);
    assert_eq!(run_within(check, PATIENCE), Ran { out: String::new(), err: String::new(), code: 0 }, "{job}");
    let mut groups = [daemon.group(launch, &job)];
    play(&mut groups);
    let [mut group] = groups;
    assert_eq!(group.cases[0].outcome, Outcome::Right, "{job}\n{:?}", group.cases[0].said);
    let system = group.system();
    system.order(&["start", daemon.program]);
    let old = system.await_running(daemon.program);
    send(old, Signal::SIGKILL);
    let new = system.await_replacement(daemon.program, old);
    let note = daemon.note(system.folder());
    system.await_some("the new daemon's pid file", |_| {
        (std::fs::read_to_string(&note).ok()?.trim() == new.to_string()).then_some(())
    });
    system.order(&["stop", daemon.program]);
    // A killed master leaves its workers.
    if daemon.stays == 1 {
        system.await_processes(0);
    }
}

table::one_test_each!(try_out);
