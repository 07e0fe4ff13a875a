//! `start`, `stop` and `restart` with the options that Upstart does not have, and the words that only a person sees.

use std::fs;

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, Ran, System};

const JOBS: &[(&str, &str)] = &[
    ("web", "exec sleep 1000\n"),
    ("many", "instance $N\nexec sleep 1000\n"),
    ("hooked", "pre-start exec sh -c 'exit 3'\nexec sleep 1000\n"),
    (
        "stubborn",
        "instance $N\npre-stop exec sh -c 'test $N != b'\npost-stop exec sh -c 'test $N != b'\nexec sleep 1000\n",
    ),
];

fn start() -> System {
    Launch::new(JOBS).start()
}

/// A failed command: its error, which is all that it printed.
fn error(ran: &Ran) -> &str {
    assert_eq!((ran.out.as_str(), ran.code), ("", 1), "{ran:?}");
    &ran.err
}

#[test]
fn a_person_sees_why_a_job_failed_to_start_and_a_script_what_upstart_prints() {
    let system = start();
    let plain = system.initctl(&["start", "hooked"]);
    assert_eq!(error(&plain), "initctl: Job failed to start\n");
    let verbose = system.initctl(&["start", "-v", "hooked"]);
    let why =
        "hooked: It does not run because its pre-start process ended with status 3. `initctl why hooked' says more.";
    assert_eq!(error(&verbose), format!("initctl: Job failed to start\n{why}\n"));
    system.end(Signal::SIGTERM);
}

#[test]
fn all_instances_get_the_command_one_after_the_other() {
    let system = start();
    for name in ["N=a", "N=b", "N=c"] {
        system.order(&["start", "many", name]);
        system.order(&["start", "stubborn", name]);
    }
    let pids = |of: &str| {
        let list = system.initctl(&["list"]).out;
        let lines = list.lines().filter(|line| line.starts_with(of)).map(str::to_owned);
        lines.collect::<Vec<String>>()
    };
    let before = pids("many");
    let restarted = system.initctl(&["restart", "--all", "many"]);
    let mut after = pids("many");
    let mut printed: Vec<&str> = restarted.out.lines().collect();
    assert!(before.len() == 3 && before.iter().all(|line| !after.contains(line)), "{before:?} {after:?}");
    after.sort();
    printed.sort();
    assert_eq!((printed, restarted.code), (after.iter().map(String::as_str).collect(), 0));
    let stopped = system.initctl(&["stop", "--all", "many"]);
    assert_eq!((stopped.out.as_str(), stopped.code), ("many stop/waiting\nmany stop/waiting\nmany stop/waiting\n", 0));
    assert_eq!(
        error(&system.initctl(&["stop", "--all", "many"])),
        "initctl: many has no instance that is not at rest\n"
    );
    assert_eq!(error(&system.initctl(&["stop", "--all", "nosuch"])), "initctl: Unknown job: nosuch\n");
    let two = system.initctl(&["stop", "--all", "many", "N=a"]);
    assert!(error(&two).starts_with("initctl: --all takes the name of one job, and no variables\n"), "{two:?}");
    // One that fails does not keep the others from stopping.
    let some = system.initctl(&["stop", "--all", "stubborn"]);
    assert_eq!(some.err, "initctl: stubborn (b): Job failed while stopping\n");
    assert_eq!((some.out.as_str(), some.code), ("stubborn stop/waiting\nstubborn stop/waiting\n", 1));
    assert_eq!(pids("stubborn"), ["stubborn stop/waiting"]);
    // A job without instances is its own only one.
    system.order(&["start", "web"]);
    assert_eq!(system.order(&["stop", "--all", "web"]), "web stop/waiting\n");
    system.end(Signal::SIGTERM);
}

#[test]
fn restart_starts_a_job_at_rest_if_it_is_told_to() {
    let system = start();
    assert_eq!(error(&system.initctl(&["restart", "web"])), "initctl: Unknown instance: \n");
    assert!(system.order(&["restart", "--start", "web"]).starts_with("web start/running, process "));
    let first = system.main_process("web");
    assert!(system.order(&["restart", "--start", "web"]).starts_with("web start/running, process "));
    assert!(first.is_some() && system.main_process("web") != first);
    assert!(system.order(&["restart", "--start", "many", "N=x"]).starts_with("many (x) start/running, process "));
    assert_eq!(error(&system.initctl(&["restart", "--start", "nosuch"])), "initctl: Unknown job: nosuch\n");
    system.end(Signal::SIGTERM);
}

#[test]
fn restart_takes_a_changed_file_if_it_is_told_to_and_else_says_that_it_does_not() {
    let mut system = start();
    system.order(&["start", "web"]);
    let file = system.folder().path("conf/web.conf");
    fs::write(&file, "exec sleep 2000\n").expect("the file");
    system.order(&["reload-configuration"]);
    let changed = "web.conf has changed since. `initctl restart --reload web' takes it as it is now.";
    assert!(system.order(&["-v", "status", "web"]).contains(changed));
    let quiet = system.initctl(&["restart", "web"]);
    assert_eq!((quiet.err.as_str(), quiet.code), ("", 0), "a script sees nothing");
    let told = system.initctl(&["restart", "-v", "web"]);
    assert_eq!((told.err, told.code), (format!("initctl: {changed}\n"), 0));
    let command = |system: &System| system.initctl(&["tree", "web"]).out;
    assert!(command(&system).contains("sleep 1000"));
    let reloaded = system.order(&["restart", "--reload", "web"]);
    assert!(reloaded.starts_with("web start/running, process ") && reloaded.lines().count() == 1, "{reloaded}");
    assert!(command(&system).contains("sleep 2000"));
    assert_eq!(system.initctl(&["restart", "-v", "web"]).err, "");
    system.order(&["stop", "web"]);
    assert_eq!(error(&system.initctl(&["restart", "--reload", "web"])), "initctl: Unknown instance: \n");
    assert!(system.order(&["restart", "--reload", "--start", "web"]).starts_with("web start/running, process "));
    fs::remove_file(&file).expect("the file");
    system.order(&["reload-configuration"]);
    assert!(system.order(&["-v", "status", "web"]).contains("web.conf was removed since: when it stops, it is gone."));
    let unnamed = system.initctl(&["restart", "--reload"]);
    assert!(error(&unnamed).starts_with("initctl: missing job name"), "{unnamed:?}");
    system.await_running("web");
    system.end(Signal::SIGTERM);
}

#[test]
fn options_that_exclude_each_other_are_told() {
    let system = start();
    for option in ["--all", "--reload", "--start"] {
        let both = system.initctl(&["restart", "--dry-run", option, "web"]);
        assert!(error(&both).starts_with("initctl: --dry-run works with none of --all, --reload and --start\n"));
    }
    system.end(Signal::SIGTERM);
}
