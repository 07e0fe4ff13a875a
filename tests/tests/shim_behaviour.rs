//! Deliberate differences to Upstart in the shim: job output is kept within bounds and dropped bytes are logged, and a
//! job file with an error takes effect as a whole or not at all.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System, skipped};

/// The value of `--log-buffer`.
const BUFFER: usize = 64 << 10;

/// Far more bytes than the buffer or a terminal holds.
const MUCH: usize = 1_000_000;

fn with_buffer(jobs: &[(&str, &str)]) -> System {
    Launch::new(jobs).option(&format!("--log-buffer={BUFFER}")).start()
}

/// A job that prints some bytes, writes a file when it is done, and stays.
fn printing(bytes: usize) -> String {
    format!("script\n head -c {bytes} /dev/zero\n touch @FOLDER@/$UPSTART_JOB.done\n exec sleep 1000\nend script\n")
}

fn start_and_await(system: &mut System, job: &str) {
    system.order(&["start", job]);
    let done = system.folder().path(&format!("{job}.done"));
    system.await_some("its output", |_| done.exists().then_some(()));
}

/// The bytes in a job's log, and the bytes that were dropped according to the supervisor.
fn written_and_dropped(system: &System, job: &str) -> (usize, usize) {
    let end = format!(" bytes of output of {job} were dropped");
    let log = system.log();
    let said = log.lines().filter_map(|line| line.strip_prefix("init: ")?.strip_suffix(&end)?.parse::<usize>().ok());
    (system.output(job).len(), said.sum())
}

fn await_total(system: &mut System, job: &str, total: usize) -> (usize, usize) {
    system.await_some("every byte written, or said to be dropped", |system| {
        let (written, dropped) = written_and_dropped(system, job);
        (written + dropped == total).then_some((written, dropped))
    })
}

/// Makes a directory refuse new files, or accept them again. Returns whether that worked: it needs a file system with
/// attributes, since permissions do not bind root.
fn refuse(directory: &Path, refuses: bool) -> bool {
    let attribute = if refuses { "+i" } else { "-i" };
    let changed = Command::new("chattr").arg(attribute).arg(directory).stderr(Stdio::null()).status();
    let mode = if refuses { 0o500 } else { 0o700 };
    let probe = directory.join("probe");
    if !changed.is_ok_and(|status| status.success()) {
        fs::set_permissions(directory, Permissions::from_mode(mode)).expect("the directory is ours");
    }
    let refused = fs::write(&probe, "").is_err();
    if !refused {
        fs::remove_file(&probe).expect("it was made a moment ago");
    }
    refused
}

/// A directory that refuses new files until it is dropped.
struct Refusing(std::path::PathBuf);

impl Refusing {
    fn new(directory: &Path) -> Option<Refusing> {
        if refuse(directory, true) {
            return Some(Refusing(directory.into()));
        }
        skipped("no directory here refuses new files");
        None
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        refuse(&self.0, false);
    }
}

#[test]
fn output_waits_for_its_directory_within_the_bound() {
    let terse = "exec sh -c 'echo hello; touch @FOLDER@/terse.done; exec sleep 1000'";
    let mut system = with_buffer(&[("chatty", &printing(MUCH)), ("terse", terse)]);
    let directory = system.folder().path("log");
    fs::remove_dir(&directory).unwrap();
    // Its line arrives before another job fills the buffer.
    start_and_await(&mut system, "terse");
    start_and_await(&mut system, "chatty");
    assert!(!system.log().contains("dropped"), "said before it is known how many");
    fs::create_dir(&directory).unwrap();
    system.order(&["notify-disk-writeable"]);
    let (written, dropped) = await_total(&mut system, "chatty", MUCH);
    assert!(written > BUFFER / 2 && written < BUFFER + 16 * 4096, "{written} bytes of {BUFFER} were kept");
    assert!(dropped > MUCH / 2, "{dropped}");
    system.await_some("the line", |system| (system.output("terse") == "hello\r\n").then_some(()));
    system.end(Signal::SIGTERM);
}

/// More jobs than get a turn in one round.
#[test]
fn whoever_prints_much_leaves_others_their_turn() {
    let names: Vec<String> = (0..12).map(|number| format!("chatty-{number}")).collect();
    let text = format!("start on go\n{}", printing(MUCH));
    let mut jobs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), text.as_str())).collect();
    jobs.push(("terse", "exec sh -c 'echo hello; exec sleep 1000'"));
    let mut system = System::start(&jobs);
    system.order(&["emit", "--no-wait", "go"]);
    system.order(&["start", "terse"]);
    system.await_some("its line", |system| (system.output("terse") == "hello\r\n").then_some(()));
    for name in &names {
        system.await_some(&format!("all of {name}"), |system| (system.output(name).len() == MUCH).then_some(()));
    }
    assert!(!system.log().contains("dropped"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

#[test]
fn output_of_ended_jobs_waits_for_the_disk_and_comes_in_order() {
    let job = "task\nscript\n echo run $N\nend script\n";
    let mut system = with_buffer(&[("a", job), ("quiet", "task\nexec true"), ("chatty", &printing(MUCH))]);
    let Some(refusing) = Refusing::new(&system.folder().path("log")) else { return };
    for run in ["N=1", "N=2", "N=3"] {
        system.order(&["start", "a", run]);
    }
    system.order(&["start", "quiet"]);
    start_and_await(&mut system, "chatty");
    system.order(&["stop", "chatty"]);
    system.order(&["notify-disk-writeable"]);
    assert_eq!((system.output("a"), system.log().contains("dropped")), (String::new(), false));
    drop(refusing);
    system.order(&["notify-disk-writeable"]);
    assert_eq!(system.output("a"), "run 1\r\nrun 2\r\nrun 3\r\n");
    let (written, dropped) = await_total(&mut system, "chatty", MUCH);
    assert!(written < BUFFER && dropped > 0, "{written} bytes of {BUFFER} were kept");
    assert!(!system.folder().path("log/quiet.log").exists(), "a job that prints nothing has no log");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_later_run_writes_what_an_earlier_one_left_behind() {
    let mut system = with_buffer(&[("a", "task\nscript\n echo run $N\nend script\n")]);
    let Some(refusing) = Refusing::new(&system.folder().path("log")) else { return };
    system.order(&["start", "a", "N=1"]);
    drop(refusing);
    system.order(&["start", "a", "N=2"]);
    system.await_some("both lines", |system| (system.output("a") == "run 1\r\nrun 2\r\n").then_some(()));
    system.end(Signal::SIGTERM);
}

#[test]
fn what_is_lost_with_its_process_is_said() {
    let mut system = with_buffer(&[("a", "task\nexec echo hello")]);
    let directory = system.folder().path("log");
    fs::remove_dir(&directory).unwrap();
    system.order(&["log-priority", "info"]);
    system.order(&["start", "a"]);
    system.await_some("what was lost", |system| {
        let lost = |line: &str| line.contains("7 bytes of output of process") && line.contains(" were lost: ");
        system.log().lines().any(lost).then_some(())
    });
    fs::create_dir(&directory).unwrap();
    system.end(Signal::SIGTERM);
}

#[test]
fn with_no_buffer_nothing_is_kept_and_that_is_said() {
    let system = Launch::new(&[("a", "task\nexec echo hello")]).option("--log-buffer=0").start();
    let Some(refusing) = Refusing::new(&system.folder().path("log")) else { return };
    system.order(&["start", "a"]);
    drop(refusing);
    system.order(&["notify-disk-writeable"]);
    assert!(system.has_said("7 bytes of output of ended processes were dropped"), "{}", system.log());
    assert_eq!(system.output("a"), "");
    system.end(Signal::SIGTERM);
}

const PRINTS: &str = "task\nenv A=conf\nscript\n echo $A $B\nend script\n";

#[test]
fn a_broken_override_changes_nothing() {
    let launch = Launch::new(&[("a", PRINTS)]);
    let above = launch.folder().write("conf/a.override", "env B=over\nfrobnicate\nenv A=over\n");
    let mut system = launch.start();
    let told = format!("{}:2: Unknown stanza", above.display());
    assert!(system.log().contains(&told), "{}", system.log());
    let mut shown = String::new();
    let mut run = |system: &mut System, line: &str| {
        system.order(&["start", "a"]);
        shown += &format!("{line}\r\n");
        let shown = shown.clone();
        system.await_some(line, |system| (system.output("a") == shown).then_some(()));
    };
    run(&mut system, "conf");

    let show = |system: &System| system.order(&["show-config", "a"]);
    fs::write(&above, "start on go\nenv B=over\n").unwrap();
    system.await_some("the override", |system| show(system).contains("go").then_some(()));
    run(&mut system, "conf over");

    fs::write(&above, "start on gone\nenv B=\"\n").unwrap();
    system.await_some("the file alone", |system| (!show(system).contains("go")).then_some(()));
    run(&mut system, "conf");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_sound_override_makes_a_job_of_a_broken_file_and_two_broken_ones_make_none() {
    let launch = Launch::new(&[("a", "nonsense\n"), ("b", "nonsense\n"), ("c", "task\nexec true")]);
    launch.folder().write("conf/a.override", PRINTS);
    launch.folder().write("conf/b.override", "rubbish\n");
    let system = launch.start();
    let list = system.order(&["list"]);
    let mut jobs: Vec<&str> = list.lines().collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["a stop/waiting", "c stop/waiting"]);
    for file in ["a.conf", "b.conf", "b.override"] {
        assert!(system.log().contains(&format!("{file}:1: Unknown stanza")), "{file}\n{}", system.log());
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn a_directory_that_contains_itself_is_told_and_left() {
    let launch = Launch::new(&[("a", "exec true")]);
    let below = launch.folder().below("conf/sub");
    launch.folder().write("conf/sub/b.conf", "exec true");
    symlink("..", below.join("up.conf")).unwrap();
    let mut system = launch.start();
    await_jobs(&mut system, "each once", &["a", "sub/b"]);
    assert!(system.log().contains("conf/sub/up.conf: Unable to load configuration"), "{}", system.log());
    system.folder().write("conf/c.conf", "exec true");
    await_jobs(&mut system, "a new one, once", &["a", "c", "sub/b"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn jobs_of_a_session_have_its_mask_unless_they_inherit_nothing() {
    let init = uphold_tests::system::programs::built().init.display().to_string();
    for (option, mask) in [(None, "0027"), (Some("--no-inherit-env"), "0022")] {
        let mut launch = Launch::new(&[("a", "task\nexec sh -c umask"), ("b", "umask 077\ntask\nexec sh -c umask")]);
        let script = launch.folder().script("started", &format!("#!/bin/sh\numask 027\nexec {init} \"$@\"\n"));
        launch = launch.program(&script);
        if let Some(option) = option {
            launch = launch.option(option);
        }
        let mut system = launch.start();
        for (job, mask) in [("a", mask), ("b", "0077")] {
            system.order(&["start", job]);
            system.await_some(mask, |system| (system.output(job) == format!("{mask}\r\n")).then_some(()));
        }
        system.end(Signal::SIGTERM);
    }
}

#[test]
fn environments_are_the_business_of_root_and_the_owner_alone() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("only root can be somebody else");
    }
    let mut system = Launch::new(&[("a", "task\nexec true")]).start();
    let session = system.session();
    let initctl = system.folder().copied(&uphold_tests::system::programs::built().initctl);
    let as_other = |arguments: &[&str]| {
        use std::os::unix::process::CommandExt;
        let mut command = Command::new(&initctl);
        command.env_clear().env("UPSTART_SESSION", &session).args(arguments).uid(65534).gid(65534);
        uphold_tests::system::run(command)
    };
    assert_eq!(as_other(&["status", "a"]).out, "a stop/waiting\n");
    let private: [&[&str]; 6] = [
        &["get-env", "PATH"],
        &["list-env"],
        &["set-env", "A=1"],
        &["start", "a"],
        &["log-priority", "debug"],
        &["notify-disk-writeable"],
    ];
    for arguments in private {
        let ran = as_other(arguments);
        assert_eq!((ran.err.as_str(), ran.code), ("initctl: Permission denied\n", 1), "{arguments:?}");
    }
    assert_eq!(as_other(&["log-priority"]).out, "message\n");
    system.end(Signal::SIGTERM);
}

/// Waits until the jobs are exactly these, none of them started.
fn await_jobs(system: &mut System, what: &str, wanted: &[&str]) {
    system.await_some(what, |system| {
        let list = system.order(&["list"]);
        let mut jobs: Vec<&str> = list.lines().filter_map(|line| line.strip_suffix(" stop/waiting")).collect();
        jobs.sort_unstable();
        (jobs == wanted).then_some(())
    });
}

#[test]
fn linked_directories_come_and_go_like_others() {
    let launch = Launch::new(&[("a", "exec true")]);
    let (conf, folder) = (launch.folder().path("conf"), launch.folder().path(""));
    for (directory, job) in [("one", "x"), ("two", "y"), ("three/deep", "z")] {
        launch.folder().below(directory);
        launch.folder().write(&format!("{directory}/{job}.conf"), "exec true");
    }
    let mut system = launch.start();
    let link = |to: &str, name: &str| symlink(folder.join(to), conf.join(name)).unwrap();
    link("one", "l.conf");
    await_jobs(&mut system, "a linked directory", &["a", "l.conf/x"]);
    fs::write(folder.join("one/new.conf"), "exec true").unwrap();
    await_jobs(&mut system, "a new file in it", &["a", "l.conf/new", "l.conf/x"]);
    link("one", "again.conf");
    await_jobs(&mut system, "one more link to it", &["a", "again.conf/new", "again.conf/x", "l.conf/new", "l.conf/x"]);
    fs::remove_file(folder.join("one/new.conf")).unwrap();
    await_jobs(&mut system, "a file less by either name", &["a", "again.conf/x", "l.conf/x"]);
    fs::remove_file(conf.join("again.conf")).unwrap();
    await_jobs(&mut system, "a link removed", &["a", "l.conf/x"]);
    fs::write(folder.join("one/later.conf"), "exec true").unwrap();
    await_jobs(&mut system, "the other link is watched still", &["a", "l.conf/later", "l.conf/x"]);
    // The same steps as `ln -sfn`.
    link("two", ".new");
    fs::rename(conf.join(".new"), conf.join("l.conf")).unwrap();
    await_jobs(&mut system, "a link that leads elsewhere", &["a", "l.conf/y"]);
    fs::rename(conf.join("l.conf"), conf.join("m.conf")).unwrap();
    await_jobs(&mut system, "a link renamed", &["a", "m.conf/y"]);
    link("three", "n.conf");
    await_jobs(&mut system, "a directory with another in it", &["a", "m.conf/y", "n.conf/deep/z"]);
    fs::rename(folder.join("three"), folder.join("four")).unwrap();
    await_jobs(&mut system, "a link that leads nowhere", &["a", "m.conf/y"]);
    link("conf", "m.conf/round.conf");
    system.await_some("a loop", |system| system.log().contains("conf/m.conf/round.conf: Unable to load").then_some(()));
    fs::write(conf.join("b.conf"), "exec true").unwrap();
    await_jobs(&mut system, "a file that the loop leads to", &["a", "b", "m.conf/y"]);
    fs::remove_file(conf.join("m.conf")).unwrap();
    await_jobs(&mut system, "nothing linked", &["a", "b"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn renamed_files_and_directories_are_renamed_jobs() {
    let launch = Launch::new(&[("a", "exec true")]);
    let conf = launch.folder().path("conf");
    fs::create_dir(conf.join("d")).unwrap();
    launch.folder().write("conf/d/x.conf", "exec true");
    launch.folder().below("elsewhere/deep");
    launch.folder().write("elsewhere/deep/y.conf", "exec true");
    let mut system = launch.start();
    let mut await_jobs = |what: &str, wanted: &[&str]| await_jobs(&mut system, what, wanted);
    await_jobs("all at first", &["a", "d/x"]);
    fs::rename(conf.join("a.conf"), conf.join("b.conf")).unwrap();
    await_jobs("the file renamed", &["b", "d/x"]);
    fs::rename(conf.join("d"), conf.join("e")).unwrap();
    await_jobs("the directory renamed", &["b", "e/x"]);
    fs::write(conf.join("e/z.conf"), "exec true").unwrap();
    await_jobs("a new file in it", &["b", "e/x", "e/z"]);
    let elsewhere = conf.parent().expect("it has a folder").join("elsewhere");
    fs::rename(&elsewhere, conf.join("f")).unwrap();
    await_jobs("a directory moved in", &["b", "e/x", "e/z", "f/deep/y"]);
    fs::rename(conf.join("f/deep"), conf.join("e/deep")).unwrap();
    await_jobs("a directory moved within", &["b", "e/deep/y", "e/x", "e/z"]);
    fs::rename(conf.join("e"), &elsewhere).unwrap();
    await_jobs("a directory moved out", &["b"]);
    fs::write(elsewhere.join("later.conf"), "exec true").unwrap();
    fs::rename(conf.join("b.conf"), conf.join("b.conf.bak")).unwrap();
    await_jobs("nothing left", &[]);
    system.end(Signal::SIGTERM);
}

#[test]
fn some_directories_and_links_are_passed_over() {
    let launch = Launch::new(&[("job", "exec sleep 1\n")]);
    let conf = launch.folder().path("conf");
    let elsewhere = launch.folder().below("elsewhere");
    let directories =
        ["below", "CVS", ".git", "old.dpkg-dist", "backup~", "#saved#", "x.rpmnew"].map(|it| conf.join(it));
    for directory in directories.iter().chain([&elsewhere]) {
        fs::create_dir_all(directory).expect("a directory is made");
        fs::write(directory.join("x.conf"), "exec sleep 1\n").expect("a job file is written");
    }
    for (link, to) in [("linked", &elsewhere), ("named.conf", &elsewhere), ("dangling.conf", &conf.join("nowhere"))] {
        std::os::unix::fs::symlink(to, conf.join(link)).expect("a link is made");
    }
    let system = launch.start();
    let list = system.order(&["list"]);
    let mut jobs: Vec<&str> = list.lines().collect();
    jobs.sort_unstable();
    assert_eq!(jobs, ["below/x stop/waiting", "job stop/waiting", "named.conf/x stop/waiting"]);
    let dangling = format!("{}: No such file or directory", conf.join("dangling.conf").display());
    assert!(system.log().contains(&dangling), "{}", system.log());
    system.end(Signal::SIGTERM);
}

#[test]
fn without_a_terminal_for_its_log_a_job_runs_all_the_same() {
    let launch = Launch::new(&[("job", "exec sh -c 'echo lost; exec sleep 1000'\n")]);
    let init = uphold_tests::system::programs::built().init.display().to_string();
    // A mount namespace without terminals.
    let script = format!(
        "#!/bin/sh\nexec unshare --mount sh -c 'mount -t tmpfs none /dev/pts && exec {init} \"$@\"' {init} \"$@\"\n"
    );
    let program = launch.folder().script("init", &script);
    let mounts = Command::new("unshare").args(["--mount", "mount", "-t", "tmpfs", "none", "/dev/pts"]).status();
    if !mounts.is_ok_and(|status| status.success()) {
        return skipped("no file system can be mounted here");
    }
    let mut system = launch.program(&program).start();
    system.order(&["start", "job"]);
    system.await_running("job");
    assert!(system.log().contains("Failed to create pty - disabling logging for job"), "{}", system.log());
    system.end(Signal::SIGTERM);
}

#[test]
fn a_directory_that_cannot_be_watched_is_told_of_and_loaded() {
    // User namespaces in which nothing can be watched, because one of the two limits is zero.
    for limit in ["max_inotify_instances", "max_inotify_watches"] {
        let launch = Launch::new(&[("job", "exec sleep 1000")]);
        let init = uphold_tests::system::programs::built().init.display().to_string();
        let shut = format!("echo 0 > /proc/sys/user/{limit}");
        let script = format!("#!/bin/sh\nexec unshare -Ur sh -c '{shut} && exec {init} \"$@\"' {init} \"$@\"\n");
        let program = launch.folder().script("init", &script);
        if !Command::new("unshare").args(["-Ur", "sh", "-c", &shut]).status().is_ok_and(|status| status.success()) {
            return skipped("there can be no other world of users here");
        }
        let system = launch.program(&program).start();
        let conf = system.folder().path("conf").display().to_string();
        assert!(system.log().contains(&format!("{conf}/: Unable to watch configuration directory: ")), "{limit}");
        assert_eq!(system.status("job"), "job stop/waiting");
        // `reload-configuration` still loads job files.
        system.folder().write("conf/new.conf", "exec sleep 1000");
        system.order(&["reload-configuration"]);
        assert_eq!(system.status("new"), "new stop/waiting");
        system.end(Signal::SIGTERM);
    }
}
