//! The pairs of a system call and an error, one of which fails once in each trial.
//!
//! The calls are those that `init` makes while it supervises, as strace(1) shows them. An error is one that the kernel
//! gives for want of something, or when a file, a process or a connection is gone. An answer that would be a plain lie,
//! such as that a living process is not there, is not among them.

use libc::c_long;
use nix::errno::Errno;
use uphold_linux::kernel::error::explain;

/// A kind of system calls, and the error with which one of them fails.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The name of the kind.
    pub kind: &'static str,
    /// The numbers of the calls: the same thing has several calls, old and new ones.
    pub calls: &'static [c_long],
    /// The error.
    pub error: Errno,
    /// Chapters that are left out, and the reason.
    pub without: (&'static [&'static str], &'static str),
}

impl Fault {
    /// Whether a chapter is left out.
    pub fn leaves_out(&self, chapter: &str) -> bool {
        self.without.0.contains(&chapter)
    }

    /// The name of the pair.
    pub fn name(&self) -> String {
        format!("{} {:?}", self.kind, self.error)
    }

    /// Whether a line of the log says the error, or that such a line could not be written.
    pub fn is_said(&self, line: &str) -> bool {
        let is_lost = line.contains("messages were lost");
        is_lost || line.contains(self.error.desc()) || line.contains(explain(self.error as i32))
    }
}

/// Calls that only the older machines have, with those that have replaced them.
#[cfg(target_arch = "x86_64")]
mod numbers {
    use libc::*;
    /// Waits for events.
    pub const WAIT: &[c_long] = &[SYS_epoll_wait, SYS_epoll_pwait];
    /// Polls.
    pub const POLL: &[c_long] = &[SYS_poll, SYS_ppoll];
    /// Makes a directory.
    pub const MAKE_DIRECTORY: &[c_long] = &[SYS_mkdir, SYS_mkdirat];
    /// Removes a directory or a file.
    pub const REMOVE: &[c_long] = &[SYS_rmdir, SYS_unlink, SYS_unlinkat];
}

/// The calls of the newer machines.
#[cfg(not(target_arch = "x86_64"))]
mod numbers {
    use libc::*;
    /// Waits for events.
    pub const WAIT: &[c_long] = &[SYS_epoll_pwait];
    /// Polls.
    pub const POLL: &[c_long] = &[SYS_ppoll];
    /// Makes a directory.
    pub const MAKE_DIRECTORY: &[c_long] = &[SYS_mkdirat];
    /// Removes a directory or a file.
    pub const REMOVE: &[c_long] = &[SYS_unlinkat];
}

/// The first call that a Rust program makes itself.
pub use numbers::POLL as FIRST;

const fn fault(kind: &'static str, calls: &'static [c_long], error: Errno) -> Fault {
    Fault { kind, calls, error, without: (&[], "") }
}

/// The same without the re-exec.
const fn steady(kind: &'static str, calls: &'static [c_long], error: Errno, reason: &'static str) -> Fault {
    Fault { kind, calls, error, without: (&["re-exec"], reason) }
}

/// The same without chapters in which job files are read: a job whose file is absent, or closed, is unknown.
const fn absent(kind: &'static str, calls: &'static [c_long], error: Errno) -> Fault {
    Fault { kind, calls, error, without: (&["files", "re-exec"], "a job whose file is absent, or closed, is unknown") }
}

/// The same without the process that has stopped itself.
const fn unsent(kind: &'static str, calls: &'static [c_long], error: Errno) -> Fault {
    Fault { kind, calls, error, without: (&["stop"], "a process that may not be signalled stays stopped") }
}

const CLONE: &[c_long] = &[libc::SYS_clone, libc::SYS_clone3];
const OPEN: &[c_long] = &[libc::SYS_openat];
const LOOK: &[c_long] = &[libc::SYS_statx, libc::SYS_newfstatat];
const CHANNEL: &[c_long] = &[libc::SYS_socket, libc::SYS_socketpair, libc::SYS_pipe2];
const LISTEN: &[c_long] = &[libc::SYS_bind, libc::SYS_listen];
const RECEIVE: &[c_long] = &[libc::SYS_recvfrom, libc::SYS_recvmsg];
const SEND: &[c_long] = &[libc::SYS_sendto, libc::SYS_sendmsg];
const MEMORY: &[c_long] = &[libc::SYS_mmap, libc::SYS_brk];
const KILL: &[c_long] = &[libc::SYS_kill, libc::SYS_tgkill, libc::SYS_pidfd_send_signal];
const NO_ALLOCATION: &str = "a program that gets no memory when it starts is ended by its loader or its allocator";

/// The pairs.
#[rustfmt::skip]
pub const FAULTS: [Fault; 61] = [
    fault("clone",         CLONE,                            Errno::EAGAIN),
    fault("clone",         CLONE,                            Errno::ENOMEM),
    fault("pidfd_open",    &[libc::SYS_pidfd_open],          Errno::EMFILE),
    fault("pidfd_open",    &[libc::SYS_pidfd_open],          Errno::ENFILE),
    fault("pidfd_open",    &[libc::SYS_pidfd_open],          Errno::ENOMEM),
    fault("waitid",        &[libc::SYS_waitid],              Errno::EINTR),
    fault("ptrace",        &[libc::SYS_ptrace],              Errno::EPERM),
    fault("ptrace",        &[libc::SYS_ptrace],              Errno::ESRCH),
    unsent("kill",         KILL,                             Errno::EPERM),
    fault("openat",        OPEN,                             Errno::EMFILE),
    fault("openat",        OPEN,                             Errno::ENFILE),
    fault("openat",        OPEN,                             Errno::ENOMEM),
    fault("openat",        OPEN,                             Errno::EIO),
    absent("openat",       OPEN,                             Errno::EACCES),
    absent("openat",       OPEN,                             Errno::ENOENT),
    fault("read",          &[libc::SYS_read],                Errno::EIO),
    fault("read",          &[libc::SYS_read],                Errno::EINTR),
    fault("read",          &[libc::SYS_read],                Errno::EAGAIN),
    fault("read",          &[libc::SYS_read],                Errno::ENOMEM),
    fault("pread",         &[libc::SYS_pread64],             Errno::EIO),
    fault("write",         &[libc::SYS_write],               Errno::EIO),
    fault("write",         &[libc::SYS_write],               Errno::ENOSPC),
    fault("write",         &[libc::SYS_write],               Errno::EPIPE),
    fault("write",         &[libc::SYS_write],               Errno::EINTR),
    fault("pwrite",        &[libc::SYS_pwrite64],            Errno::ENOSPC),
    fault("pwrite",        &[libc::SYS_pwrite64],            Errno::EIO),
    fault("pwrite",        &[libc::SYS_pwrite64],            Errno::EINTR),
    fault("recv",          RECEIVE,                          Errno::EINTR),
    fault("recv",          RECEIVE,                          Errno::EAGAIN),
    fault("recv",          RECEIVE,                          Errno::ECONNRESET),
    fault("send",          SEND,                             Errno::EPIPE),
    fault("send",          SEND,                             Errno::EAGAIN),
    fault("send",          SEND,                             Errno::EINTR),
    fault("send",          SEND,                             Errno::ENOBUFS),
    fault("accept4",       &[libc::SYS_accept4],             Errno::EMFILE),
    fault("accept4",       &[libc::SYS_accept4],             Errno::ENFILE),
    fault("accept4",       &[libc::SYS_accept4],             Errno::ENOMEM),
    fault("accept4",       &[libc::SYS_accept4],             Errno::ECONNABORTED),
    fault("accept4",       &[libc::SYS_accept4],             Errno::EINTR),
    fault("epoll_create1", &[libc::SYS_epoll_create1],       Errno::EMFILE),
    fault("signalfd4",     &[libc::SYS_signalfd4],           Errno::EMFILE),
    fault("epoll_ctl",     &[libc::SYS_epoll_ctl],           Errno::ENOMEM),
    fault("epoll_ctl",     &[libc::SYS_epoll_ctl],           Errno::ENOSPC),
    fault("epoll_wait",    numbers::WAIT,                    Errno::EINTR),
    fault("epoll_wait",    numbers::WAIT,                    Errno::ENOMEM),
    fault("channel",       CHANNEL,                          Errno::EMFILE),
    fault("channel",       CHANNEL,                          Errno::ENOBUFS),
    fault("listen",        LISTEN,                           Errno::ENOMEM),
    fault("inotify_init1", &[libc::SYS_inotify_init1],       Errno::EMFILE),
    fault("inotify watch", &[libc::SYS_inotify_add_watch],   Errno::ENOSPC),
    fault("inotify watch", &[libc::SYS_inotify_add_watch],   Errno::ENOMEM),
    fault("memfd_create",  &[libc::SYS_memfd_create],        Errno::ENOMEM),
    fault("ftruncate",     &[libc::SYS_ftruncate],           Errno::ENOSPC),
    fault("eventfd2",      &[libc::SYS_eventfd2],            Errno::ENFILE),
    fault("mkdir",         numbers::MAKE_DIRECTORY,          Errno::ENOSPC),
    fault("mkdir",         numbers::MAKE_DIRECTORY,          Errno::EROFS),
    fault("remove",        numbers::REMOVE,                  Errno::EBUSY),
    fault("look",          LOOK,                             Errno::EIO),
    fault("getdents64",    &[libc::SYS_getdents64],          Errno::EIO),
    fault("execve",        &[libc::SYS_execve],              Errno::ENOMEM),
    steady("memory",       MEMORY,                           Errno::ENOMEM, NO_ALLOCATION),
];
