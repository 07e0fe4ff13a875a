//! Without control groups a process is a job's only by evidence: a guess is never adopted, signalled or blamed.

use uphold_tests::system::processes::{Signal, is_running};
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

fn noted(system: &mut System, file: &str) -> u32 {
    let path = system.folder().path(file);
    system.await_some(file, |_| std::fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok())
}

fn system(jobs: &[(&str, String)]) -> System {
    let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Launch::new(&jobs).option("--no-cgroups").start()
}

/// A SysV script starts daemons that overwrite their environment, while a job's program forks.
#[test]
fn the_daemons_of_others_are_neither_adopted_nor_killed() {
    for (stanzas, words) in [
        ("respawn", "until @FOLDER@/go fork pid @FOLDER@/own"),
        ("respawn", "until @FOLDER@/go exit 0"),
        ("respawn\nexpect fork", "until @FOLDER@/go fork fork pid @FOLDER@/own"),
    ] {
        let a = format!("{stanzas}\nrespawn limit unlimited\nkill timeout 2\nexec {DAEMON} {words}\n");
        let fork = |file| format!("{DAEMON} fork session disguise fork pid @FOLDER@/{file}");
        let rc = format!("task\nscript\n{}\n{}\nend script\n", fork("redis"), fork("nginx"));
        let mut system = system(&[("a", a), ("rc", rc)]);
        system.order(&["start", "--no-wait", "a"]);
        system.await_some("a main process", |system| system.main_process("a"));
        system.order(&["start", "rc"]);
        let others = ["redis", "nginx"].map(|file| noted(&mut system, file));
        system.folder().write("go", "");
        if words.contains("pid") {
            let own = noted(&mut system, "own");
            system.await_some("the right process", |system| system.main_process("a").filter(|&pid| pid == own));
        }
        for order in ["restart", "stop"] {
            let ran = system.initctl(&[order, "a"]);
            assert!(ran.code == 0 || ran.err.contains("Unknown instance"), "{ran:?}");
            assert!(others.iter().all(|&pid| is_running(pid)), "{stanzas}, {order}\n{}", system.log());
        }
        std::thread::sleep(std::time::Duration::from_secs(3));
        assert!(!system.log().contains("has left process"), "{stanzas}\n{}", system.log());
        system.end(Signal::SIGTERM);
    }
}

/// A process that moves to a session of its own and forgets its environment is logged when its job is stopped: its
/// descent was seen.
#[test]
fn what_leaves_its_session_is_told_when_its_job_is_stopped() {
    let text = format!(
        "kill timeout 2\nscript\nenv -i setsid sh -c '{DAEMON} pid @FOLDER@/left & exec sleep 1000' &\nwait\nend script\n"
    );
    let mut system = system(&[("one", text), ("two", "exec sleep 1000\n".into())]);
    for name in ["two", "one"] {
        system.order(&["start", name]);
    }
    let left = noted(&mut system, "left");
    system.order(&["stop", "one"]);
    system.await_log(&format!("one has left process {left} (daemon) behind, which still runs"));
    assert!(!system.log().contains("two"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// Where nothing tells whose it is, the log says what was seen and blames no job.
#[test]
fn what_nothing_is_known_of_is_told_without_blame() {
    let text = format!("script\nenv -i setsid sh -c '{DAEMON} pid @FOLDER@/left & sleep 0.3'\nend script\n");
    let mut system = system(&[("one", text)]);
    system.order(&["start", "one"]);
    let left = noted(&mut system, "left");
    system.await_log(&format!("Process {left} (daemon) lost its parent when one ended, and nothing tells whose it is"));
    assert!(!system.log().contains("has left"), "{}", system.log());
    system.end(Signal::SIGTERM);
}
