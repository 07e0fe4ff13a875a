//! The kernel does not tell which processes live, for want of descriptors or because `/proc` is covered: nothing is run
//! again beside a daemon that may live, nothing is given up, and everything goes on when the kernel tells again.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nix::unistd::geteuid;
use uphold_tests::system::processes::{Signal, is_running};
use uphold_tests::system::{Launch, System, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// Long enough for a wrong respawn: several pauses between two looks.
const A_WHILE: Duration = Duration::from_secs(2);

/// The message that is logged once.
const SAID: &str = "Unable to see which processes live: ";

/// Jobs whose programs fork when the file `go` exists, and which note the daemon's process id.
fn jobs() -> [(&'static str, String); 3] {
    let job = |name, stanzas: &str| {
        (name, format!("{stanzas}\nkill timeout 2\nexec {DAEMON} until @FOLDER@/go fork pid @FOLDER@/{name}\n"))
    };
    [job("plain", "respawn"), job("auto", "expect auto\nrespawn"), job("quiet", "expect auto")]
}

fn launch() -> Launch {
    let jobs = jobs();
    Launch::new(&jobs.each_ref().map(|(name, text)| (*name, text.as_str())))
}

/// Starts every job. With `expect auto` a job takes a program that does nothing for the daemon, which may fork later.
fn start_all(system: &mut System) {
    for (name, _) in jobs() {
        system.order(&["start", name]);
        system.await_running(name);
    }
}

/// Lets every program become a daemon, and returns the daemons' process ids.
fn go(system: &mut System) -> Vec<(&'static str, u32)> {
    system.folder().write("go", "");
    let noted = |system: &mut System, name| {
        let path = system.folder().path(name);
        system.await_some("a daemon", |_| std::fs::read_to_string(&path).ok()?.strip_suffix('\n')?.parse().ok())
    };
    jobs().map(|(name, _)| (name, noted(system, name))).to_vec()
}

/// The jobs' daemons live, each alone.
fn each_lives_alone(system: &mut System, daemons: &[(&str, u32)]) {
    system.await_processes(daemons.len());
    std::thread::sleep(A_WHILE);
    assert_eq!(system.processes().len(), daemons.len(), "{:?}\n{}", system.processes(), system.log());
    assert!(daemons.iter().all(|(_, pid)| is_running(*pid)), "{}", system.log());
    assert!(!system.log().contains("respawning"), "{}", system.log());
    let said = system.log().matches(SAID).count();
    assert_eq!(said, 1, "{}", system.log());
}

/// Every job runs with its daemon, and all is as ever: a killed daemon is run again, and a stop leaves nothing.
fn all_is_well(mut system: System, daemons: &[(&str, u32)]) {
    for (name, pid) in daemons {
        let found = system.await_running(name);
        assert_eq!(found, *pid, "{name}\n{}", system.log());
    }
    let (name, pid) = daemons[0];
    uphold_tests::system::processes::send(pid, Signal::SIGKILL);
    system.await_replacement(name, pid);
    for (name, _) in daemons {
        system.order(&["stop", name]);
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

/// Sets how many descriptors a supervisor may have. The hard limit stays.
fn limit(system: &System, most: &str) -> bool {
    let mut command = Command::new("prlimit");
    command.arg("--pid").arg(system.pid().to_string()).arg(format!("--nofile={most}:"));
    command.status().is_ok_and(|status| status.success())
}

fn soft_limit(system: &System) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/limits", system.pid())).expect("it runs");
    let line = text.lines().find(|line| line.starts_with("Max open files")).expect("there is such a limit");
    line.split_ascii_whitespace().nth(3).expect("a number").to_owned()
}

/// Not even the reserve of descriptors can be used: the limit is below what is open.
fn without_descriptors(options: &[&str]) {
    let launch = options.iter().fold(launch(), |launch, option| launch.option(option));
    let mut system = launch.start();
    start_all(&mut system);
    let before = soft_limit(&system);
    if !limit(&system, "4") {
        return skipped("the limit of descriptors cannot be set");
    }
    let daemons = go(&mut system);
    each_lives_alone(&mut system, &daemons);
    assert!(system.log().contains("Too many open files"), "{}", system.log());
    assert!(limit(&system, &before), "it could be set before");
    all_is_well(system, &daemons);
}

#[test]
fn a_daemon_lives_alone_while_no_descriptor_is_free() {
    without_descriptors(&[]);
}

#[test]
fn a_daemon_lives_alone_while_no_descriptor_is_free_without_groups() {
    without_descriptors(&["--no-cgroups"]);
}

/// As many descriptors as are open, and no more: the reserve is enough to see what lives.
#[test]
fn the_reserve_of_descriptors_shows_what_lives() {
    for options in [&[][..], &["--no-cgroups"]] {
        let launch = options.iter().fold(launch(), |launch, option| launch.option(option));
        let mut system = launch.start();
        start_all(&mut system);
        let highest = descriptors(&system).into_iter().max().expect("some are open");
        let before = soft_limit(&system);
        if !limit(&system, &(highest + 1).to_string()) {
            return skipped("the limit of descriptors cannot be set");
        }
        // Clients that say nothing take the numbers between.
        let between = (highest as usize + 1).saturating_sub(descriptors(&system).len());
        let connect = |_| UnixStream::connect(system.socket()).expect("it listens");
        let clients: Vec<_> = (0..between).map(connect).collect();
        let daemons = go(&mut system);
        system.await_some("an adoption", |system| system.log().contains("plain expected none, saw ").then_some(()));
        assert!(!system.log().contains(SAID), "{}", system.log());
        assert!(limit(&system, &before), "it could be set before");
        drop(clients);
        all_is_well(system, &daemons);
    }
}

/// The descriptors that a supervisor has open.
fn descriptors(system: &System) -> Vec<u32> {
    let open = std::fs::read_dir(format!("/proc/{}/fd", system.pid())).expect("it runs").flatten();
    open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A program that covers `/proc` for itself and becomes the supervisor.
fn covering(launch: &Launch, covered: bool) -> PathBuf {
    let init = &uphold_tests::system::programs::built().init;
    let cover = if covered { "mount -t tmpfs cover /proc && " } else { "" };
    let text = format!(
        "#!/bin/sh\nexec unshare --mount --propagation private sh -c '{cover}exec {} \"$@\"' sh \"$@\"\n",
        init.display()
    );
    launch.folder().write("covering", &text);
    let path = launch.folder().path("covering");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("it is ours");
    path
}

/// Runs a command in the supervisor's namespace of mounts.
fn inside(system: &System, command: &[&str]) {
    let mut inside = Command::new("nsenter");
    inside.args(["--target", &system.pid().to_string(), "--mount"]).args(command);
    assert!(inside.status().is_ok_and(|status| status.success()), "{command:?}");
}

fn has_namespaces() -> bool {
    let works = || Command::new("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success());
    let can = geteuid().is_root() && works();
    if !can {
        skipped("no namespaces here");
    }
    can
}

#[test]
fn a_daemon_lives_alone_while_proc_is_covered() {
    if !has_namespaces() {
        return;
    }
    let launch = launch();
    let program = covering(&launch, true);
    let mut system = launch.program(&program).option("--no-cgroups").start();
    for (name, _) in jobs() {
        // Whether a program is idle cannot be seen either: with `expect auto` it is waited for like a busy one.
        system.order(&["start", "--no-wait", name]);
        system.await_some("a main process", |system| system.main_process(name));
    }
    let daemons = go(&mut system);
    each_lives_alone(&mut system, &daemons);
    // A stop cannot know which processes it has to end, so it waits, and goes on later.
    let mut stop = system.begin(&["stop", "quiet"]);
    system.await_state("quiet", "stop/killed");
    std::thread::sleep(A_WHILE);
    assert!(is_running(daemons[2].1) && stop.try_wait().expect("it is our child").is_none());
    inside(&system, &["umount", "/proc"]);
    system.await_some("the end of stop", |_| stop.try_wait().expect("it is our child"));
    assert!(!is_running(daemons[2].1), "{}", system.log());
    all_is_well(system, &daemons[..2]);
}

/// A later mount over `/proc` and over the control groups hides nothing.
#[test]
fn what_is_covered_later_is_seen_all_the_same() {
    if !has_namespaces() {
        return;
    }
    for options in [&[][..], &["--no-cgroups"]] {
        let launch = options.iter().fold(launch(), |launch, option| launch.option(option));
        let program = covering(&launch, false);
        let mut system = launch.program(&program).start();
        start_all(&mut system);
        for place in ["/sys/fs/cgroup", "/proc"] {
            inside(&system, &["mount", "-t", "tmpfs", "cover", place]);
        }
        let daemons = go(&mut system);
        all_is_well(system, &daemons);
    }
}
