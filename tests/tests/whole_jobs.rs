//! What `stop` and `respawn` end: every process that a job has to take with it, and no other.

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

fn start(jobs: &[(String, String)]) -> System {
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    Launch::new(&jobs).start()
}

/// The process id in a job's note.
fn await_noted(system: &mut System, note: &str) -> u32 {
    let file = system.folder().path(note);
    system.await_some(&format!("the note {note}"), |_| std::fs::read_to_string(&file).ok()?.trim().parse().ok())
}

/// A process that is not ready ignores the kill signal, forks and exits with status 0: its child is still the job's.
#[test]
fn a_daemon_that_forks_while_it_is_killed_is_killed_too() {
    let expects = ["fork", "daemon", "stop", "auto", "notify", "fd 3"];
    let forks = ["fork", "fork session fork"];
    let mut jobs = Vec::new();
    for (place, expect) in expects.iter().enumerate() {
        for (kind, forks) in forks.iter().enumerate() {
            let (name, note) = (format!("svc{place}{kind}"), format!("@FOLDER@/svc{place}{kind}"));
            let words = format!("ignore TERM pid {note} until @FOLDER@/go {forks} pid {note}-child");
            jobs.push((name, format!("expect {expect}\nkill timeout 2\nexec {DAEMON} {words}\n")));
        }
    }
    let mut system = start(&jobs);
    for (name, _) in &jobs {
        system.order(&["start", "--no-wait", name]);
    }
    for (name, _) in &jobs {
        await_noted(&mut system, name);
    }
    let stops: Vec<_> = jobs.iter().map(|(name, _)| system.begin(&["stop", name])).collect();
    for (name, _) in &jobs {
        system.await_some("the kill", |system| system.status(name).contains("stop/killed").then_some(()));
    }
    system.folder().write("go", "");
    for mut stop in stops {
        system.await_some("the end of stop", |_| stop.try_wait().expect("it is our child"));
    }
    for (name, _) in &jobs {
        assert_eq!(system.status(name), format!("{name} stop/waiting"));
    }
    system.await_processes(0);
    assert!(!system.log().contains("behind"), "{}", system.log());
    system.end(Signal::SIGTERM);
}
