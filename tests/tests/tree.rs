//! `tree`, and `list` on a terminal: jobs with their processes.

use std::io::Read;
use std::process::{Command, Stdio};

use nix::pty::openpty;
use uphold_tests::system::processes::Signal;
use uphold_tests::system::{Launch, System};

const JOBS: &[(&str, &str)] = &[
    ("zebra", "exec sleep 1000\n"),
    ("parent", "respawn\nexec sh -c 'sleep 1001 & sleep 1002 & wait'\n"),
    ("hooked", "pre-start exec sleep 1003\nexec sleep 1004\n"),
    ("idle", "exec sleep 1005\n"),
    ("ant", "instance $N\nexec sleep 1006\n"),
];

fn start() -> System {
    let mut system = Launch::new(JOBS).start();
    for command in [&["start", "zebra"][..], &["start", "parent"], &["start", "-n", "hooked"], &["start", "ant", "N=x"]]
    {
        system.order(command);
    }
    system.await_some("the children of the job", |system| {
        let tree = system.initctl(&["tree"]).out;
        let runs = |program: &str| tree.lines().any(|line| line.ends_with(program) && !line.contains("sh -c"));
        (1000..1007)
            .filter(|number| *number != 1004 && *number != 1005)
            .all(|it| runs(&format!(" sleep {it}")))
            .then_some(())
    });
    system
}

/// The output of `initctl` on a terminal.
fn on_a_terminal(system: &System, arguments: &[&str]) -> String {
    let pair = openpty(None, None).expect("a terminal");
    let program = &uphold_tests::system::programs::built().initctl;
    let mut command = Command::new(program);
    command.arg("--socket").arg(system.socket()).args(arguments).stdin(Stdio::null()).stdout(pair.slave);
    let mut child = command.spawn().expect("initctl");
    drop(command);
    let mut out = Vec::new();
    // The end of a terminal whose last user has gone is an error.
    let _ = std::fs::File::from(pair.master).read_to_end(&mut out);
    child.wait().expect("initctl ends");
    String::from_utf8_lossy(&out).replace("\r\n", "\n")
}

#[test]
fn a_tree_has_each_process_below_its_job() {
    let system = start();
    let main = |job| system.main_process(job).expect("it runs");
    let out = system.initctl(&["tree"]).out;
    let parent = out.split("parent start/running\n").nth(1).expect("the job");
    let lines: Vec<&str> = parent.lines().take(3).collect();
    assert!(lines[0].contains(&format!("{} sh -c", main("parent"))), "{out}");
    assert!(lines[1].ends_with(" sleep 1001") && lines[2].ends_with(" sleep 1002"), "{out}");
    let indent = |line: &str| line.find(|letter: char| letter.is_ascii_digit());
    assert!(indent(lines[1]) > indent(lines[0]), "{out}");
    assert!(out.contains("(pre-start) sleep 1003"), "{out}");
    assert!(out.contains("ant (x) start/running") && !out.contains("idle"), "{out}");
    let titles: Vec<&str> = out.lines().filter(|line| line.contains(" start/")).collect();
    assert!(titles.is_sorted() && titles.len() == 4, "{out}");
    assert_eq!(out.lines().count(), 4 + 6, "each process once: {out}");
    assert_eq!(system.initctl(&["tree", "idle"]).out, "idle stop/waiting\n");
    assert!(system.initctl(&["-v", "tree"]).out.contains("idle stop/waiting\n"));
    let unknown = system.initctl(&["tree", "nosuch"]);
    assert_eq!((unknown.err.as_str(), unknown.code), ("initctl: Unknown job: nosuch\n", 1));
    system.initctl(&["stop", "--force", "hooked"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_list_has_columns_on_a_terminal_only() {
    let system = start();
    let piped = system.initctl(&["list"]).out;
    for command in [&["zebra"][..], &["parent"], &["hooked"], &["idle"], &["ant", "N=x"]] {
        let status = system.order(&[&["status"], command].concat());
        assert!(piped.contains(&status), "{piped} lacks {status}");
    }
    assert_eq!(piped.lines().count(), 5, "{piped}");
    assert!(!piped.contains("MEMORY"));
    let shown = on_a_terminal(&system, &["list"]);
    let rows: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0], ["JOB", "STATE", "PID", "UP", "MEMORY"]);
    let first: Vec<&str> = rows.iter().skip(1).map(|row| row[0]).collect();
    assert_eq!(first, ["ant", "hooked", "idle", "parent", "zebra"], "{shown}");
    let of = |job| rows.iter().find(|row| row[0] == job).expect("its row");
    assert_eq!(of("zebra")[1..3], ["start/running", &system.main_process("zebra").expect("it runs").to_string()]);
    assert_eq!(of("idle").len(), 2, "{shown}");
    let memory = |job| {
        let row = of(job);
        row[row.len() - 2].parse::<u64>().unwrap_or_else(|_| panic!("the memory of {job} in {shown}"))
    };
    assert!(memory("parent") > memory("zebra") && memory("zebra") > 0, "three processes have more than one: {shown}");
    assert_eq!(on_a_terminal(&system, &["-q", "list"]), "");
    system.initctl(&["stop", "--force", "hooked"]);
    system.end(Signal::SIGTERM);
}
