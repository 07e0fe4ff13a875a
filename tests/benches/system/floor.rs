//! The minimal loop to compare the supervisor with: clone, exec and wait.
//!
//! It spawns a process in the cheapest way of Linux: with shared memory until the exec, and an environment of three
//! variables.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

const STACK: usize = 64 * 1024;

/// Spawns processes that execute one command.
pub struct Floor {
    arguments: Vec<CString>,
    environment: Vec<CString>,
    stack: Vec<u128>,
}

/// The arguments of the exec.
struct Orders<'a> {
    program: &'a CStr,
    arguments: &'a [*const c_char],
    environment: &'a [*const c_char],
}

impl Floor {
    /// A floor for a program with arguments.
    pub fn new(program: &Path, arguments: &[&str]) -> Self {
        let text = |text: &str| CString::new(text).expect("no NUL in it");
        let words = std::iter::once(program.to_str().expect("a path in UTF-8")).chain(arguments.iter().copied());
        Floor {
            arguments: words.map(text).collect(),
            environment: ["PATH=/usr/bin:/bin", "TERM=linux", "HOME=/"].map(text).into(),
            stack: vec![0; STACK / size_of::<u128>()],
        }
    }

    /// Spawns a process. It has executed the program when this returns.
    pub fn spawn(&mut self) -> Pid {
        let with_null = |texts: &[CString]| -> Vec<*const c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (with_null(&self.arguments), with_null(&self.environment));
        let mut orders = Orders { program: &self.arguments[0], arguments: &arguments, environment: &environment };
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
        // SAFETY: the child alone uses the stack, and the parent is suspended until the child has executed the program
        // or exited. The orders live until then. `run` makes only two system calls.
        let number =
            unsafe { libc::clone(run, self.stack.as_mut_ptr_range().end.cast(), flags, (&raw mut orders).cast()) };
        Pid::from_raw(Errno::result(number).expect("a process is made"))
    }

    /// Kills a process, waits for its end, and spawns the next one.
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
    // SAFETY: the parent passes orders that live until this process has executed the program or exited.
    let orders = unsafe { &*orders.cast::<Orders<'_>>() };
    // SAFETY: the strings end in NUL, and the lists in a null pointer.
    unsafe {
        libc::execve(orders.program.as_ptr(), orders.arguments.as_ptr(), orders.environment.as_ptr());
        libc::_exit(255)
    }
}
