//! `initctl probe` with daemons of every kind: the verdict, the JSON against its schema, the job file that it prints,
//! programs that do not work, and nothing that outlives the probe.

#[path = "json/schemas.rs"]
mod schemas;

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use uphold_tests::system::processes::{Signal, send};
use uphold_tests::system::programs::built;
use uphold_tests::system::{Folder, Launch, Ran, run_within};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The most time for a probe: longer than the program may need to be quiet on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// Runs `initctl probe`; `@` in a word is the folder.
fn probe(folder: &Folder, options: &[&str], command: &[&str]) -> Ran {
    let fill = |word: &&str| word.replace('@', &folder.path("").display().to_string());
    let mut probe = Command::new(&built().initctl);
    probe.args(["probe", "--quiet"]).args(options).arg("--").args(command.iter().map(fill));
    run_within(probe, PATIENCE)
}

/// The facts, which follow the schema.
fn facts(ran: &Ran) -> Value {
    schemas::checked("probe", ran)
}

/// The actions of the test daemon, and the verdict: whose stanza, and which.
#[rustfmt::skip]
const SHAPES: [(&str, &str, &str); 19] = [
    ("pid @/pid",                                   "upstart", "expect none"),
    ("pid @/pid spare",                             "upstart", "expect none"),
    ("helper pid @/pid",                            "upstart", "expect none"),
    ("pid @/pid notify READY=1",                    "upstart", "expect none"),
    ("pid @/pid stop",                              "upstart", "expect stop"),
    ("fork pid @/pid",                              "upstart", "expect fork"),
    ("fork pid @/pid spare spare",                  "upstart", "expect fork"),
    ("threads 4 fork pid @/pid",                    "upstart", "expect fork"),
    ("fork pid @/pid threads 4",                    "upstart", "expect fork"),
    ("exec fork pid @/pid",                         "upstart", "expect fork"),
    ("fork exec pid @/pid",                         "upstart", "expect fork"),
    ("linger 1500 pid @/pid",                       "upstart", "expect fork"),
    ("sleep 1500 fork pid @/pid",                   "upstart", "expect fork"),
    ("fork session fork wipe closeall pid @/pid",   "upstart", "expect daemon"),
    ("fork sleep 700 fork pid @/pid",               "upstart", "expect daemon"),
    ("fork fork fork pid @/pid",                    "uphold",  "expect auto"),
    ("helper fork pid @/pid",                       "uphold",  "expect auto"),
    ("spawn pid @/pid",                             "uphold",  "expect auto"),
    ("far pid @/pid",                               "uphold",  "expect auto"),
];

#[test]
fn every_shape_leads_to_its_verdict() {
    let one = |(shape, of, stanza): &(&str, &str, &str)| {
        let folder = Folder::new();
        let words: Vec<&str> = [DAEMON].into_iter().chain(shape.split(' ')).collect();
        let found = facts(&probe(&folder, &["--json"], &words));
        let is_right = found["verdict"] == json!({"of": of, "stanza": stanza})
            && found["pid_files"][0]["holds"] == found["daemon"]
            && found["quiet"] == true;
        (!is_right).then(|| format!("{shape}: {found:#}"))
    };
    let faults: Vec<String> = std::thread::scope(|scope| {
        let all: Vec<_> = SHAPES.iter().map(|shape| scope.spawn(move || one(shape))).collect();
        all.into_iter().filter_map(|thread| thread.join().expect("it does not panic")).collect()
    });
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn notify_is_right_where_the_daemon_names_itself_and_no_count_is() {
    let folder = Folder::new();
    let words = [DAEMON, "fork", "fork", "fork", "notify", "MAINPID=@+READY=1"];
    let mut command = Command::new(&built().initctl);
    command.args(["probe", "--quiet", "--json", "--"]).args(words);
    let found = facts(&run_within(command, PATIENCE));
    assert_eq!(found["verdict"], json!({"of": "uphold", "stanza": "expect notify"}), "{found:#}");
    drop(folder);
}

#[test]
fn a_wrapper_with_helpers_is_not_what_upstart_can_follow() {
    let folder = Folder::new();
    let script = folder.script("wrapper", "#!/bin/sh\na=$(date)\nb=$(id -u)\nexec \"$@\"\n").display().to_string();
    let stays = facts(&probe(&folder, &["--json"], &[&script, DAEMON, "pid", "@/pid"]));
    assert_eq!(stays["verdict"]["stanza"], "expect none", "{stays:#}");
    let forks = facts(&probe(&folder, &["--json"], &[&script, DAEMON, "fork", "pid", "@/pid"]));
    assert_eq!(forks["verdict"], json!({"of": "uphold", "stanza": "expect auto"}), "{forks:#}");
    let report = probe(&folder, &[], &[&script, DAEMON, "fork", "pid", "@/pid"]).out;
    for text in ["Verdict: expect auto", "a helper; exited with status 0", "Upstart would take the first helper"] {
        assert!(report.contains(text), "{text}\n{report}");
    }
}

#[test]
fn the_report_names_everything_that_was_seen() {
    let folder = Folder::new();
    let report =
        probe(&folder, &[], &[DAEMON, "fork", "session", "pid", "@/pid", "threads", "2", "notify", "READY=1"]).out;
    for text in ["2 threads", "setsid", "the daemon", "pid file", "READY=1", "SIGTERM", "killed by SIGTERM after"] {
        assert!(report.contains(text), "{text}\n{report}");
    }
    assert!(report.contains("\nVerdict: expect fork\n"), "{report}");
}

#[test]
fn programs_that_do_not_work_are_reported() {
    let folder = Folder::new();
    folder.write("text", "no program");
    let text = folder.path("text").display().to_string();
    let message = |command: &str| probe(&folder, &[], &[command]);
    assert_eq!(message("/no/such").err, "initctl: /no/such: No such file or directory\n");
    assert_eq!(message("no-such-program").err, "initctl: no-such-program: no program of that name in PATH\n");
    assert_eq!(message(&text).err, format!("initctl: {text}: Permission denied\n"));
    let script = folder.script("broken", "#!/no/such/interpreter\n").display().to_string();
    assert_eq!(message(&script).err, format!("initctl: {script} cannot be run: No such file or directory\n"));
    let failed = probe(&folder, &[], &[DAEMON, "print", "no settings", "exit", "3"]);
    assert_eq!(failed.code, 1);
    assert!(failed.out.ends_with("It failed: exited with status 3.\n  | no settings\n"), "{}", failed.out);
    let late = facts(&probe(&folder, &["--json"], &[DAEMON, "fork", "sleep", "300", "exit", "4"]));
    assert_eq!(late["verdict"], json!({"of": "failed", "stanza": null}), "{late:#}");
    let task = facts(&probe(&folder, &["--json"], &["true"]));
    assert_eq!(task["verdict"], json!({"of": "task", "stanza": "task"}), "{task:#}");
    let lost = probe(&folder, &["--strace-log", &text], &[]);
    assert_eq!(
        (lost.code, lost.err),
        (1, format!("initctl: {text}: this is not a log of strace -f -o FILE COMMAND\n"))
    );
}

#[test]
fn a_program_that_is_never_quiet_is_judged_when_the_time_is_over() {
    let folder = Folder::new();
    let found = facts(&probe(&folder, &["--json", "--timeout=3"], &["sh", "-c", "while :; do :; done"]));
    assert_eq!((&found["quiet"], &found["verdict"]["stanza"]), (&json!(false), &json!("expect none")), "{found:#}");
}

#[test]
fn nothing_outlives_a_probe() {
    for options in [&[][..], &["--here"]] {
        let folder = Folder::new();
        let words = [DAEMON, "ignore", "TERM", "fork", "session", "spare", "apart", "@/apart", "pid", "@/pid"];
        let mut probe = Command::new(&built().initctl);
        let fill = |word: &str| word.replace('@', &folder.path("").display().to_string());
        probe.args(["probe", "--quiet"]).args(options).arg("--").args(words.map(fill));
        let mut probe = probe.stdout(std::process::Stdio::null()).spawn().expect("initctl runs");
        let mark = folder.path("pid").display().to_string();
        let of_probe = |probe: u32| {
            let all = uphold_tests::system::processes::with_texts();
            let has = |text: &[u8]| String::from_utf8_lossy(text).contains(&mark);
            all.filter(|(pid, command, _)| *pid != probe && has(command)).map(|(pid, ..)| pid).collect::<Vec<_>>()
        };
        let await_some = |wanted: bool| {
            let end = std::time::Instant::now() + PATIENCE;
            while of_probe(probe.id()).is_empty() == wanted {
                assert!(std::time::Instant::now() < end, "{options:?}: {:?}", of_probe(probe.id()));
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        await_some(true);
        while !folder.path("pid").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        // Killed, the probe cannot clean up itself.
        send(probe.id(), Signal::SIGKILL);
        await_some(false);
        probe.wait().expect("it is our child");
    }
}

#[test]
fn the_job_file_quotes_its_command_and_supervises() {
    let launch = Launch::new(&[]);
    let folder = launch.folder();
    folder.below("data");
    let words = [DAEMON, "print", "it's \"$HOME\" #1", "fork", "pid", "@/data/pid"];
    let printed = probe(folder, &["--conf", "--env", "COLOUR=deep blue"], &words);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""), "{printed:?}");
    assert!(printed.out.contains("\nexpect fork\n"), "{}", printed.out);
    let note = folder.path("data/pid");
    folder.write("conf/d.conf", &printed.out);
    let mut system = launch.start();
    system.order(&["start", "d"]);
    let old = system.await_running("d");
    let names = |pid: u32| std::fs::read_to_string(&note).is_ok_and(|text| text.trim() == pid.to_string());
    system.await_some("its pid file", |_| names(old).then_some(()));
    assert!(system.output("d").contains("it's \"$HOME\" #1"), "{}", system.output("d"));
    let variables = std::fs::read(format!("/proc/{old}/environ")).expect("it runs");
    assert!(String::from_utf8_lossy(&variables).contains("COLOUR=deep blue"));
    send(old, Signal::SIGKILL);
    let new = system.await_replacement("d", old);
    system.await_some("the new pid file", |_| names(new).then_some(()));
    system.order(&["stop", "d"]);
    system.await_processes(0);
}
