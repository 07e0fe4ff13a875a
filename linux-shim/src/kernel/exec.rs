//! Copying this process, and running another program.

use std::ffi::{CStr, c_char, c_int};

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

/// execve(2): returns only the error.
pub(crate) fn execve(path: &CStr, arguments: &[*const c_char], environment: &[*const c_char]) -> Errno {
    // SAFETY: the path ends in NUL; both lists end in a null pointer, and their entries are texts that end in NUL and
    // live as long as the orders.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Errno::last()
}
