//! Daemons that replace themselves long after their start, as an upgrade without interruption does: the new process is
//! the daemon, in whatever way the job file follows it, and `stop` leaves nothing behind.

use std::time::Duration;

use uphold_tests::system::processes::{Process, Signal, is_running};
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Longer than the time in which any process that stays is taken for the daemon.
const LATE: Duration = Duration::from_secs(12);

/// The stanzas of a job file, and the words with which the daemon starts as they say.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("plain", "respawn", ""),
    ("fork", "expect fork\nrespawn", "fork"),
    ("alone", "expect fork", "fork"),
    ("auto", "expect auto\nrespawn", "fork"),
    ("file", "pid file @FILE@\nrespawn", "fork"),
    ("notify", "expect notify\nrespawn", "notify READY=1"),
];

/// The ways in which a daemon replaces itself.
const WAYS: [(&str, &str); 5] = [
    // redis-server, when it restarts.
    ("forks", "fork"),
    ("spawns", "spawn"),
    // gunicorn, unicorn and nginx: the old process works on beside the new one.
    ("beside", "linger 700 exec"),
    // haproxy: the new process is a daemon of its own.
    ("session", "fork session exec"),
    ("twice", "fork session fork"),
];

fn start(jobs: &[(String, String)]) -> System {
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Launch::new(&jobs).start()
}

/// The process that a job has noted, if it is another one than `old`.
fn await_noted(system: &mut System, job: &str, old: u32) -> u32 {
    let file = system.folder().path(job);
    system.await_some(&format!("a note of {job}"), |_| {
        let noted = std::fs::read_to_string(&file).ok()?.trim().parse().ok()?;
        (noted != old && is_running(noted)).then_some(noted)
    })
}

fn await_main(system: &mut System, job: &str, pid: u32) {
    let wanted = format!("{job} start/running, process {pid}");
    system.await_some(&wanted, |system| (system.status(job) == wanted).then_some(()));
}

/// The lines of the log that say that a job was wrong, or has lost a process.
fn complaints(system: &System) -> Vec<String> {
    let bad = [" expected ", "respawning", "behind", "failed"];
    let log = system.log();
    log.lines().filter(|line| bad.iter().any(|bad| line.contains(bad))).map(str::to_owned).collect()
}

#[test]
fn a_daemon_that_replaces_itself_at_any_time_is_followed() {
    let mut jobs = Vec::new();
    for (setting, stanzas, first) in SETTINGS {
        for (way, words) in WAYS {
            let name = format!("{setting}-{way}");
            let file = format!("@FOLDER@/{name}");
            let stanzas = stanzas.replace("@FILE@", &file);
            let run = format!("exec {DAEMON} {first} pid {file} until @FOLDER@/go {words} pid {file}");
            jobs.push((name, format!("{stanzas}\n{run} until @FOLDER@/again {words} pid {file}\n")));
        }
    }
    let mut system = start(&jobs);
    for (name, _) in &jobs {
        system.order(&["start", name]);
    }
    let mut mains: Vec<u32> = jobs.iter().map(|(name, _)| await_noted(&mut system, name, 0)).collect();
    for go in ["go", "again"] {
        std::thread::sleep(LATE);
        for ((name, _), main) in jobs.iter().zip(&mains) {
            await_main(&mut system, name, *main);
        }
        system.folder().write(go, "");
        for ((name, _), main) in jobs.iter().zip(&mut mains) {
            *main = await_noted(&mut system, name, *main);
            await_main(&mut system, name, *main);
        }
        system.await_processes(jobs.len());
    }
    for (name, _) in &jobs {
        assert_eq!(system.order(&["stop", name]), format!("{name} stop/waiting\n"));
    }
    system.await_processes(0);
    assert_eq!(complaints(&system), [""; 0], "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// Between the last instruction of a process and its end lies a time in which it has no program any more, and its child
/// is not the supervisor's yet: here, some tenths of a second.
#[test]
fn a_process_that_is_about_to_end_leaves_an_heir() {
    let jobs = ["", "expect fork", "expect auto"].map(|expect| {
        let name = format!("slow{}", expect.strip_prefix("expect ").unwrap_or_default());
        let first = if expect.is_empty() { "" } else { "fork" };
        let file = format!("@FOLDER@/{name}");
        let replace =
            |go: &str| format!("until @FOLDER@/{go} relay {file}-{go} session cling pid {file} pid {file}-{go}");
        let run = format!("exec {DAEMON} {first} pid {file} {} {}", replace("go"), replace("again"));
        (name, format!("{expect}\nrespawn\n{run}\n"))
    });
    let mut system = start(&jobs);
    let mut mains = jobs.each_ref().map(|(name, _)| {
        system.order(&["start", name]);
        await_noted(&mut system, name, 0)
    });
    for go in ["go", "again"] {
        std::thread::sleep(LATE);
        system.folder().write(go, "");
        for ((name, _), main) in jobs.iter().zip(&mut mains) {
            *main = await_noted(&mut system, name, *main);
            await_main(&mut system, name, *main);
        }
        system.await_processes(jobs.len());
    }
    for (name, _) in &jobs {
        system.order(&["stop", name]);
    }
    system.await_processes(0);
    assert_eq!(complaints(&system), [""; 0], "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// Other processes that outlive a main process are not its successors: the job runs again, as with Upstart.
#[test]
fn what_a_shell_or_a_console_leaves_is_no_daemon() {
    // At the second launch a job does nothing of this.
    let job = |script: &str| {
        format!("respawn\nscript\n  [ ! -e @FOLDER@/@NAME@ ] || exec sleep 1000\n  {script}\nend script\n")
    };
    let daemon = |words: &str| job(&format!("exec {DAEMON} pid @FOLDER@/@NAME@ {words}"));
    let jobs = [
        // A worker of a shell.
        ("shell", job("echo $$ > @FOLDER@/shell; sleep 1000 &\n  while [ ! -e @FOLDER@/go ]; do sleep 0.1; done")),
        // A user's command that goes on after a logout, of the very shell that the user had.
        ("console", daemon("terminal ignore HUP until @FOLDER@/go fork")),
        // Another program that leads what is left, where nothing says that the job is a daemon.
        ("screen", daemon("until @FOLDER@/go linger 2000 session become /bin/sleep 1000")),
        // A failure, and workers that run the same program.
        ("fails", daemon("spare until @FOLDER@/go exit 1")),
    ];
    let jobs: Vec<(String, String)> = jobs.map(|(name, text)| (name.into(), text.replace("@NAME@", name))).into();
    let mut system = start(&jobs);
    let mains: Vec<u32> = jobs
        .iter()
        .map(|(name, _)| {
            system.order(&["start", name]);
            await_noted(&mut system, name, 0)
        })
        .collect();
    std::thread::sleep(LATE);
    system.folder().write("go", "");
    for ((name, _), main) in jobs.iter().zip(mains) {
        system.await_log(&format!("{name} main process ended, respawning"));
        system.await_replacement(name, main);
        system.order(&["stop", name]);
    }
}

/// A declared daemon may put another program in its place: an upgrade to another path.
#[test]
fn what_leads_all_that_a_declared_daemon_leaves_is_the_daemon() {
    let job = format!(
        "expect fork\nrespawn\nexec {DAEMON} fork pid @FOLDER@/svc until @FOLDER@/go linger 2000 session become /bin/sleep 1000\n"
    );
    let mut system = System::start(&[("svc", &job)]);
    system.order(&["start", "svc"]);
    let main = await_noted(&mut system, "svc", 0);
    std::thread::sleep(LATE);
    await_main(&mut system, "svc", main);
    system.folder().write("go", "");
    let next = system.await_replacement("svc", main);
    system.await_some("the other program", |_| (Process::of(next)?.name == "sleep").then_some(()));
    system.await_processes(1);
    system.order(&["stop", "svc"]);
    system.await_processes(0);
    assert_eq!(complaints(&system), [""; 0], "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// The old process writes its successor's number into the file, whatever that runs and however the old one exits.
#[test]
fn the_pid_file_is_read_again_when_the_main_process_ends() {
    let job = |status: &str| {
        format!(
            "pid file @FOLDER@/@NAME@\nrespawn\nexec {DAEMON} pid @FOLDER@/@NAME@ until @FOLDER@/go \
             worker @FOLDER@/@NAME@-first 0 worker @FOLDER@/@NAME@ 0 until @FOLDER@/stop exit {status}\n"
        )
    };
    let jobs =
        [("good", "0"), ("bad", "3")].map(|(name, status)| (name.to_owned(), job(status).replace("@NAME@", name)));
    let mut system = start(&jobs);
    let mains = ["good", "bad"].map(|name| {
        system.order(&["start", name]);
        await_noted(&mut system, name, 0)
    });
    std::thread::sleep(LATE);
    system.folder().write("go", "");
    let heirs = ["good", "bad"].map(|name| (name, await_noted(&mut system, name, mains[usize::from(name == "bad")])));
    system.folder().write("stop", "");
    for (name, heir) in heirs {
        await_main(&mut system, name, heir);
        assert_eq!(system.order(&["stop", name]), format!("{name} stop/waiting\n"));
    }
    system.await_processes(0);
    assert!(!system.log().contains("respawning"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// The program of a main process is remembered over a re-exec of the supervisor.
#[test]
fn a_daemon_replaces_itself_after_a_re_exec() {
    let job = format!("respawn\nexec {DAEMON} pid @FOLDER@/svc until @FOLDER@/go fork pid @FOLDER@/svc\n");
    let mut system = System::start(&[("svc", &job)]);
    system.order(&["start", "svc"]);
    let main = await_noted(&mut system, "svc", 0);
    std::thread::sleep(LATE);
    system.order(&["restart-init"]);
    system.folder().write("go", "");
    let next = await_noted(&mut system, "svc", main);
    await_main(&mut system, "svc", next);
    system.order(&["stop", "svc"]);
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}
