//! The filter of system calls, and the descriptor by which the kernel asks (seccomp(2), seccomp_unotify(2)).

use std::io::{Error, Result};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_long, seccomp_notif, seccomp_notif_resp, sock_filter};

/// A question of the kernel: a process is about to make a system call.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    id: u64,
    /// The process.
    pub pid: u32,
    /// The number of the system call.
    pub call: c_long,
}

/// The descriptor by which the kernel asks.
#[derive(Debug)]
pub struct Listener(OwnedFd);

const fn step(code: u32, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

/// Sets the filter for this thread and every process that it makes from now on. The thread must end soon after: its own
/// calls are asked about too.
///
/// # Errors
/// The kernel has no such filters, or this user may not set one.
pub fn set(calls: &[c_long]) -> Result<Listener> {
    // The number of the system call is the first field of `seccomp_data`.
    let mut steps = vec![step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for (at, call) in calls.iter().enumerate() {
        let to_the_question = u8::try_from(calls.len() - at).expect("few calls");
        steps.push(step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_the_question, 0, *call as u32));
    }
    steps.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    steps.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_USER_NOTIF));
    let filter = libc::sock_fprog { len: steps.len() as u16, filter: steps.as_mut_ptr() };
    let privileged = nix::unistd::geteuid().is_root();
    // SAFETY: only sets a flag of this thread, without which only root may set a filter.
    if !privileged && unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the filter and its steps outlive the call, which copies them.
    let descriptor = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const filter,
        )
    };
    if descriptor < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the kernel has just made it for this call.
    Ok(Listener(unsafe { OwnedFd::from_raw_fd(descriptor as i32) }))
}

impl Listener {
    /// Waits for the next question. `None` when no process with the filter is left.
    pub fn next(&self) -> Option<Question> {
        loop {
            let mut ready = libc::pollfd { fd: self.0.as_raw_fd(), events: libc::POLLIN, revents: 0 };
            // SAFETY: one structure, which outlives the call.
            if unsafe { libc::poll(&raw mut ready, 1, -1) } < 0 {
                continue;
            }
            if ready.revents & libc::POLLIN == 0 {
                return None;
            }
            // SAFETY: a structure of numbers, which the kernel wants zeroed.
            let mut asked: seccomp_notif = unsafe { std::mem::zeroed() };
            // SAFETY: the kernel writes this structure, which outlives the call.
            let done = unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut asked) };
            // The process may have been killed since.
            if done == 0 {
                return Some(Question { id: asked.id, pid: asked.pid, call: c_long::from(asked.data.nr) });
            }
        }
    }

    /// Answers a question: the kernel carries out the call, or the call fails with this error number. Returns whether
    /// the process took the answer.
    pub fn answer(&self, question: Question, error: Option<i32>) -> bool {
        let flags = if error.is_none() { libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32 } else { 0 };
        let error = error.map_or(0, |number| -number);
        let mut answer = seccomp_notif_resp { id: question.id, val: 0, error, flags };
        // SAFETY: the kernel reads this structure, which outlives the call.
        unsafe { libc::ioctl(self.0.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) == 0 }
    }
}
