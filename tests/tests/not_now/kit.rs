//! Ways to make the kernel refuse something to a supervisor, and to end that.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use uphold_tests::system::client::Client;
use uphold_tests::system::processes::{self, Signal};
use uphold_tests::system::{Folder, Launch, PATIENCE, programs, skipped};

/// Whether the test runs as root. If not, prints why it is skipped.
pub fn is_root(why: &str) -> bool {
    if !geteuid().is_root() {
        skipped(why);
    }
    geteuid().is_root()
}

/// Whether strace can make system calls fail. If not, prints that the test is skipped.
pub fn has_strace() -> bool {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", "inject=getppid:error=EIO", "true"]);
    let works = command.status().is_ok_and(|status| status.success());
    if !works {
        skipped("strace is not installed, or may not trace");
    }
    works
}

/// A supervisor with a limit of open files, until this is dropped.
pub struct Limited {
    pid: u32,
    before: String,
}

impl Limited {
    /// A limit so low that every descriptor below it is taken: no file can be opened any more.
    pub fn all_taken(pid: u32) -> Limited {
        // A client that has just left may still have one.
        let mut looks = [0; 5];
        while looks[0] == 0 || looks.iter().any(|&look| look != looks[0]) {
            std::thread::sleep(Duration::from_millis(20));
            looks.rotate_left(1);
            looks[4] = lowest_free(pid);
        }
        Limited::to(pid, looks[0])
    }

    /// This limit. The hard limit, which not every root may raise again, stays.
    pub fn to(pid: u32, count: usize) -> Limited {
        let before = prlimit(pid, &["--noheadings", "--output=SOFT,HARD", "--nofile"]);
        let words: Vec<&str> = before.split_whitespace().collect();
        let before = words.join(":");
        prlimit(pid, &[&format!("--nofile={count}:")]);
        Limited { pid, before }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        prlimit(self.pid, &[&format!("--nofile={}", self.before)]);
    }
}

fn prlimit(pid: u32, arguments: &[&str]) -> String {
    let output = Command::new("prlimit").arg("--pid").arg(pid.to_string()).args(arguments).output();
    let output = output.expect("prlimit runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The lowest descriptor that a process does not use.
fn lowest_free(pid: u32) -> usize {
    let names = fs::read_dir(format!("/proc/{pid}/fd")).expect("it lives").flatten();
    let used: BTreeSet<usize> = names.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    (0..).find(|number| !used.contains(number)).expect("there is one")
}

/// A launch of a supervisor that sees a copy of this file in its place. Returns the copy too. `None` if a mount
/// namespace is not available; the reason is printed.
pub fn with_file(launch: Launch, file: &str) -> Option<(Launch, PathBuf)> {
    let works = Command::new("unshare").args(["--mount", "--propagation", "private", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        skipped("no mount namespaces here");
        return None;
    }
    let copy = launch.folder().path("copy");
    fs::copy(file, &copy).expect("the file can be read");
    let (init, shown) = (programs::built().init.display(), copy.display());
    let inside = format!("mount --bind {shown} {file} && exec {init} \"$@\"");
    let script = format!("#!/bin/sh\nexec unshare --mount --propagation private sh -c '{inside}' sh \"$@\"\n");
    let script = launch.folder().script("inside", &script);
    Some((launch.program(&script), copy))
}

/// A launch of a supervisor for which some system calls fail: each text is an option of strace.
pub fn traced(launch: Launch, inject: &[String]) -> Launch {
    let init = programs::built().init.display();
    // The tracer is a process of its own, without the mark of the system's processes.
    let script = format!(
        "#!/bin/sh\nmark=$UPHOLD_TEST_SYSTEM\nunset UPHOLD_TEST_SYSTEM\n\
         exec strace -D -qq -o /dev/null {} env \"UPHOLD_TEST_SYSTEM=$mark\" {init} \"$@\"\n",
        inject.join(" ")
    );
    let script = launch.folder().script("traced", &script);
    launch.program(&script)
}

/// The supervisor as process 1 of a namespace, for which some system calls fail.
pub struct First {
    folder: Folder,
    outside: Child,
    /// The process id outside of the namespace.
    pub pid: u32,
}

impl First {
    /// Starts it with these job files and options; `inject` is an option of strace, or empty.
    pub fn start(jobs: &[(&str, &str)], inject: &str, options: &[&str]) -> First {
        let folder = Folder::new();
        for below in ["conf", "log"] {
            folder.below(below);
        }
        for (name, text) in jobs {
            folder.write(&format!("conf/{name}.conf"), text);
        }
        let (init, place) = (programs::built().init.display(), folder.path(""));
        let place = place.display();
        let traced = if inject.is_empty() { String::new() } else { format!("strace -D -qq -o /dev/null {inject} ") };
        let inside = format!(
            "exec {traced}{init} --no-startup-event --confdir {place}/conf --logdir {place}/log \
             --socket {place}/control \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]);
        command.args(["sh", "-c", &inside, "sh"]).args(options).stdin(Stdio::null()).stdout(Stdio::null());
        let outside = command.stderr(Stdio::null()).spawn().expect("unshare runs");
        let mut first = First { folder, outside, pid: 0 };
        first.pid = first.await_some("a first process", |first| {
            let inside = processes::descendants(first.outside.id());
            inside.iter().find(|process| process.name == "init").map(|process| process.pid)
        });
        first
    }

    /// Waits until `look` finds something. Process 1 must not end meanwhile.
    pub fn await_some<T>(&mut self, what: &str, mut look: impl FnMut(&First) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.outside.try_wait().expect("it is our child");
            assert!(ended.is_none(), "process 1 has ended ({what}): {ended:?}");
            assert!(Instant::now() < end, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A client that gets replies.
    pub fn client(&mut self) -> Client {
        self.await_some("a socket", |first| Client::connect(&first.folder.path("control")).ok())
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if self.pid != 0 {
            processes::send(self.pid, Signal::SIGKILL);
        }
        self.outside.kill().unwrap_or_default();
        self.outside.wait().map(drop).unwrap_or_default();
    }
}

/// Whether process 1 of a namespace can be started and traced. If not, prints that the test is skipped.
pub fn has_namespaces() -> bool {
    let works = || Command::new("unshare").args(["--mount", "--pid", "--fork", "--mount-proc", "true"]).status();
    let has = geteuid().is_root() && works().is_ok_and(|status| status.success());
    if !has {
        skipped("no namespaces here");
    }
    has && has_strace()
}

/// A launch of a supervisor with this limit of open files, above which it cannot raise it.
pub fn limited(launch: Launch, count: usize) -> Launch {
    let init = programs::built().init.display();
    let script = format!("#!/bin/sh\nulimit -n {count}\nexec {init} \"$@\"\n");
    let script = launch.folder().script("limited", &script);
    launch.program(&script)
}

/// A launch of a supervisor that sees an empty directory in the place of `/proc`. `None` if a mount namespace is not
/// available; the reason is printed.
pub fn without_proc(launch: Launch) -> Option<Launch> {
    let works = Command::new("unshare").args(["--mount", "--propagation", "private", "true"]).status();
    if !works.is_ok_and(|status| status.success()) {
        skipped("no mount namespaces here");
        return None;
    }
    let init = programs::built().init.display();
    let inside = format!("mount -t tmpfs none /proc && exec {init} \"$@\"");
    let script = format!("#!/bin/sh\nexec unshare --mount --propagation private sh -c '{inside}' sh \"$@\"\n");
    let script = launch.folder().script("inside", &script);
    Some(launch.program(&script))
}
