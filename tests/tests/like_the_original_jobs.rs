//! Corners of Upstart 1.13.2 that scripts may rely on: commands, environments and job files. Each test names the row of
//! the table in which the corner was reported.

use std::fs;

use uphold_core::bytes::Strings;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{Select, Target};
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::{Launch, System};

/// Row 2: an instance that does not run has a status when no variables are given, if its name is known without them.
#[test]
fn row_2_an_instance_that_does_not_run_has_a_status() {
    let system = System::start(&[
        ("default", "instance ${X:-d}\nexec sleep 1000\n"),
        ("literal", "instance lit\nexec sleep 1000\n"),
        ("set", "env X=e\ninstance $X\nexec sleep 1000\n"),
        ("unset", "instance $UNSET\nexec sleep 1000\n"),
    ]);
    for job in ["default", "literal", "set"] {
        assert_eq!(system.status(job), format!("{job} stop/waiting"));
        let refused = system.initctl(&["stop", job]);
        assert!(refused.err.starts_with("initctl: Unknown instance: "), "{refused:?}");
    }
    for (arguments, error) in [
        (["status", "default", "X=y"].as_slice(), "Unknown instance: y"),
        (&["status", "unset"], "Unknown parameter: UNSET"),
    ] {
        let ran = system.initctl(arguments);
        assert_eq!((ran.code, ran.err.lines().next()), (1, Some(format!("initctl: {error}").as_str())), "{ran:?}");
    }
    system.end(Signal::SIGTERM);
}

/// Row 11: a job that does not exist is reported before variables that are none.
#[test]
fn row_11_an_unknown_job_is_reported_first() {
    let system = System::start(&[("job", "exec sleep 1000\n")]);
    for command in ["start", "stop", "restart", "status", "reload"] {
        for (job, error) in [("nope", "Unknown job: nope"), ("job", "Env must be KEY=VALUE pairs")] {
            let ran = system.initctl(&[command, job, "A"]);
            assert_eq!((ran.code, ran.err.lines().next()), (1, Some(format!("initctl: {error}").as_str())), "{ran:?}");
        }
    }
    system.end(Signal::SIGTERM);
}

/// Row 4: what an event says by itself is not replaced by what its job exports.
#[test]
fn row_4_an_export_does_not_replace_what_the_event_has() {
    let exporting = "env JOB=q\nenv INSTANCE=q\nenv RESULT=mine\nenv PROCESS=mine\nenv EXIT_STATUS=mine\nenv X=x\n\
                     export JOB INSTANCE RESULT PROCESS EXIT_STATUS X X\ntask\n";
    let seeing = |event: &str, job: &str| {
        format!(
            "start on {event} JOB={job}\ntask\nscript\n  echo \"$JOB,$INSTANCE,$RESULT,$PROCESS,$EXIT_STATUS,$X\" > \
             @FOLDER@/{event}-{job}\nend script\n"
        )
    };
    let mut system = System::start(&[
        ("good", &format!("{exporting}exec true\n")),
        ("bad", &format!("{exporting}exec false\n")),
        ("after-start", &seeing("starting", "good")),
        ("after-good", &seeing("stopped", "good")),
        ("after-bad", &seeing("stopped", "bad")),
    ]);
    system.order(&["start", "good"]);
    assert_eq!(system.initctl(&["start", "bad"]).code, 1);
    for (file, line) in [
        ("starting-good", "good,,mine,mine,mine,x\n"),
        ("stopped-good", "good,,ok,mine,mine,x\n"),
        ("stopped-bad", "bad,,failed,main,1,x\n"),
    ] {
        let path = system.folder().path(file);
        let seen = system.await_some(file, |_| fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')));
        assert_eq!(seen, line, "{file}");
    }
    system.end(Signal::SIGTERM);
}

/// Row 5: a job file with an unknown signal makes no job, whatever its override says, and a change of the override does
/// not log the signal again. Any other error leaves the job to the override.
#[test]
fn row_5_a_file_with_an_unknown_signal_has_no_override() {
    let launch = Launch::new(&[("b", "exec sleep 1000\nkill signal NOPE\n"), ("c", "nonsense\n"), ("d", "task\n")]);
    let [above, other] = ["b", "d"].map(|job| launch.folder().write(&format!("conf/{job}.override"), "exec true\n"));
    launch.folder().write("conf/c.override", "exec true\n");
    let mut system = launch.start();
    let told = |system: &System| system.log().matches("b.conf: Error while loading configuration file").count();
    let show = |system: &System, job: &str| system.initctl(&["show-config", job]).out;
    assert_eq!(system.initctl(&["status", "b"]).err.lines().next(), Some("initctl: Unknown job: b"));
    assert_eq!(system.status("c"), "c stop/waiting");
    assert_eq!(told(&system), 1, "{}", system.log());
    fs::write(&above, "start on go\nexec true\n").unwrap();
    // The changes are read in their order.
    fs::write(&other, "start on gone\nexec true\n").unwrap();
    system.await_some("the other override", |system| show(system, "d").contains("gone").then_some(()));
    assert_eq!(system.initctl(&["status", "b"]).code, 1);
    assert_eq!(told(&system), 1, "{}", system.log());
    let file = system.folder().path("conf/b.conf");
    fs::write(&file, "exec sleep 1000\n").unwrap();
    system.await_some("the override", |system| show(system, "b").contains("start on go\n").then_some(()));
    system.end(Signal::SIGTERM);
}

/// Row 21: a session's jobs have PATH and TERM first, then the rest in init's order. A variable that is set again, by a
/// stanza, a command or `set-env`, keeps its place.
#[test]
fn row_21_the_environment_of_a_sessions_jobs_keeps_its_order() {
    let text = "env C=1\nenv HOME\nenv AAA=value\nenv D=2\nenv BBB\nenv NNN\nenv C=3\nenv UPSTART_JOB=x\ntask\n\
                exec cp /proc/self/environ @FOLDER@/seen\n";
    let launch = Launch::new(&[("job", text)]).variable("AAA", "a").variable("BBB", "b").variable("ZZZ", "z");
    let system = launch.start();
    let seen = |command: &[&str]| {
        system.order(command);
        let seen = fs::read_to_string(system.folder().path("seen")).expect("it was written");
        let entries = seen.split_terminator('\0').map(|entry| entry.split_once('=').expect("a variable"));
        entries.map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
    };
    let names = |all: &[(String, String)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    let value = |all: &[(String, String)], name: &str| all.iter().find(|(it, _)| it == name).map(|(_, it)| it.clone());
    let inherited = ["PATH", "TERM", "AAA", "BBB", "HOME", "UPHOLD_TEST_SYSTEM", "XDG_RUNTIME_DIR", "ZZZ"];
    let plain = seen(&["start", "job"]);
    let own = ["C", "D", "UPSTART_JOB", "UPSTART_INSTANCE", "UPSTART_SESSION"];
    assert_eq!(names(&plain), [&inherited[..], &own].concat());
    for (name, expected) in [("C", "3"), ("AAA", "value"), ("UPSTART_JOB", "job")] {
        assert_eq!(value(&plain, name).as_deref(), Some(expected), "{name}");
    }
    system.order(&["set-env", "--global", "ZZZ=new"]);
    system.order(&["set-env", "--global", "LAST=1"]);
    let given = seen(&["start", "job", "D=given", "E=1", "BBB=given"]);
    let own = ["LAST", "C", "D", "UPSTART_JOB", "E", "UPSTART_INSTANCE", "UPSTART_SESSION"];
    assert_eq!(names(&given), [&inherited[..], &own].concat());
    for (name, expected) in [("ZZZ", "new"), ("D", "given"), ("BBB", "given")] {
        assert_eq!(value(&given, name).as_deref(), Some(expected), "{name}");
    }
    system.end(Signal::SIGTERM);
}

/// Row 22, a false alarm of ours: processes that are only counted are looked at again before they are logged, as are
/// those that are named.
#[test]
fn row_22_processes_that_are_counted_are_looked_at_again() {
    let brief = "respawn\nrespawn limit 10 60\nscript\n  for i in 1 2 3 4; do sleep 0.4 & done\n  exit 3\nend script\n";
    let lasting =
        "respawn\nnormal exit 5\nscript\n  for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done\n  exit 5\nend script\n";
    let mut system = System::start(&[("brief", brief), ("lasting", lasting)]);
    system.order(&["start", "brief"]);
    system.await_log("brief respawning too fast, stopped");
    system.order(&["start", "lasting"]);
    // Its report comes after those of the other job.
    system.await_log("lasting has left 1 more process behind");
    assert!(!system.log().contains("brief has left"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

/// Row 16: a variable may be as long as Linux lets an argument be, and it reaches the job. The supervisor keeps no
/// memory of it.
#[test]
fn row_16_a_request_may_be_as_long_as_an_argument() {
    let text = "task\nexec sh -c 'printf %s \"${#BIG}\" > @FOLDER@/seen'\n";
    let system = System::start(&[("job", text), ("small", "start on small\ntask\nexec true\n")]);
    let resident = || {
        let text = fs::read_to_string(format!("/proc/{}/status", system.pid())).expect("it lives");
        let line = text.lines().find_map(|line| line.strip_prefix("RssShmem:")).expect("a line about shared memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    for length in [130_000, (128 << 10) - "BIG=".len() - 1] {
        let variable = format!("BIG={}", "x".repeat(length));
        system.order(&["start", "job", &variable]);
        let seen = fs::read_to_string(system.folder().path("seen")).expect("it was written");
        assert_eq!(seen, length.to_string());
        system.order(&["emit", "small", &variable]);
        assert_eq!(system.initctl(&["status", "job", &variable]).err.len(), "initctl: Unknown instance: \n".len());
    }
    // Clients that stay connected, in as many places. The memory of their long requests is given back.
    let before = resident();
    let list = format!("BIG={}\0", "x".repeat(130_000));
    let ask = |_| {
        let mut client = Client::connect(&system.socket()).expect("there is room");
        let target = Target { job: b"job", select: Select::Environment(Strings(list.as_bytes())) };
        assert!(matches!(client.ask(&Request::Status { target }), Ok(Reply::Error(Refusal::UnknownInstance(_)))));
        client
    };
    let clients: Vec<Client> = (0..20).map(ask).collect();
    // Each keeps 32 kB, and the pages at the edges.
    assert!(resident() < before + 20 * 48, "{before} kB before, {} kB after", resident());
    drop(clients);
    let long = format!("BIG={}", "x".repeat(100_000));
    let refused = system.initctl(&["emit", "small", &long, &long]);
    assert!(
        refused.err.starts_with("initctl: The arguments are too long: a request holds 147456 bytes"),
        "{refused:?}"
    );
    system.end(Signal::SIGTERM);
}

/// A false alarm of ours: the process of a job that is started again in the same turn was taken for one that the job
/// had left.
#[test]
fn a_restarted_job_has_not_left_its_new_process() {
    for options in [&[][..], &["--no-cgroups"]] {
        let plain = "exec sleep 1000\n";
        let shell = "respawn\nscript\n  sleep 1000 &\n  wait\nend script\n";
        let leaves = "normal exit 5\nscript\n  sleep 1000 &\n  exit 5\nend script\n";
        let jobs = [("plain", plain), ("shell", shell), ("leaves", leaves)];
        let launch = options.iter().fold(Launch::new(&jobs), |launch, option| launch.option(option));
        let mut system = launch.start();
        for job in ["plain", "shell"] {
            system.order(&["start", job]);
            system.order(&["restart", job]);
        }
        send(system.await_running("plain"), Signal::SIGTERM);
        system.await_state("plain", "stop/waiting");
        system.order(&["start", "plain"]);
        let before = system.await_running("shell");
        send(before, Signal::SIGKILL);
        system.await_replacement("shell", before);
        system.order(&["start", "leaves"]);
        // Its report comes after those of the others.
        system.await_some("a report", |system| system.log().contains("leaves has left process").then_some(()));
        let said = system.log();
        let told = |job: &str| said.lines().filter(|line| line.contains(&format!("{job} has left"))).count();
        // The child of the shell that was killed lives on.
        assert_eq!([told("plain"), told("shell"), told("leaves")], [0, 1, 1], "{said}");
        system.end(Signal::SIGTERM);
    }
}
