//! The bare loop that the supervisor is compared with: clone, exec, wait, and nothing else.
//!
//! A process is made as cheaply as Linux can: sharing memory until it has exec'ed, with an environment of three variables.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

const STACK: usize = 64 * 1024;

/// Makes processes that run one command.
pub struct Floor {
    arguments: Vec<CString>,
    environment: Vec<CString>,
    stack: Vec<u128>,
}

/// What the child needs.
struct Orders<'a> {
    program: &'a CStr,
    arguments: &'a [*const c_char],
    environment: &'a [*const c_char],
}

impl Floor {
    /// Runs this program with these arguments.
    pub fn new(program: &Path, arguments: &[&str]) -> Self {
        let text = |text: &str| CString::new(text).expect("no NUL in it");
        let words = std::iter::once(program.to_str().expect("a path in UTF-8")).chain(arguments.iter().copied());
        Floor {
            arguments: words.map(text).collect(),
            environment: ["PATH=/usr/bin:/bin", "TERM=linux", "HOME=/"].map(text).into(),
            stack: vec![0; STACK / size_of::<u128>()],
        }
    }

    /// One process; it has exec'ed when this returns.
    pub fn spawn(&mut self) -> Pid {
        let with_null = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (with_null(&self.arguments), with_null(&self.environment));
        let mut orders = Orders { program: &self.arguments[0], arguments: &arguments, environment: &environment };
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // SAFETY: the stack is the child's alone while we stand still, until it has exec'ed or ended; the orders live
        // until then; `run` calls nothing but two system calls.
        let number =
            unsafe { libc::clone(run, self.stack.as_mut_ptr_range().end.cast(), flags, (&raw mut orders).cast()) };
        Pid::from_raw(Errno::result(number).expect("a process is made"))
    }

    /// Ends a process and waits for its end.
    pub fn replace(&mut self, pid: Pid) -> Pid {
        end(pid);
        self.spawn()
    }
}

/// Kills a process and waits for its end.
pub fn end(pid: Pid) {
    kill(pid, Signal::SIGKILL).and_then(|()| waitpid(pid, None)).expect("it is our child");
}

extern "C" fn run(orders: *mut c_void) -> c_int {
    // SAFETY: the parent passes orders that live until we have exec'ed or ended.
    let orders = unsafe { &*orders.cast::<Orders<'_>>() };
    // SAFETY: the texts end in NUL and the lists in null.
    unsafe {
        libc::execve(orders.program.as_ptr(), orders.arguments.as_ptr(), orders.environment.as_ptr());
        libc::_exit(255)
    }
}
