//! Child processes and tracees: waitid(2), kill(2) and pidfds.

use std::ffi::{c_int, c_uint};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::errno::Errno;
use uphold_core::{Pid, Signal};

use super::descriptors::adopt_descriptor;

/// The report of waitid(2) on one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waited {
    pub(crate) pid: Pid,
    /// `CLD_...`.
    pub(crate) code: c_int,
    /// The exit status, the signal, or the ptrace event and signal.
    pub(crate) status: c_int,
}

impl Waited {
    /// Whether the process has exited.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self.code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED)
    }
}

/// The number of a signal for the kernel; 0 for none.
pub(super) fn number(signal: Option<Signal>) -> c_int {
    signal.map_or(0, |signal| c_int::from(signal.0))
}

pub(super) fn as_pid(pid: Pid) -> Result<libc::pid_t, Errno> {
    libc::pid_t::try_from(pid.get()).map_err(|_| Errno::ESRCH)
}

fn waitid(which: libc::idtype_t, id: libc::id_t, options: c_int) -> Result<Option<Waited>, Errno> {
    // SAFETY: siginfo_t consists of numbers, for which zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: `info` is a writable siginfo_t that outlives the call.
        match Errno::result(unsafe { libc::waitid(which, id, &mut info, options) }) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
            Ok(_) => break,
        }
    }
    // SAFETY: waitid filled in the SIGCHLD members, or left the zeros.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let pid = u32::try_from(pid).ok().and_then(Pid::new);
    Ok(pid.map(|pid| Waited { pid, code: info.si_code, status }))
}

/// The next change of any child or tracee, if there is one. The change is consumed.
pub(crate) fn wait_any() -> Option<Waited> {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::__WALL;
    waitid(libc::P_ALL, 0, options).ok().flatten()
}

/// Whether this child has continued after a stop. That is not reported again.
pub(crate) fn continues(pid: Pid) -> bool {
    let options = libc::WCONTINUED | libc::WNOHANG | libc::__WALL;
    waitid(libc::P_PID, pid.get(), options).is_ok_and(|waited| waited.is_some())
}

/// How a child has stopped or exited, if it has. The change is left for [`wait_any`].
pub(crate) fn peek(pid: Pid) -> Option<Waited> {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_PID, pid.get(), options).ok().flatten()
}

/// Whether this process has any children or tracees.
pub(crate) fn has_children() -> bool {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_ALL, 0, options) != Err(Errno::ECHILD)
}

/// Whether there is a child or tracee with this number.
pub(crate) fn is_child(number: c_int) -> bool {
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_PID, number.unsigned_abs(), options).is_ok()
}

/// Waits until the process has exited, reaps it, and returns how it exited.
pub(crate) fn await_exit(pid: Pid) -> Result<Option<Waited>, Errno> {
    waitid(libc::P_PID, pid.get(), libc::WEXITED | libc::__WALL)
}

/// kill(2) for one process, or for its process group. Numbers that kill(2) takes for every process, or for process 1,
/// are refused.
pub(crate) fn kill(pid: Pid, group: bool, signal: Signal) -> Result<(), Errno> {
    let target = as_pid(pid)?;
    if target <= 1 {
        return Err(Errno::EPERM);
    }
    let target = if group { -target } else { target };
    // SAFETY: takes two numbers.
    Errno::result(unsafe { libc::kill(target, number(Some(signal))) }).map(drop)
}

/// pidfd_open(2) (Linux 5.3): a descriptor of this very process, which programs do not inherit. Process 1 is refused,
/// as by [`kill`].
pub(crate) fn open_process(pid: Pid) -> Result<OwnedFd, Errno> {
    let pid = as_pid(pid)?;
    if pid <= 1 {
        return Err(Errno::EPERM);
    }
    // SAFETY: takes two numbers, and returns a new descriptor.
    let number = Errno::result(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) })?;
    RawFd::try_from(number).map(adopt_descriptor).map_err(|_| Errno::EBADF)
}

/// pidfd_send_signal(2) (Linux 5.1), or the same for the group that the process leads (Linux 6.9; EINVAL before).
pub(crate) fn signal_process(process: BorrowedFd<'_>, group: bool, signal: Signal) -> Result<(), Errno> {
    const PROCESS_GROUP: c_uint = 1 << 2;
    let flags = if group { PROCESS_GROUP } else { 0 };
    let (process, null) = (process.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: takes numbers and a null pointer.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, number(Some(signal)), null, flags) };
    Errno::result(sent).map(drop)
}

/// tgkill(2) to the process's first thread: unlike with kill(2), no other thread can take the signal.
pub(crate) fn signal_first_thread(pid: Pid, Signal(signal): Signal) -> Result<(), Errno> {
    // SAFETY: takes three numbers.
    Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, pid.get(), pid.get(), libc::c_int::from(signal)) }).map(drop)
}

/// Whether this very process is a child or a tracee that was not reaped, so that [`wait_any`] will report its exit
/// (waitid(2) with P_PIDFD, Linux 5.4). Nothing is consumed.
pub(crate) fn is_ours(process: BorrowedFd<'_>) -> bool {
    let id = process.as_raw_fd().unsigned_abs();
    waitid(libc::P_PIDFD, id, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL).is_ok()
}

/// The first version of `struct pidfd_info`.
#[repr(C)]
struct ProcessInfo {
    mask: u64,
    cgroup: u64,
    numbers: [u32; 11],
    exit_code: i32,
}

/// PIDFD_GET_INFO with PIDFD_INFO_EXIT (Linux 6.15): how a process exited, in the form of wait(2). `None` before it was
/// reaped.
pub(crate) fn exit_code(process: BorrowedFd<'_>) -> Option<c_int> {
    const EXIT: u64 = 1 << 3;
    const GET_INFO: u32 = nix::request_code_readwrite!(0xff, 11, size_of::<ProcessInfo>()) as u32;
    let mut info = ProcessInfo { mask: EXIT, cgroup: 0, numbers: [0; 11], exit_code: 0 };
    // SAFETY: the request contains the size of the structure that the kernel may write to, and the structure outlives
    // the call.
    Errno::result(unsafe { libc::ioctl(process.as_raw_fd(), GET_INFO as _, &raw mut info) }).ok()?;
    (info.mask & EXIT != 0).then_some(info.exit_code)
}

/// Stops the calling process.
pub(crate) fn stop_here() {
    // Not raise(3): the C library may remember the process id of the process whose memory this is.
    // SAFETY: takes numbers.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}
