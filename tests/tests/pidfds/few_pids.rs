//! A pid namespace with few process ids, and strangers with the ids of processes that are gone.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use uphold_tests::system::processes::Process;
use uphold_tests::system::{Folder, PATIENCE, programs, skipped};

use super::DAEMON;

/// Runs this test again as process 1 of a pid namespace with few process ids, in which each id is soon reused. Returns
/// whether the caller is inside. Outside, the test has run when this returns.
pub fn among_few_pids(test: &str) -> bool {
    const INSIDE: &str = "UPHOLD_TEST_FEW_PIDS";
    if std::env::var_os(INSIDE).is_some() {
        // The build of the programs needs more process ids.
        programs::built();
        std::fs::write(PID_MAX, FEW_PIDS).expect("the namespace is ours");
        // The kernel gives out the first 300 only once.
        while spawn_and_wait("true") < 300 {}
        return true;
    }
    programs::built();
    if !has_pid_max_of_its_own() {
        skipped("a pid namespace here has no pid_max of its own (Linux 6.14, and root's rights)");
        return false;
    }
    let folder = Folder::new();
    let mut command = Command::new("unshare");
    // The names of some sockets contain process ids, so the network namespace is separate too.
    command.args(["--pid", "--mount", "--net", "--fork", "--mount-proc", "--kill-child"]);
    command.arg(std::env::current_exe().expect("a program knows its own path"));
    command.args(["--exact", test, "--nocapture"]).env(INSIDE, "").env("TMPDIR", folder.path(""));
    // The waits inside have time limits of their own.
    let ran = uphold_tests::system::run_within(command, 10 * PATIENCE);
    assert_eq!(ran.code, 0, "{}\n{}", ran.out, ran.err);
    assert!(ran.out.contains("1 passed"), "{}", ran.out);
    false
}

const PID_MAX: &str = "/proc/sys/kernel/pid_max";

/// A limit that leaves a hundred ids.
const FEW_PIDS: &str = "400";

fn has_pid_max_of_its_own() -> bool {
    // Before that version the limit was global, and the test must not change it.
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(|byte: char| !byte.is_ascii_digit()).map(|word| word.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < (6, 14) {
        return false;
    }
    let mut command = Command::new("unshare");
    command.args(["--pid", "--mount", "--fork", "--mount-proc"]);
    command.args(["sh", "-c", &format!("echo {FEW_PIDS} > {PID_MAX}")]);
    command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

pub fn spawn_and_wait(program: &str) -> u32 {
    let mut child = Command::new(program).spawn().expect("it is made");
    child.wait().expect("it is our child");
    child.id()
}

/// A process with the id of an earlier process. It writes every signal that it gets to a file.
pub struct Stranger {
    process: Child,
    notes: std::path::PathBuf,
}

impl Stranger {
    /// Spawns processes until one has the id.
    pub fn with_number(pid: u32, folder: &Folder) -> Stranger {
        let notes = folder.path(&format!("signals-of-{pid}"));
        let ready = folder.path(&format!("ready-{pid}"));
        let end = Instant::now() + PATIENCE;
        loop {
            let mut command = Command::new(DAEMON);
            for signal in ["HUP", "INT", "QUIT", "TERM", "CONT", "USR1", "USR2", "PWR"] {
                command.arg("count").arg(signal).arg(&notes);
            }
            command.arg("pid").arg(&ready);
            let mut process = command.process_group(0).spawn().expect("it is made");
            if process.id() == pid {
                while !ready.exists() {
                    assert!(Instant::now() < end, "it does not get ready");
                    std::thread::yield_now();
                }
                return Stranger { process, notes };
            }
            process.kill().expect("it is our child");
            process.wait().expect("it is our child");
            assert!(Instant::now() < end, "{pid} never came round");
        }
    }

    pub fn assert_unharmed(mut self) {
        assert_eq!(std::fs::read_to_string(&self.notes).unwrap_or_default(), "", "it was signalled");
        assert_eq!(self.process.try_wait().expect("it is our child"), None, "it was killed");
        assert_eq!(Process::of(self.process.id()).map(|process| process.name), Some("daemon".to_owned()));
        self.process.kill().expect("it is our child");
        self.process.wait().expect("it is our child");
    }
}

/// Waits until a process has ended and was reaped.
pub fn await_end(pid: u32) {
    let end = Instant::now() + PATIENCE;
    while Process::of(pid).is_some() {
        assert!(Instant::now() < end, "its parent does not reap it");
        std::thread::yield_now();
    }
}
