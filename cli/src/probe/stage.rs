//! The stages of a probe: the same program, started again under these names. Each gets what it needs in its arguments,
//! so that nothing is left in the environment of the daemon.
//!
//! `initctl probe` → [`ENTER`], which makes the namespaces → [`FIRST`], process 1 in them → `initctl probe`, which
//! observes → [`TRACED`], which becomes the daemon. Without namespaces the middle three are left out.

use crate::probe::namespaces;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{dup2_stdin, setsid};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode};

/// The process that makes the namespaces.
const ENTER: &str = "initctl-probe-enter";
/// Process 1 of the namespaces.
pub const FIRST: &str = "initctl-probe-first";
/// The process that waits to be traced, and then becomes the daemon.
pub const TRACED: &str = "initctl-probe-traced";

/// The exit status of the stages if namespaces are not available. The probe itself never exits with it.
const NOT_ALLOWED: u8 = 77;

/// This program, under another name.
pub fn again(name: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(name);
    command
}

/// Runs this whole command again in namespaces of its own. `None`: they are not available.
pub fn isolated() -> Option<u8> {
    let status = again(ENTER).args(std::env::args_os()).spawn().ok()?.wait().ok()?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    (code != NOT_ALLOWED).then_some(code)
}

/// Runs the stage of that name, if it is one.
pub fn run(name: &str, arguments: &[OsString]) -> Option<ExitCode> {
    match name {
        ENTER => Some(pass_on(namespaces::enter(), || again(FIRST).args(arguments).spawn())),
        FIRST => Some(pass_on(namespaces::prepare(), || {
            let (name, rest) = arguments.split_first().ok_or(io::ErrorKind::InvalidInput)?;
            Command::new("/proc/self/exe").arg0(name).args(rest).spawn()
        })),
        TRACED => Some(become_daemon(arguments)),
        _ => None,
    }
}

/// Starts the next stage, reaps until it has ended, and exits as it did.
fn pass_on(prepared: io::Result<()>, next: impl FnOnce() -> io::Result<Child>) -> ExitCode {
    let started = prepared.and_then(|()| Ok(set_pdeathsig(Signal::SIGKILL)?)).and_then(|()| next());
    match started.and_then(|child| namespaces::reap_until(child.id())) {
        Ok(code) => ExitCode::from(code),
        Err(_) => ExitCode::from(NOT_ALLOWED),
    }
}

/// Waits for a byte on standard input, and becomes the program: in a session of its own, as in a job. The exit status
/// is the errno of a failure.
fn become_daemon(arguments: &[OsString]) -> ExitCode {
    let [program, words @ ..] = arguments else { return ExitCode::FAILURE };
    let mut byte = [0];
    let ready = io::stdin().read_exact(&mut byte);
    let prepare = || -> io::Result<()> {
        setsid()?;
        dup2_stdin(File::open("/dev/null")?)?;
        SigSet::empty().thread_set_mask()?;
        Ok(())
    };
    let error = match ready.and_then(|()| prepare()) {
        Ok(()) => Command::new(program).args(words).exec(),
        Err(error) => error,
    };
    ExitCode::from(error.raw_os_error().and_then(|errno| u8::try_from(errno).ok()).unwrap_or(255))
}

/// Whether this process runs in the namespaces that [`isolated`] makes.
pub fn is_isolated() -> bool {
    std::fs::read("/proc/1/cmdline").is_ok_and(|line| line.starts_with(FIRST.as_bytes()))
}
