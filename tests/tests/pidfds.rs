//! A daemon that another process reaps: the supervisor notices its end all the same, and sends no signal to a later
//! process with the same id.

#[path = "pidfds/few_pids.rs"]
mod few_pids;

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use few_pids::{Stranger, among_few_pids, await_end, spawn_and_wait};
use nix::sys::wait::waitpid;
use uphold_core::Target;
use uphold_core::control::Request;
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{Process, Signal, is_running, send};
use uphold_tests::system::{Launch, PATIENCE, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The shell forks the daemon, lives on, and reaps it.
const REAPED: &str = "expect fork\nscript\n  sleep 1000 &\n  wait || :\n  exec sleep 1000\nend script\n";

/// The program that forked the daemon lives on, and does not reap it.
const LEFT: &str = "expect fork\nscript\n  sleep 1000 &\n  exec sleep 1000\nend script\n";

/// The same, with the daemon as the leader of a session and a process group.
const APART: &str = "expect fork\nscript\n  setsid sleep 1000 &\n  exec sleep 1000\nend script\n";

/// A supervisor that leaves the first process alone when the job ends, so that there is another process that can reap
/// the daemon.
fn to_the_letter(jobs: &[(&str, &str)]) -> System {
    Launch::new(jobs).option("--strict-expect").start()
}

/// The parent of a daemon. It is not the supervisor.
fn parent_of(daemon: u32, system: &System) -> Process {
    let text = std::fs::read_to_string(format!("/proc/{daemon}/stat")).expect("it is there");
    let (_, tail) = text.rsplit_once(')').expect("it has a name");
    let parent = tail.split_ascii_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("it has a parent");
    assert_ne!(parent, system.pid());
    Process::of(parent).expect("it is there")
}

/// Starts the job. Returns its daemon, and the daemon's parent, which is not the supervisor.
fn start(system: &mut System, job: &str) -> (u32, Process) {
    system.order(&["start", job]);
    let daemon = system.await_running(job);
    (daemon, parent_of(daemon, system))
}

/// Kills a process if it still runs, but not another one with the same id.
fn end(process: &Process) {
    if process.is_alive() {
        send(process.pid, Signal::SIGKILL);
    }
}

/// Waits until a process has its program's name: before its exec it is still a copy of the shell.
fn await_program(system: &mut System, pid: u32, name: &str) {
    system.await_some(name, |_| Process::of(pid).filter(|process| process.name == name));
}

#[test]
fn an_end_is_noticed_whoever_reaps_it_and_how_is_told() {
    let mut system = to_the_letter(&[("reaped", REAPED), ("left", LEFT), ("apart", APART)]);
    for job in ["reaped", "left", "apart"] {
        let (daemon, parent) = start(&mut system, job);
        send(daemon, Signal::SIGKILL);
        system.await_log(&format!("{job} main process ({daemon}) killed by KILL signal"));
        system.await_state(job, "stop/waiting");
        assert!(parent.is_alive(), "the end was not that of its parent");
        end(&parent);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn what_the_supervisor_made_ends_with_its_job() {
    let mut system = System::start(&[("reaped", REAPED), ("left", LEFT), ("apart", APART)]);
    for job in ["reaped", "left", "apart"] {
        let (daemon, parent) = start(&mut system, job);
        system.order(&["stop", job]);
        assert!(!is_running(daemon) && !parent.is_alive(), "{}", system.log());
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn a_stop_comes_to_its_end_whoever_reaps() {
    let mut system = to_the_letter(&[("reaped", REAPED), ("left", LEFT), ("apart", APART)]);
    for (job, is_alone) in [("reaped", false), ("left", false), ("apart", true)] {
        let (daemon, parent) = start(&mut system, job);
        if is_alone {
            await_program(&mut system, daemon, "sleep");
        }
        assert_eq!(system.order(&["stop", job]), format!("{job} stop/waiting\n"));
        assert!(!is_running(daemon));
        assert!(!is_alone || parent.is_alive(), "the signal was for the daemon's own group");
        end(&parent);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn a_stop_that_crosses_the_end_does_not_hang() {
    let mut system = to_the_letter(&[("reaped", REAPED), ("left", LEFT), ("apart", APART)]);
    for job in ["reaped", "left", "apart"] {
        let (daemon, parent) = start(&mut system, job);
        let mut client = Client::connect(&system.socket()).expect("a connection");
        send(system.pid(), Signal::SIGSTOP);
        send(daemon, Signal::SIGKILL);
        client.send(&stop(job)).expect("it is sent");
        std::thread::sleep(Duration::from_millis(20));
        send(system.pid(), Signal::SIGCONT);
        system.await_state(job, "stop/waiting");
        end(&parent);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn respawning_goes_on_whoever_reaps() {
    let respawn = |text: &str| format!("respawn\nrespawn limit unlimited\n{text}");
    let jobs = [("reaped", respawn(REAPED)), ("left", respawn(LEFT)), ("apart", respawn(APART))];
    let mut system = to_the_letter(&[("reaped", &jobs[0].1), ("left", &jobs[1].1), ("apart", &jobs[2].1)]);
    for (job, _) in &jobs {
        let mut daemon = start(&mut system, job).0;
        for _ in 0..10 {
            send(daemon, Signal::SIGKILL);
            daemon = system.await_replacement(job, daemon);
        }
    }
    // One descriptor for each live daemon, and no more.
    let descriptors = || {
        let open = std::fs::read_dir(format!("/proc/{}/fd", system.pid())).expect("it runs");
        let names = open.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        names.filter(|name| name.to_string_lossy().contains("pidfd")).count()
    };
    assert_eq!(descriptors(), jobs.len());
}

#[test]
fn what_was_watched_is_watched_by_the_next_program() {
    let mut system = to_the_letter(&[("reaped", REAPED), ("left", LEFT), ("apart", APART)]);
    for job in ["reaped", "left", "apart"] {
        let (daemon, parent) = start(&mut system, job);
        system.order(&["restart-init"]);
        system.order(&["restart-init"]);
        assert_eq!(system.main_process(job), Some(daemon));
        send(daemon, Signal::SIGKILL);
        system.await_log(&format!("{job} main process ({daemon}) killed by KILL signal"));
        system.await_state(job, "stop/waiting");
        end(&parent);
        // The daemon ends while the supervisor is stopped, which then reads the request to restart before the end.
        let (daemon, parent) = start(&mut system, job);
        let mut client = Client::connect(&system.socket()).expect("a connection");
        send(system.pid(), Signal::SIGSTOP);
        client.send(&Request::Reexecute).expect("it is sent");
        send(daemon, Signal::SIGKILL);
        std::thread::sleep(Duration::from_millis(20));
        send(system.pid(), Signal::SIGCONT);
        system.await_state(job, "stop/waiting");
        end(&parent);
    }
    system.end(Signal::SIGTERM);
}

fn target(job: &str) -> Target<'_> {
    Target::named(job.as_bytes())
}

fn stop(job: &str) -> Request<'_> {
    Request::Stop { target: target(job), wait: false }
}

/// While the supervisor is stopped, the job's daemon dies and is reaped, and a stranger gets its id.
fn usurp(system: &System, daemon: u32, meanwhile: impl FnOnce()) -> Stranger {
    send(system.pid(), Signal::SIGSTOP);
    meanwhile();
    send(daemon, Signal::SIGKILL);
    await_end(daemon);
    let stranger = Stranger::with_number(daemon, system.folder());
    send(system.pid(), Signal::SIGCONT);
    stranger
}

#[test]
fn a_stranger_with_a_daemons_number_gets_no_signal() {
    if !among_few_pids("a_stranger_with_a_daemons_number_gets_no_signal") {
        return;
    }
    let apart = "expect fork\nscript\n  setsid sleep 1000 &\n  wait || :\n  exec sleep 1000\nend script\n";
    let mut system = to_the_letter(&[("shared", REAPED), ("apart", apart)]);
    for job in ["shared", "apart"] {
        for order in
            [stop(job), Request::Reload { target: target(job) }, Request::Restart { target: target(job), wait: false }]
        {
            let (daemon, parent) = start(&mut system, job);
            if job == "apart" {
                await_program(&mut system, daemon, "sleep");
            }
            let mut client = Client::connect(&system.socket()).expect("a connection");
            let stranger = usurp(&system, daemon, || client.send(&order).expect("it is sent"));
            if matches!(order, Request::Restart { .. }) {
                let next = system.await_replacement(job, daemon);
                let next_parent = parent_of(next, &system);
                system.order(&["stop", job]);
                end(&next_parent);
            }
            system.await_state(job, "stop/waiting");
            stranger.assert_unharmed();
            end(&parent);
        }
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn a_stranger_with_the_number_of_a_daemon_without_a_supervisor_is_not_taken_over() {
    if !among_few_pids("a_stranger_with_the_number_of_a_daemon_without_a_supervisor_is_not_taken_over") {
        return;
    }
    // The stranger even runs the same program.
    let mut system = System::start(&[("plain", &format!("respawn\nexec {DAEMON}\n"))]);
    system.order(&["start", "plain"]);
    let daemon = system.await_running("plain");
    system.kill();
    // Times of birth are noted to about a second.
    std::thread::sleep(Duration::from_secs(2));
    // It is the child of this process now, which is process 1.
    send(daemon, Signal::SIGKILL);
    waitpid(nix::unistd::Pid::from_raw(daemon as i32), None).expect("it is our child");
    let stranger = Stranger::with_number(daemon, system.folder());
    system.start_again();
    system.await_replacement("plain", daemon);
    system.order(&["stop", "plain"]);
    stranger.assert_unharmed();
    system.end(Signal::SIGTERM);
}

#[test]
fn a_kill_timeout_that_comes_too_late_hits_no_stranger() {
    if !among_few_pids("a_kill_timeout_that_comes_too_late_hits_no_stranger") {
        return;
    }
    // The stop takes long enough to be observed.
    let job = "expect fork\nkill timeout 10\nscript\n  trap '' TERM\n  sleep 1000 &\n  wait || :\n  exec sleep 1000\nend script\n";
    let mut system = to_the_letter(&[("stubborn", job)]);
    let (daemon, parent) = start(&mut system, "stubborn");
    system.order(&["stop", "--no-wait", "stubborn"]);
    assert_eq!(system.await_state("stubborn", "stop/killed"), Some(daemon));
    let pause = || std::thread::sleep(Duration::from_millis(10_100));
    let stranger = usurp(&system, daemon, pause);
    system.await_state("stubborn", "stop/waiting");
    stranger.assert_unharmed();
    end(&parent);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_jobs_new_process_may_have_the_number_of_anothers_old_one() {
    if !among_few_pids("a_jobs_new_process_may_have_the_number_of_anothers_old_one") {
        return;
    }
    let mut system = to_the_letter(&[("old", REAPED), ("new", "exec sleep 1000\n")]);
    let (daemon, parent) = start(&mut system, "old");
    let mut client = Client::connect(&system.socket()).expect("a connection");
    send(system.pid(), Signal::SIGSTOP);
    client.send(&Request::Start { target: target("new"), wait: false }).expect("it is sent");
    send(daemon, Signal::SIGKILL);
    await_end(daemon);
    // The supervisor spawns the next process, which gets that id.
    let is_next = |last: u32| last < daemon && (last + 1..daemon).all(|pid| Process::of(pid).is_some());
    let deadline = Instant::now() + PATIENCE;
    while !is_next(spawn_and_wait("true")) {
        assert!(Instant::now() < deadline, "{daemon} never came round");
    }
    send(system.pid(), Signal::SIGCONT);
    system.await_some("a new process", |_| Process::of(daemon));
    assert_eq!(system.await_running("new"), daemon);
    system.await_state("old", "stop/waiting");
    assert_eq!(system.status("new"), format!("new start/running, process {daemon}"));
    assert_eq!(system.order(&["stop", "new"]), "new stop/waiting\n");
    assert!(!is_running(daemon));
    end(&parent);
    system.end(Signal::SIGTERM);
}

/// The fewest times that each job is killed, reloaded, restarted and stopped.
const ROUNDS: usize = 10;

/// The number of bystander processes: enough that each id has had several owners. A busy machine takes more rounds for
/// that.
const BYSTANDERS: usize = 300;

/// Ends the storm also when the test fails.
struct EndOfStorm<'o>(&'o AtomicBool);

impl Drop for EndOfStorm<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn bystanders_in_a_storm_of_processes_get_no_signal() {
    if !among_few_pids("bystanders_in_a_storm_of_processes_get_no_signal") {
        return;
    }
    let respawn = |text: &str| format!("respawn\nrespawn limit unlimited\nkill timeout 1\n{text}");
    // The parent is in the job's process group, so it ends with the daemon.
    let with_parent = "expect fork\nscript\n  sleep 1000 &\n  wait || :\nend script\n";
    let texts = [respawn(with_parent), respawn("exec sleep 1000\n"), respawn("expect daemon\nexec @D@ fork fork\n")];
    let texts = texts.map(|text| text.replace("@D@", DAEMON));
    let jobs = [("parent", texts[0].as_str()), ("plain", &texts[1]), ("daemon", &texts[2])];
    let mut system = to_the_letter(&jobs);
    let over = &AtomicBool::new(false);
    let bystanders = &AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let end_of_storm = EndOfStorm(over);
        let storm = || {
            while !over.load(Ordering::Relaxed) {
                // No id is free, so there is no bystander this time.
                let Ok(mut process) = Command::new("sleep").arg("0.01").process_group(0).spawn() else { continue };
                let status = process.wait().expect("it is our child");
                assert_eq!(status.signal(), None, "a bystander was signalled");
                bystanders.fetch_add(1, Ordering::Relaxed);
            }
        };
        let storms = [scope.spawn(storm), scope.spawn(storm), scope.spawn(storm)];
        for (job, _) in &jobs {
            system.order(&["start", job]);
        }
        let mut rounds = 0;
        while rounds < ROUNDS || bystanders.load(Ordering::Relaxed) < BYSTANDERS {
            assert!(!storms.iter().any(ScopedJoinHandle::is_finished), "a bystander was hit");
            rounds += 1;
            for (job, _) in &jobs {
                let pid = system.await_running(job);
                let old = Process::of(pid);
                send(pid, Signal::SIGKILL);
                // The new main process may have the same id.
                system.await_some("another main process", |system| {
                    let new = Process::of(system.main_process(job)?)?;
                    (old.as_ref() != Some(&new)).then_some(())
                });
                system.await_running(job);
                // SIGHUP ends the main process too, so the next command may be too late.
                system.initctl(&["reload", job]);
                system.initctl(&["restart", job]);
                system.order(&["stop", job]);
                system.order(&["start", job]);
            }
        }
        drop(end_of_storm);
        storms.into_iter().for_each(|storm| storm.join().expect("no bystander was hit"));
    });
    system.end(Signal::SIGTERM);
}
