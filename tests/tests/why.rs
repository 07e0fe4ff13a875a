//! `status` for a person, and `why`: a job in each predicament says why it does, or does not, run. In a pipe `status`
//! prints Upstart's lines and no more.

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// A job, its text, the commands that bring it into its predicament, and a part of what it then says.
type Row = (&'static str, &'static str, &'static [&'static [&'static str]], &'static str);

#[rustfmt::skip]
const PREDICAMENTS: &[Row] = &[
    // at rest
    ("never",   "exec @DAEMON@",                                   &[],                                       "It has no `start on': `initctl start never' starts it."),
    ("later",   "start on some-time\nexec @DAEMON@",               &[],                                       "It starts on some-time."),
    ("half",    "start on (one and two X=1)\nexec @DAEMON@",       &[&["emit", "-n", "one"]],                 "Of these, one happened; missing: two X=1."),
    ("stopped", "exec @DAEMON@",                                   &[&["start", "stopped"], &["stop", "stopped"]], "Its last main process was killed by signal TERM"),
    // it could not be started
    ("absent",  "exec /no/such/program --now",                     &[&["start", "absent"]],                   "It does not run because its main process could not be started: there is no file /no/such/program."),
    ("unknown", "exec no-such-program",                            &[&["start", "unknown"]],                  "there is no program no-such-program in the directories of PATH."),
    ("text",    "exec /etc/passwd",                                &[&["start", "text"]],                     "/etc/passwd may not be executed: permission denied."),
    ("nobody",  "setuid no-such-user\nexec @DAEMON@",              &[&["start", "nobody"]],                   "its `setuid' names a user that does not exist."),
    ("nowhere", "chdir /no/such/place\nexec @DAEMON@",             &[&["start", "nowhere"]],                  "its directory (`chdir') cannot be entered: No such file or directory."),
    ("hooked",  "pre-start exec sh -c 'exit 3'\nexec @DAEMON@",    &[&["start", "hooked"]],                   "It does not run because its pre-start process ended with status 3."),
    ("shot",    "pre-start exec sh -c 'kill -9 $$'\nexec @DAEMON@", &[&["start", "shot"]],                    "its pre-start process was killed by signal KILL."),
    ("slow",    "hook timeout 1\npre-start exec sleep 1000\nexec @DAEMON@", &[&["start", "-n", "slow"]],      "It does not run because its pre-start process"),
    ("mute",    "expect notify\nstart timeout 1\nexec @DAEMON@",   &[&["start", "-n", "mute"]],               "It does not run because it was not ready within 1 seconds (start timeout)."),
    // it ended
    ("loop",    "respawn\nrespawn limit 3 60\nexec sh -c 'exit 1'", &[&["start", "-n", "loop"]],              "It does not run because it ended more than 3 times within 60 seconds, and was given up (respawn limit)."),
    ("once",    "exec @DAEMON@ exit 7",                            &[&["start", "-n", "once"]],               "Nothing told it to stop, and without `respawn' in once.conf it is not started again."),
    ("worked",  "task\nexec @DAEMON@ exit 0",                      &[&["start", "worked"]],                   "It is a task, and has done its work."),
    ("failing", "task\nexec @DAEMON@ exit 5",                      &[&["start", "failing"]],                  "It is a task, and has failed."),
    ("normal",  "respawn\nnormal exit 4\nexec @DAEMON@ exit 4",    &[&["start", "-n", "normal"]],             "It ended in a way that normal.conf takes for its normal end."),
    ("leaving", "post-stop exec sh -c 'exit 9'\nexec @DAEMON@",    &[&["start", "leaving"], &["stop", "leaving"]], "It has no `start on': `initctl start leaving' starts it."),
    // it runs
    ("by-hand", "exec @DAEMON@",                                   &[&["start", "by-hand"]],                  ", started by a command."),
    ("by-name", "start on this-event\nexec @DAEMON@",              &[&["emit", "this-event"]],                ", started by the event this-event."),
    // `expect` is wrong
    ("forks",   "respawn\nexec @DAEMON@ fork session",             &[&["start", "forks"]],                    "forks forks, and forks.conf has no `expect'. `initctl restart forks' finds out which is right."),
    ("stays",   "expect fork\nexec @DAEMON@",                      &[&["start", "stays"]],                    "stays did not fork. Remove `expect fork' from stays.conf."),
    // it waits
    ("blocked", "exec @DAEMON@",                                   &[&["start", "-n", "blocked"]],            "waiting for the event starting, which the job blocker holds."),
    ("busy",    "pre-start exec sleep 1000\nexec @DAEMON@",        &[&["start", "-n", "busy"]],               "waiting for its pre-start process ("),
    ("deaf",    "kill timeout 1000\nexec @DAEMON@ ignore TERM",    &[&["start", "deaf"], &["stop", "-n", "deaf"]], "waiting for its main process ("),
];

fn start(rows: &[Row]) -> System {
    let text = |text: &str| format!("{}\n", text.replace("@DAEMON@", DAEMON));
    let mut jobs: Vec<(&str, String)> = rows.iter().map(|row| (row.0, text(row.1))).collect();
    jobs.push(("blocker", text("start on starting blocked\ntask\nexec @DAEMON@")));
    let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    Launch::new(&jobs).start()
}

fn verbose_status(system: &System, job: &str) -> String {
    system.initctl(&["-v", "status", job]).out
}

#[test]
fn every_predicament_has_its_sentence() {
    let mut system = start(PREDICAMENTS);
    for (_, _, commands, _) in PREDICAMENTS {
        // Some of them fail, which is the predicament.
        commands.iter().for_each(|command| drop(system.initctl(command)));
    }
    for (job, _, _, sentence) in PREDICAMENTS {
        let says = |system: &mut System| Some(verbose_status(system, job)).filter(|said| said.contains(sentence));
        let said = system.await_some(&format!("{job}: {sentence}"), says);
        let plain = system.initctl(&["status", job]).out;
        assert!(said.starts_with(&plain), "{said}");
        assert!(!plain.contains("\n  "), "what scripts read has Upstart's lines only: {plain}");
    }
    for job in ["slow", "busy", "blocked", "deaf"] {
        system.initctl(&["stop", "--force", job]);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn the_line_that_is_missing_is_named() {
    let mut system = start(PREDICAMENTS);
    system.order(&["start", "forks"]);
    let says = |system: &mut System, what: &'static str| {
        system.await_some(what, |system| verbose_status(system, "forks").contains(what).then_some(()));
    };
    says(&mut system, "`initctl restart forks' finds out");
    system.order(&["restart", "forks"]);
    says(&mut system, "forks forked once and its first process exited. Add `expect fork' to forks.conf.");
    system.end(Signal::SIGTERM);
}

#[test]
fn the_end_of_the_output_is_shown() {
    let job = "exec sh -c 'echo one; echo two; echo three; printf \"\\033[31mfour\\n\"; exit 1'\n";
    let mut system = Launch::new(&[("talks", job)]).option("--debug").start();
    system.initctl(&["start", "talks"]);
    let shown = |system: &mut System| Some(verbose_status(system, "talks")).filter(|said| said.contains("four"));
    let said = system.await_some("its output", shown);
    assert!(said.contains("    two\n    three\n    ?[31mfour\n") && !said.contains("one"), "{said}");
    system.end(Signal::SIGTERM);
}

#[test]
fn the_log_is_printed_wherever_it_is() {
    let jobs = [
        ("talks", "exec sh -c 'for i in 1 2 3 4; do echo line $i; done; exec sleep 1000'\n"),
        ("mute", "console none\nexec sleep 1000\n"),
    ];
    let mut system = Launch::new(&jobs).start();
    let none = system.initctl(&["log", "talks"]);
    assert!(
        none.code == 1 && none.err.starts_with("initctl: talks has written nothing yet: there is no "),
        "{}",
        none.err
    );
    system.order(&["start", "talks"]);
    system.await_some("its output", |system| (system.output("talks").lines().count() == 4).then_some(()));
    assert_eq!(system.order(&["log", "-n", "2", "talks"]), "line 3\r\nline 4\r\n");
    assert_eq!(system.order(&["log", "talks"]).lines().count(), 4);
    assert!(
        system.initctl(&["log", "mute"]).err.starts_with("initctl: mute has no log: mute.conf needs `console log'")
    );
    assert!(system.initctl(&["log", "-n", "x", "talks"]).err.starts_with("initctl: not a number of lines: x\n"));
    system.end(Signal::SIGTERM);
}

#[test]
fn an_exit_code_tells_whether_a_job_runs() {
    let system = start(PREDICAMENTS);
    let code = |system: &System, job: &str| system.initctl(&["status", "--exit-code", job]).code;
    assert_eq!([code(&system, "never"), code(&system, "nosuch")], [3, 4]);
    system.order(&["start", "never"]);
    assert_eq!(code(&system, "never"), 0);
    assert_eq!(system.initctl(&["status", "nosuch"]).code, 1, "as Upstart's, without the option");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_chain_of_waits_is_followed() {
    let mut system = start(PREDICAMENTS);
    system.order(&["start", "-n", "blocked"]);
    system.await_state("blocker", "start/running");
    let said = system.order(&["why", "blocked"]);
    let blocker = system.main_process("blocker").expect("it runs");
    let waits =
        format!("blocker start/running, process {blocker}\n  It is waiting for its main process ({blocker}) to end.\n");
    assert!(said.ends_with(&waits), "{said}");
    assert!(said.contains(" ago  goal start\n"), "{said}");
    let said = system.order(&["why", "half"]);
    assert!(said.contains("start on (one and two X=1)\n  missing:      one\n  missing:      two X=1\n"), "{said}");
    let unknown = system.initctl(&["why", "nosuch"]);
    assert_eq!((unknown.code, unknown.err.as_str()), (1, "initctl: Unknown job: nosuch\n"));
    system.end(Signal::SIGTERM);
}

#[test]
fn the_past_outlives_the_supervisors_program() {
    let mut system = start(PREDICAMENTS);
    system.initctl(&["start", "hooked"]);
    let failed = "its pre-start process ended with status 3";
    assert!(verbose_status(&system, "hooked").contains(failed));
    system.order(&["restart-init"]);
    assert!(verbose_status(&system, "hooked").contains(failed), "after a re-exec");
    system.kill();
    system.start_again();
    assert!(verbose_status(&system, "hooked").contains(failed), "after SIGKILL");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_changed_file_forgets_the_lesson_and_not_the_past() {
    let mut system = start(PREDICAMENTS);
    system.initctl(&["start", "stays"]);
    system.await_some("the lesson", |system| verbose_status(system, "stays").contains("did not fork").then_some(()));
    system.order(&["stop", "stays"]);
    system.folder().write("conf/stays.conf", &format!("exec {DAEMON}\n"));
    system.order(&["reload-configuration"]);
    system.order(&["start", "stays"]);
    let said = verbose_status(&system, "stays");
    assert!(
        !said.contains("did not fork") && said.contains("Its last main process was killed by signal TERM"),
        "{said}"
    );
    system.end(Signal::SIGTERM);
}
