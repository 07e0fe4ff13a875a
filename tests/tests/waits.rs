//! No wait is without a bound, and clients report what they wait for.

use std::time::{Duration, Instant};

use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// A time far below the timeouts of these jobs, which are hours.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Runs an `initctl` command that stops a job, and returns its output. Asserts that it was quick.
fn stops_at_once(system: &System, words: &[&str]) -> String {
    let begin = Instant::now();
    let told = system.order(words);
    assert!(begin.elapsed() < AT_ONCE, "{words:?} took {:?}", begin.elapsed());
    told
}

#[test]
fn stop_by_force_waits_for_no_hook() {
    let mut system = System::start(&[
        ("before", "pre-start exec sleep 1000\nexec sleep 1000"),
        ("ending", "kill timeout 9999\npre-stop exec sleep 1000\nexec sleep 1000"),
        ("after", "post-stop exec sleep 1000\nexec sleep 1000"),
    ]);
    system.order(&["start", "--no-wait", "before"]);
    let hook = system.await_state("before", "start/pre-start").expect("a process");
    assert_eq!(stops_at_once(&system, &["stop", "--force", "before"]), "before stop/waiting\n");
    system.await_log(&format!("before pre-start process ({hook}) killed by KILL signal"));

    for (job, state) in [("ending", "stop/pre-stop"), ("after", "stop/post-stop")] {
        system.order(&["start", job]);
        system.order(&["stop", "--no-wait", job]);
        system.await_state(job, state);
        // Without force the behaviour is Upstart's.
        let again = system.initctl(&["stop", job]);
        assert_eq!((again.code, again.err), (1, format!("initctl: Job has already been stopped: {job}\n")));
        let told = system.initctl(&["stop", "--force", job]);
        assert!([format!("{job} stop/waiting\n"), String::new()].contains(&told.out), "{told:?}");
        system.await_state(job, "stop/waiting");
    }
    system.await_processes(0);
    let gone = system.initctl(&["stop", "--force", "ending"]);
    assert_eq!((gone.code, gone.err.as_str()), (1, "initctl: Unknown instance: \n"));
    system.end(Signal::SIGTERM);
}

#[test]
fn stop_by_force_waits_for_no_other_job_and_for_no_handler() {
    let deaf = format!("kill timeout 9999\nexec {DAEMON} ignore TERM pid @FOLDER@/pid");
    let mut system = System::start(&[
        ("svc", "exec sleep 1000"),
        ("other", "start on stopping svc\ntask\nexec sleep 1000"),
        ("deaf", &deaf),
    ]);
    system.order(&["start", "svc"]);
    system.order(&["stop", "--no-wait", "svc"]);
    system.await_state("svc", "stop/stopping");
    system.await_running("other");
    assert_eq!(stops_at_once(&system, &["stop", "--force", "svc"]), "svc stop/waiting\n");
    let other = system.await_running("other");
    assert_eq!(system.order(&["stop", "other"]), "other stop/waiting\n");

    let main = {
        system.order(&["start", "deaf"]);
        system.await_some("a daemon that is deaf", |system| {
            std::fs::read_to_string(system.folder().path("pid")).ok().filter(|text| text.ends_with('\n'))
        });
        system.await_running("deaf")
    };
    assert_ne!(main, other);
    assert_eq!(stops_at_once(&system, &["stop", "--force", "deaf"]), "deaf stop/waiting\n");
    system.await_log(&format!("deaf main process ({main}) killed by KILL signal"));
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_daemon_that_is_not_ready_is_stopped_at_once() {
    // The long `start timeout` keeps the job from counting as ready earlier.
    let mut system = System::start(&[("svc", "expect fork\nstart timeout 9999\nexec sleep 1000")]);
    system.order(&["start", "--no-wait", "svc"]);
    system.await_state("svc", "start/spawned").expect("a process");
    assert_eq!(stops_at_once(&system, &["stop", "svc"]), "svc stop/waiting\n");
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn who_waits_for_long_is_told_for_what() {
    let deaf = format!("kill timeout 9999\nexec {DAEMON} ignore TERM pid @FOLDER@/pid");
    let mut system = System::start(&[
        ("svc", &deaf),
        ("other", "start on stopping svc\ntask\nexec sleep 1000"),
        ("hooked", "pre-stop exec sleep 1000\nexec sleep 1000"),
        ("quiet", "pre-stop exec sleep 1000\nexec sleep 1000"),
        ("slow", "expect fork\nstart timeout 9999\nexec sleep 1000"),
    ]);
    for job in ["svc", "hooked", "quiet"] {
        system.order(&["start", job]);
    }
    system.await_some("a daemon that is deaf", |system| {
        std::fs::read_to_string(system.folder().path("pid")).ok().filter(|text| text.ends_with('\n'))
    });
    let main = system.await_running("svc");
    // Each command checks every ten seconds what it waits for. The command that reports two causes begins last, when
    // the others wait. So each of them has just checked when it reports the second cause, and none checks while its own
    // wait ends.
    let commands = [&["restart", "hooked"][..], &["-q", "stop", "quiet"], &["start", "slow"], &["stop", "svc"]];
    let mut begun = Vec::new();
    let begin = |system: &System, words: &'static [&'static str]| {
        let file = system.folder().path(&words.join("-"));
        (words, system.begin_and_note(words, &file), file)
    };
    let [before @ .., last] = commands;
    for words in before {
        begun.push(begin(&system, words));
    }
    let hook = system.await_some("a pre-stop process", |system| {
        let status = system.status("hooked");
        Some(status.split_once("\tpre-stop process ")?.1.to_owned())
    });
    system.await_state("quiet", "stop/pre-stop");
    let slow = system.await_state("slow", "start/spawned").expect("a process");
    begun.push(begin(&system, last));
    let other = "initctl: svc: waiting for the event stopping, which the job other holds\n";
    let own = format!("initctl: svc: waiting for its main process ({main}) to end\n");
    let pre_stop = format!("initctl: hooked: waiting for its pre-stop process ({hook})\n");
    let ready = format!("initctl: slow: waiting for its main process ({slow}) to be ready (expect fork)\n");
    // The first message comes after ten seconds, and another ten seconds later if the cause has changed.
    let await_told = |system: &mut System, told: [&str; 4]| {
        for ((words, _, file), told) in begun.iter().zip(told) {
            let said = || std::fs::read_to_string(file).unwrap_or_default();
            system.await_some(&format!("{words:?} to say {told}"), |_| (said() == told).then_some(()));
        }
    };
    await_told(&mut system, [&pre_stop, "", &ready, other]);
    system.order(&["stop", "other"]);
    let both = format!("{other}{own}");
    let all = [&pre_stop, "", &ready, both.as_str()];
    await_told(&mut system, all);
    for job in ["svc", "hooked", "quiet", "slow"] {
        system.order(&["stop", "--force", job]);
    }
    for ((words, mut command, file), told) in begun.into_iter().zip(all) {
        system.await_some("its end", |_| command.try_wait().expect("it is our child"));
        assert_eq!(std::fs::read_to_string(file).expect("it is there"), told, "{words:?}");
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_client_that_emits_is_told_what_holds_its_event() {
    let mut system = System::start(&[
        ("svc", "start on go\npre-start exec sleep 1000\nexec sleep 1000"),
        ("mute", "start on hush\npre-start exec sleep 1000\nexec sleep 1000"),
        ("also", "start on many\npre-start exec sleep 1000\nexec sleep 1000"),
        ("late", "start on many\nexec sleep 1000"),
        ("brake", "start on starting late\ntask\nexec sleep 1000"),
    ]);
    let words: [&[&str]; 3] = [&["emit", "go"], &["-q", "emit", "hush"], &["emit", "many"]];
    let mut begun = Vec::new();
    for words in words {
        let file = system.folder().path(&words.join("-"));
        begun.push((words, system.begin_and_note(words, &file), file));
    }
    for (job, state) in [("svc", "start/pre-start"), ("mute", "start/pre-start"), ("late", "start/starting")] {
        system.await_state(job, state);
    }
    // It is the same event by name, which nothing holds: the one of the first client is another.
    system.order(&["emit", "go"]);
    // The new program knows which client waits for what.
    system.order(&["restart-init"]);
    let told = [
        "initctl: waiting for the event go, which the job svc holds\n",
        "",
        "initctl: waiting for the event many, which the job late and one other hold\n",
    ];
    for ((words, _, file), told) in begun.iter().zip(told) {
        let said = || std::fs::read_to_string(file).unwrap_or_default();
        system.await_some(&format!("{words:?} to say {told}"), |_| (said() == told).then_some(()));
    }
    for job in ["svc", "mute", "also", "late", "brake"] {
        system.order(&["stop", "--force", job]);
    }
    for (words, mut command, file) in begun {
        let code = system.await_some("its end", |_| command.try_wait().expect("it is our child")).code();
        let out = std::fs::read_to_string(file.with_extension("out")).expect("it is there");
        assert_eq!((code, out.as_str()), (Some(0), ""), "{words:?}");
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_daemon_has_as_long_to_be_ready_as_its_file_says() {
    let mut system = System::start(&[
        ("once", "expect fork\nstart timeout 1\nexec sleep 1000"),
        ("again", "expect fork\nstart timeout 1\nrespawn\nrespawn limit 2 60\nexec sleep 1000"),
    ]);
    for (job, respawns) in [("once", 0), ("again", 2)] {
        let ran = system.initctl(&["start", job]);
        assert_eq!((ran.code, ran.err.as_str()), (1, "initctl: Job failed to start\n"), "{ran:?}");
        system.await_state(job, "stop/waiting");
        let log = system.log();
        let count = |what: &str| log.lines().filter(|line| line.ends_with(&format!("{job} {what}"))).count();
        assert_eq!(count("was not ready within 1 seconds"), respawns + 1, "{log}");
        assert_eq!(count("main process ended, respawning"), respawns, "{log}");
    }
    system.await_log("again respawning too fast, stopped");
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_hook_has_as_long_as_its_file_says() {
    let mut system = System::start(&[
        ("before", "hook timeout 1\npre-start exec sleep 1000\nexec sleep 1000"),
        ("ending", "hook timeout 1\npre-stop exec sleep 1000\nexec sleep 1000"),
        ("after", "hook timeout 1\npost-stop exec sleep 1000\nexec sleep 1000"),
    ]);
    let ran = system.initctl(&["start", "before"]);
    assert_eq!((ran.code, ran.err.as_str()), (1, "initctl: Job failed to start\n"));
    for (job, code) in [("ending", 0), ("after", 1)] {
        system.order(&["start", job]);
        // A post-stop process that fails is a failure of the job, as in Upstart.
        assert_eq!(system.initctl(&["stop", job]).code, code, "{job}");
    }
    for job in ["before", "ending", "after"] {
        system.await_state(job, "stop/waiting");
    }
    for hook in ["before pre-start", "ending pre-stop", "after post-stop"] {
        let log = system.log();
        let line = log.lines().find(|line| line.contains(&format!("{hook} process (")) && line.ends_with("1 seconds"));
        assert!(line.is_some_and(|line| line.contains(") has run for more than ")), "{hook}: {log}");
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

#[test]
fn with_strict_expect_what_is_wrong_is_said_and_left() {
    let launch = Launch::new(&[("svc", "expect fork\nexec sleep 1000")]);
    let mut system = launch.option("--strict-expect").start();
    system.order(&["start", "--no-wait", "svc"]);
    let main = system.await_state("svc", "start/spawned");
    system.order(&["restart-init"]);
    system.await_log("svc expected fork, saw no fork; \"expect none\" is right");
    assert_eq!(system.await_state("svc", "start/spawned"), main);
    assert_eq!(system.order(&["stop", "svc"]), "svc stop/waiting\n");

    let mut system = System::start(&[("svc", "expect fork\nexec sleep 1000")]);
    let told = system.order(&["start", "svc"]);
    let main = system.await_running("svc");
    assert_eq!(told, format!("svc start/running, process {main}\n"));
    system.await_log(&format!("svc expected fork, saw no fork: following {main}; \"expect none\" is right"));
    send(main, Signal::SIGTERM);
    system.await_state("svc", "stop/waiting");
    system.end(Signal::SIGTERM);
}
