//! The requests of ptrace(2) with which a program is observed, as safe functions: threads are seized, and every stop
//! is reported by [`next`] until [`resume`] ends it.
//!
//! Signals are numbers, because a traced thread also gets real-time signals: the C libraries use them to change the
//! user of all threads of a process, and a tracer that cannot pass them on makes the process stand still.
#![deny(unsafe_code)]

use std::io;

/// PTRACE_EVENT_STOP, which the libc package has for some C libraries only.
const EVENT_STOP: i32 = 128;

// The requests, the same on every Linux; the C libraries do not agree on their type.
const CONTINUE_TO_SYSCALL: u32 = 24;
const EVENT_MESSAGE: u32 = 0x4201;
const SEIZE: u32 = 0x4206;
const LISTEN: u32 = 0x4208;
const SYSCALL_INFO: u32 = 0x420e;

/// Forks, threads, execs and system calls are reported, and everything that is traced is killed when the tracer ends.
const OPTIONS: i32 = libc::PTRACE_O_TRACESYSGOOD
    | libc::PTRACE_O_TRACEFORK
    | libc::PTRACE_O_TRACEVFORK
    | libc::PTRACE_O_TRACECLONE
    | libc::PTRACE_O_TRACEEXEC
    | libc::PTRACE_O_EXITKILL;

/// The machine of the system calls that [`syscall`] reports, from linux/audit.h: those of a 32-bit program on a 64-bit
/// kernel have other numbers.
const MACHINE: u32 = if cfg!(target_arch = "x86_64") {
    0xc000_003e
} else if cfg!(target_arch = "aarch64") {
    0xc000_00b7
} else if cfg!(target_arch = "riscv64") {
    0xc000_00f3
} else {
    0
};

/// A change of a traced thread. All but the first two are stops, which [`resume`] ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The thread or process exited with this status.
    Exited(i32),
    /// A signal killed it.
    Killed(i32),
    /// The process made a child by fork(2): a clone(2) that reports its exit by SIGCHLD.
    Forked(u32),
    /// The process made a child by vfork(2), as posix_spawn(3) does, and waits until it runs a program.
    Vforked(u32),
    /// The thread made a thread, or a process whose exit is reported otherwise.
    Cloned(u32),
    /// The process runs another program. The value is the id of the thread that called execve(2).
    Executed(u32),
    /// The thread is at the entry or the exit of a system call; [`syscall`] says which.
    Syscall,
    /// The thread is about to receive this signal.
    Signal(i32),
    /// The process was stopped by this signal, which it has received: [`listen`] leaves it so.
    Stopped(i32),
    /// The thread has just been made, or was interrupted.
    Began,
}

/// A system call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Syscall {
    /// Its number and arguments.
    Entry(u64, [u64; 6]),
    /// Its result: negative for an error.
    Exit(i64),
}

/// Traces a process and all that it makes from now on. It does not stop.
///
/// # Errors
/// The kernel refuses it: EPERM without the right to trace that process, ESRCH if it is gone.
pub fn seize(pid: u32) -> io::Result<()> {
    ptrace(SEIZE, pid, 0, OPTIONS as usize).map(drop)
}

/// Resumes a thread until its next system call, and delivers a signal to it (0: none).
///
/// # Errors
/// The thread is gone, or not stopped.
pub fn resume(tid: u32, signal: i32) -> io::Result<()> {
    ptrace(CONTINUE_TO_SYSCALL, tid, 0, signal as usize).map(drop)
}

/// Lets a stopped process stay stopped until it gets SIGCONT.
///
/// # Errors
/// The thread is gone, or not stopped by a signal.
pub fn listen(tid: u32) -> io::Result<()> {
    ptrace(LISTEN, tid, 0, 0).map(drop)
}

/// The next change of any traced thread or child; `None` if nothing has changed.
///
/// # Errors
/// ECHILD: nothing is traced.
pub fn next() -> io::Result<Option<(u32, Change)>> {
    let mut status = 0;
    let pid = wait(&mut status);
    match u32::try_from(pid) {
        Ok(0) => Ok(None),
        Ok(pid) => Ok(Some((pid, change(pid, status)))),
        Err(_) => Err(io::Error::last_os_error()),
    }
}

/// The system call at which a thread has stopped; `None` if it cannot be read (Linux before 5.3), or if the thread runs
/// code of another machine.
pub fn syscall(tid: u32) -> Option<Syscall> {
    // struct ptrace_syscall_info: a byte and a machine, two addresses, then the number or the result.
    let mut words = [0u64; 11];
    ptrace(SYSCALL_INFO, tid, size_of_val(&words), (&raw mut words).expose_provenance()).ok()?;
    let head = words[0].to_ne_bytes();
    let machine = u32::from_ne_bytes([head[4], head[5], head[6], head[7]]);
    match head[0] {
        _ if machine != MACHINE => None,
        1 => Some(Syscall::Entry(words[3], [words[4], words[5], words[6], words[7], words[8], words[9]])),
        2 => Some(Syscall::Exit(words[3] as i64)),
        _ => None,
    }
}

fn change(tid: u32, status: i32) -> Change {
    if libc::WIFEXITED(status) {
        return Change::Exited(libc::WEXITSTATUS(status));
    }
    if libc::WIFSIGNALED(status) {
        return Change::Killed(libc::WTERMSIG(status));
    }
    let signal = libc::WSTOPSIG(status);
    match status >> 16 {
        libc::PTRACE_EVENT_FORK => Change::Forked(message(tid)),
        libc::PTRACE_EVENT_VFORK => Change::Vforked(message(tid)),
        libc::PTRACE_EVENT_CLONE => Change::Cloned(message(tid)),
        libc::PTRACE_EVENT_EXEC => Change::Executed(message(tid)),
        EVENT_STOP if signal == libc::SIGTRAP => Change::Began,
        EVENT_STOP => Change::Stopped(signal),
        _ if signal == libc::SIGTRAP | 0x80 => Change::Syscall,
        _ => Change::Signal(signal),
    }
}

/// PTRACE_GETEVENTMSG; 0 of a thread that has just been killed.
fn message(tid: u32) -> u32 {
    let mut message: libc::c_ulong = 0;
    match ptrace(EVENT_MESSAGE, tid, 0, (&raw mut message).expose_provenance()) {
        Ok(_) => message as u32,
        Err(_) => 0,
    }
}

#[allow(unsafe_code)]
fn wait(status: &mut i32) -> libc::pid_t {
    // SAFETY: the status is valid for the call.
    unsafe { libc::waitpid(-1, status, libc::__WALL | libc::WNOHANG) }
}

#[allow(unsafe_code)]
fn ptrace(request: u32, tid: u32, address: usize, data: usize) -> io::Result<libc::c_long> {
    // SAFETY: every request of this file has numbers as data, or a pointer to a variable of its caller of the size that
    // the kernel writes.
    let result = unsafe {
        libc::ptrace(request as _, tid as libc::pid_t, address as *mut libc::c_void, data as *mut libc::c_void)
    };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
