//! Copying this process, and running another program.

use std::ffi::{CStr, c_char, c_int, c_long};

use nix::errno::Errno;
use uphold_core::Pid;

/// The exit status of a child that could not run its program.
pub(crate) const FAILED: c_int = 255;

/// Makes a process as fork(2) does, with memory of its own, which calls `deed` and exits. It must not wait for what
/// another thread holds; there is one thread.
pub(crate) fn fork(deed: impl FnOnce()) -> Result<Option<Pid>, Errno> {
    // SAFETY: this process has one thread, so the child has no locks of others.
    match Errno::result(unsafe { libc::fork() })? {
        0 => {
            deed();
            // SAFETY: ends the process without running any of the supervisor's code.
            unsafe { libc::_exit(FAILED) }
        }
        pid => Ok(u32::try_from(pid).ok().and_then(Pid::new)),
    }
}

/// Makes such a process in the middle of anything: without the C library, which may be what has failed.
pub(crate) fn fork_bare(deed: impl FnOnce()) -> Result<Option<Pid>, Errno> {
    const NONE: c_long = 0;
    // SAFETY: the child has a copy of everything. It makes system calls only, and its stack is where it was.
    match Errno::result(unsafe { libc::syscall(libc::SYS_clone, c_long::from(libc::SIGCHLD), NONE, NONE, NONE, NONE) })?
    {
        0 => {
            deed();
            // SAFETY: ends the process without running any of the supervisor's code.
            unsafe { libc::_exit(FAILED) }
        }
        pid => Ok(u32::try_from(pid).ok().and_then(Pid::new)),
    }
}

/// execv(3), which gives the program the environment of this one: returns only the error.
pub(crate) fn execv(path: &CStr, arguments: &[*const c_char]) -> Errno {
    // SAFETY: the path ends in NUL; the list ends in a null pointer, and its entries are texts that end in NUL and
    // outlive the call.
    unsafe { libc::execv(path.as_ptr(), arguments.as_ptr()) };
    Errno::last()
}

/// execve(2): returns only the error.
pub(crate) fn execve(path: &CStr, arguments: &[*const c_char], environment: &[*const c_char]) -> Errno {
    // SAFETY: the path ends in NUL; both lists end in a null pointer, and their entries are texts that end in NUL and
    // live as long as the orders.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Errno::last()
}
