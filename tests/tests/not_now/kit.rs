//! Ways to make the kernel refuse something to a supervisor, and to end that.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use nix::unistd::geteuid;
use uphold_tests::system::{Launch, first, programs, skipped};

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

/// Whether process 1 of a namespace can be started and traced. If not, prints that the test is skipped.
pub fn has_namespaces() -> bool {
    first::is_possible() && has_strace()
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
