//! The processes that `stop` and `respawn` end: all that a job has to take with it, and no others.

use uphold_tests::system::processes::{Signal, is_running, send, stands_still};
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

/// Workers in sessions of their own hold what the daemon needs: with `kill scope job` they end before the replacement
/// starts, and at `stop`.
#[test]
fn with_kill_scope_job_everything_ends_before_a_respawn_and_at_stop() {
    let settings =
        [("plain", ""), ("fork", "expect fork\n"), ("auto", "expect auto\n"), ("file", "pid file @FOLDER@/file\n")];
    let job = |(name, stanzas): (&str, &str)| {
        let forks = if stanzas.is_empty() { "" } else { "fork session" };
        let text = format!(
            "respawn\nkill scope job\nkill timeout 2\n{stanzas}exec {DAEMON} {forks} apart @FOLDER@/{name}-worker pid @FOLDER@/{name}\n"
        );
        (name.to_owned(), text)
    };
    let jobs: Vec<(String, String)> = settings.into_iter().map(job).collect();
    let mut system = start(&jobs);
    for (name, _) in &jobs {
        system.order(&["start", name]);
    }
    system.await_processes(2 * jobs.len());
    for round in 0..2 {
        for (name, _) in &jobs {
            let main = system.await_running(name);
            let worker = await_noted(&mut system, &format!("{name}-worker"));
            send(main, Signal::SIGKILL);
            let next = system.await_replacement(name, main);
            assert!(!is_running(worker), "{name}, round {round}: the worker outlives its daemon");
            assert_ne!(next, main);
        }
        system.await_processes(2 * jobs.len());
    }
    for (name, _) in &jobs {
        assert_eq!(system.order(&["stop", name]), format!("{name} stop/waiting\n"));
    }
    system.await_processes(0);
    assert!(!system.log().contains("behind"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// Without the stanza the workers are left alone, as with Upstart; if the replacement then fails, the log says why.
#[test]
fn a_replacement_that_fails_beside_its_predecessors_workers_is_explained() {
    let job = format!(
        "respawn\nrespawn limit unlimited\nscript\n  if [ -e @FOLDER@/worker ] && kill -0 $(cat @FOLDER@/worker) 2>/dev/null; then sleep 1; exit 1; fi\n  \
         exec {DAEMON} apart @FOLDER@/worker pid @FOLDER@/main\nend script\n"
    );
    let mut system = System::start(&[("svc", &job)]);
    system.order(&["start", "svc"]);
    let main = await_noted(&mut system, "main");
    let worker = await_noted(&mut system, "worker");
    send(main, Signal::SIGKILL);
    let line = format!(
        "svc failed while process {worker} of its predecessor still runs; with \"kill scope job\" that ends first"
    );
    system.await_log(&line);
    system.await_some("two more failures", |system| {
        (system.log().matches("terminated with status 1").count() > 2).then_some(())
    });
    assert_eq!(system.log().matches("kill scope").count(), 1, "{}", system.log());
    // All works again when the cause is gone.
    send(worker, Signal::SIGKILL);
    system.await_some("a new worker", |system| {
        let noted: u32 = std::fs::read_to_string(system.folder().path("worker")).ok()?.trim().parse().ok()?;
        (noted != worker && is_running(noted)).then_some(())
    });
    system.await_running("svc");
    system.order(&["stop", "svc"]);
    system.processes().iter().for_each(|process| send(process.pid, Signal::SIGKILL));
    system.end(Signal::SIGTERM);
}

/// Processes that were stopped from outside take the kill signal at once, and not after the kill timeout.
#[test]
fn a_stopped_job_takes_its_kill_signal() {
    let jobs = [("plain", ""), ("fork", "expect fork\n"), ("wide", "kill scope job\n"), ("auto", "expect auto\n")];
    let jobs: Vec<(String, String)> = jobs
        .map(|(name, stanzas)| {
            let forks = if stanzas.starts_with("expect") { "fork" } else { "" };
            // Far longer than the test waits.
            let run = format!("exec {DAEMON} {forks} worker @FOLDER@/{name}-worker 0 pid @FOLDER@/{name}");
            (name.to_owned(), format!("kill timeout 9999\n{stanzas}{run}\n"))
        })
        .into();
    let mut system = start(&jobs);
    for round in 0..2 {
        for (name, _) in &jobs {
            system.order(&["start", name]);
        }
        system.await_processes(2 * jobs.len());
        for (name, _) in &jobs {
            let main = system.await_running(name);
            for pid in [main, await_noted(&mut system, &format!("{name}-worker"))] {
                send(pid, Signal::SIGSTOP);
                system.await_some("a stopped process", |_| stands_still(pid).then_some(()));
            }
            assert_eq!(system.order(&["stop", name]), format!("{name} stop/waiting\n"));
            system.await_log(&format!("{name} main process ({main}) killed by TERM signal"));
        }
        system.await_processes(0);
        assert!(!system.log().contains("continued"), "round {round}: {}", system.log());
    }
    system.end(Signal::SIGTERM);
}
