//! The calls to the kernel that nix does not offer in a usable form, made safe.
//!
//! nix's `Signal` has no real-time signals: its `kill` and `ptrace::cont` cannot pass them on, and its `waitid` answers
//! EINVAL for a process that one of them killed, after having reaped it, so that the exit would be lost. It has no
//! clone(2) on a stack that is kept, no close_range(2) and no pidfds. Its setuid(2) is the C library's, which changes every thread
//! of whoever's memory it runs in.
//!
//! Nothing here allocates, locks or panics: a child in the supervisor's memory (see `child`) uses it too.

use nix::NixPath;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use std::ffi::{CStr, c_int, c_uint, c_void};
use std::io::Write;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use uphold_core::{Pid, Signal};

// The requests of ptrace(2), the same on every Linux; the C libraries do not agree on their type.
const TRACE_ME: u32 = 0;
const CONTINUE: u32 = 7;
const DETACH: u32 = 17;
const SET_OPTIONS: u32 = 0x4200;
const GET_EVENT_MESSAGE: u32 = 0x4201;
const SET_SIGNAL_MASK: u32 = 0x420b;

/// What waitid(2) says of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waited {
    pub(crate) pid: Pid,
    /// `CLD_...`.
    pub(crate) code: c_int,
    /// Exit status, signal, or ptrace event and signal.
    pub(crate) status: c_int,
}

impl Waited {
    /// Whether it will not change any more.
    pub(crate) fn has_ended(self) -> bool {
        matches!(self.code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED)
    }
}

/// The number of the signal as the kernel takes it; 0 for none.
fn number(signal: Option<Signal>) -> c_int {
    signal.map_or(0, |signal| c_int::from(signal.0))
}

fn as_pid(pid: Pid) -> Result<libc::pid_t, Errno> {
    libc::pid_t::try_from(pid.get()).map_err(|_| Errno::ESRCH)
}

fn waitid(which: libc::idtype_t, id: libc::id_t, options: c_int) -> Result<Option<Waited>, Errno> {
    // SAFETY: siginfo_t is plain numbers, for which zeros are a value.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: `info` is a siginfo_t to write to, and lives past the call.
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

/// Whatever changed in any child or tracee, if anything did; the change is consumed.
pub(crate) fn wait_any() -> Option<Waited> {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WCONTINUED | libc::WNOHANG | libc::__WALL;
    waitid(libc::P_ALL, 0, options).ok().flatten()
}

/// Whether this child goes on after a stop; that is then told nobody else.
pub(crate) fn continues(pid: Pid) -> bool {
    let options = libc::WCONTINUED | libc::WNOHANG | libc::__WALL;
    waitid(libc::P_PID, pid.get(), options).is_ok_and(|waited| waited.is_some())
}

/// How a child has stopped or ended, if it has; that is left for [`wait_any`].
pub(crate) fn peek(pid: Pid) -> Option<Waited> {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL;
    waitid(libc::P_PID, pid.get(), options).ok().flatten()
}

/// Waits until the process has ended, and forgets it; says how it ended.
pub(crate) fn await_exit(pid: Pid) -> Result<Option<Waited>, Errno> {
    waitid(libc::P_PID, pid.get(), libc::WEXITED | libc::__WALL)
}

/// kill(2) for one process, or for the process group of that number. Numbers that kill(2) takes for "everyone" or for
/// the first process are refused.
pub(crate) fn kill(pid: Pid, group: bool, signal: Signal) -> Result<(), Errno> {
    let target = as_pid(pid)?;
    if target <= 1 {
        return Err(Errno::EPERM);
    }
    let target = if group { -target } else { target };
    // SAFETY: takes two numbers.
    Errno::result(unsafe { libc::kill(target, number(Some(signal))) }).map(drop)
}

/// pidfd_open(2) (Linux 5.3): a descriptor of this very process, which no program inherits. The first process is refused,
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

/// pidfd_send_signal(2) (Linux 5.1), or the same to the group that the process leads (Linux 6.9; EINVAL before).
pub(crate) fn signal_process(process: BorrowedFd<'_>, group: bool, signal: Signal) -> Result<(), Errno> {
    const PROCESS_GROUP: c_uint = 1 << 2;
    let flags = if group { PROCESS_GROUP } else { 0 };
    let (process, null) = (process.as_raw_fd(), std::ptr::null::<libc::siginfo_t>());
    // SAFETY: takes numbers; what the signal carries is left to the kernel.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process, number(Some(signal)), null, flags) };
    Errno::result(sent).map(drop)
}

/// Whether this very process is a child or a tracee of ours that was not reaped, so that [`wait_any`] will tell its end
/// (waitid(2) with P_PIDFD, Linux 5.4). Nothing is consumed.
pub(crate) fn is_ours(process: BorrowedFd<'_>) -> bool {
    let id = process.as_raw_fd().unsigned_abs();
    waitid(libc::P_PIDFD, id, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT | libc::__WALL).is_ok()
}

/// `struct pidfd_info` as it was at first.
#[repr(C)]
struct ProcessInfo {
    mask: u64,
    cgroup: u64,
    numbers: [u32; 11],
    exit_code: i32,
}

/// PIDFD_GET_INFO with PIDFD_INFO_EXIT (Linux 6.15): how a process ended, as wait(2) has it. `None` before it was reaped.
pub(crate) fn exit_code(process: BorrowedFd<'_>) -> Option<c_int> {
    const EXIT: u64 = 1 << 3;
    const GET_INFO: u32 = nix::request_code_readwrite!(0xff, 11, size_of::<ProcessInfo>()) as u32;
    let mut info = ProcessInfo { mask: EXIT, cgroup: 0, numbers: [0; 11], exit_code: 0 };
    // SAFETY: the request says how large the structure is that the kernel may write to, and it lives past the call.
    Errno::result(unsafe { libc::ioctl(process.as_raw_fd(), GET_INFO as _, &raw mut info) }).ok()?;
    (info.mask & EXIT != 0).then_some(info.exit_code)
}

/// Stops this very process.
pub(crate) fn stop_here() {
    // Not raise(3): the C library may remember another process's number, that of whoever's memory this is.
    // SAFETY: take numbers or nothing.
    unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
}

/// One ptrace(2) request with a number as data.
fn ptrace(request: u32, pid: Pid, address: usize, data: usize) -> Result<(), Errno> {
    // SAFETY: every request that this module makes takes a number, or a pointer that its caller vouches for, as data.
    let done = unsafe { libc::ptrace(request as _, as_pid(pid)?, address as *mut c_void, data as *mut c_void) };
    Errno::result(done).map(drop)
}

/// PTRACE_TRACEME.
pub(crate) fn trace_me() -> Result<(), Errno> {
    let null = std::ptr::null_mut::<c_void>();
    // SAFETY: the request takes nothing.
    Errno::result(unsafe { libc::ptrace(TRACE_ME as _, 0 as libc::pid_t, null, null) }).map(drop)
}

/// PTRACE_SETOPTIONS.
pub(crate) fn set_options(pid: Pid, options: c_int) -> Result<(), Errno> {
    ptrace(SET_OPTIONS, pid, 0, options as usize)
}

/// PTRACE_CONT.
pub(crate) fn resume(pid: Pid, signal: Option<Signal>) -> Result<(), Errno> {
    ptrace(CONTINUE, pid, 0, number(signal) as usize)
}

/// tgkill(2) to the process's first thread: unlike kill(2), no other thread can take the signal.
pub(crate) fn signal_first_thread(pid: Pid, Signal(signal): Signal) -> Result<(), Errno> {
    // SAFETY: the call takes three numbers and touches no memory of ours.
    Errno::result(unsafe { libc::syscall(libc::SYS_tgkill, pid.get(), pid.get(), libc::c_int::from(signal)) }).map(drop)
}

/// PTRACE_DETACH.
pub(crate) fn detach(pid: Pid, signal: Option<Signal>) -> Result<(), Errno> {
    ptrace(DETACH, pid, 0, number(signal) as usize)
}

/// PTRACE_GETEVENTMSG: the pid that a fork event is about.
pub(crate) fn event_message(pid: Pid) -> Result<Option<Pid>, Errno> {
    let mut message: libc::c_ulong = 0;
    ptrace(GET_EVENT_MESSAGE, pid, 0, (&raw mut message).expose_provenance())?;
    Ok(u32::try_from(message).ok().and_then(Pid::new))
}

/// PTRACE_SETSIGMASK (Linux 3.11): unblocks every signal of a stopped tracee.
pub(crate) fn unblock_signals(pid: Pid) -> Result<(), Errno> {
    let empty: u64 = 0;
    ptrace(SET_SIGNAL_MASK, pid, size_of_val(&empty), (&raw const empty).expose_provenance())
}

/// The kernel's structure of a disposition is smaller than this; zeros are SIG_DFL, no flags, nothing blocked.
type Disposition = [u64; 8];

/// The signals whose disposition is not the default, the first as the lowest bit.
pub(crate) fn disposed_signals() -> u64 {
    let mut disposed = 0;
    for signal in 1..=c_int::from(Signal::MAX) {
        let mut old: Disposition = [0; 8];
        let null = std::ptr::null::<u64>();
        // SAFETY: there is room for the structure, and no new one is given.
        let asked = unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, null, old.as_mut_ptr(), 8) };
        // The handler is what the structure begins with, but on MIPS, where it comes second.
        if asked == 0 && old[..2] != [0; 2] {
            disposed |= 1 << (signal - 1);
        }
    }
    disposed
}

/// Gives these signals their default disposition, for this process alone.
pub(crate) fn default_signals(signals: u64) {
    const DEFAULT: Disposition = [0; 8];
    for signal in (1..=c_int::from(Signal::MAX)).filter(|signal| signals & 1 << (signal - 1) != 0) {
        // The bare call, since the C library keeps two numbers to itself, which may have been ignored when the
        // supervisor was started.
        // SAFETY: the structure is read, and the old one is not asked for.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), std::ptr::null::<u64>(), 8) };
    }
}

/// How many bytes the kernel's set of signals has: one bit for each.
const SIGNAL_SET: usize = (Signal::MAX as usize).div_ceil(64) * 8;

/// Blocks the signals whose bits are set (that of signal 1 is the lowest), and no others.
pub(crate) fn block_signals(set: u64) {
    let set = [set; SIGNAL_SET / 8];
    // SAFETY: the set is as long as said and is read only; the old one is not asked for.
    unsafe {
        libc::syscall(libc::SYS_rt_sigprocmask, libc::SIG_SETMASK, set.as_ptr(), std::ptr::null::<u64>(), SIGNAL_SET)
    };
}

/// Takes charge of a descriptor that has just come into being, or that was handed over, and that nobody else has charge of.
pub fn adopt_descriptor(number: RawFd) -> OwnedFd {
    // SAFETY: the caller says that the descriptor is nobody's. Should it be wrong, a descriptor is closed too early,
    // which harms what is read and written, not memory.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Close the descriptors of this range for ourselves alone, without copying the rest of the table of descriptors first
/// (close_range(2)).
pub(crate) const UNSHARE: c_uint = 2;

/// close_range(2), in a process that has a table of descriptors of its own, or is to have one.
pub(crate) fn close_range(first: c_int, last: c_int, flags: c_uint) -> Result<(), Errno> {
    // SAFETY: takes numbers. Children that are about to run another program use it on their own table, and a program that
    // was handed descriptors which it does not know, before it opens any.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, flags) }).map(drop)
}

/// Makes `to` a number of the descriptor `from`, inherited by programs.
pub(crate) fn duplicate(from: c_int, to: c_int) -> Result<(), Errno> {
    if from == to {
        // dup2(2) would leave it as it is.
        // SAFETY: takes numbers.
        return Errno::result(unsafe { libc::fcntl(from, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: takes numbers; only children that are about to run another program use this, on their own table.
    Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Has the descriptor under one more number, above that one, which no program inherits.
pub(crate) fn duplicate_above(from: c_int, number: c_int) -> Result<c_int, Errno> {
    // SAFETY: takes numbers.
    Errno::result(unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, number + 1) })
}

/// Makes a terminal the controlling one of this session.
pub(crate) fn control_terminal(terminal: c_int) -> Result<(), Errno> {
    // SAFETY: the request takes a number.
    Errno::result(unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 1) }).map(drop)
}

/// Has the kernel send this process a signal when somebody presses the keys for it at a virtual terminal (KDSIGACCEPT).
pub(crate) fn accept_keyboard_request(terminal: &OwnedFd, signal: c_int) -> Result<(), Errno> {
    const KDSIGACCEPT: u32 = 0x4b4e;
    // SAFETY: the request takes a number.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), KDSIGACCEPT as _, signal) }).map(drop)
}

/// A new terminal: the end that is read, which never blocks, and the end for a process. Programs inherit neither.
///
/// As openpty(3), but nothing is looked up by name: half as many calls.
///
/// # Errors
/// The kernel has no terminal to give (ENOSPC), or no descriptor (EMFILE, ENFILE).
pub fn open_terminal() -> Result<(OwnedFd, OwnedFd), Errno> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let reader = open(c"/dev/ptmx", flags | OFlag::O_NONBLOCK, Mode::empty())?;
    let locked: c_int = 0;
    // SAFETY: the request reads one number.
    Errno::result(unsafe { libc::ioctl(reader.as_raw_fd(), libc::TIOCSPTLCK, &raw const locked) })?;
    // SAFETY: the request takes a number, and returns a new descriptor.
    let writer = Errno::result(unsafe { libc::ioctl(reader.as_raw_fd(), libc::TIOCGPTPEER, flags.bits()) });
    match writer.map(adopt_descriptor) {
        Ok(writer) => Ok((reader, writer)),
        // Linux has that request since 4.13.
        Err(_) => {
            let mut path = [0; 24];
            write!(&mut path[..], "/dev/pts/{}\0", terminal_number(&reader)?).map_err(|_| Errno::ENAMETOOLONG)?;
            let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::ENAMETOOLONG)?;
            open(path, flags, Mode::empty()).map(|writer| (reader, writer))
        }
    }
}

/// Which of the terminals below `/dev/pts` belongs to this reader.
fn terminal_number(reader: &OwnedFd) -> Result<c_uint, Errno> {
    let mut number: c_uint = 0;
    // SAFETY: the request writes one number.
    Errno::result(unsafe { libc::ioctl(reader.as_raw_fd(), libc::TIOCGPTN, &raw mut number) }).map(|_| number)
}

/// Sets a limit of this process, by the kernel's number for the resource; all ones are no limit.
pub(crate) fn set_limit(resource: c_uint, soft: u64, hard: u64) -> Result<(), Errno> {
    // The kernel's own structure: 64 bits each on every machine.
    let limit = [soft, hard];
    let null = std::ptr::null::<u64>();
    // SAFETY: `limit` is read, and the old limit is not asked for.
    Errno::result(unsafe { libc::syscall(libc::SYS_prlimit64, 0, resource, limit.as_ptr(), null) }).map(drop)
}

/// setpriority(2) for this process.
pub(crate) fn set_priority(nice: i8) -> Result<(), Errno> {
    // SAFETY: takes numbers.
    Errno::result(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.into()) }).map(drop)
}

/// The supplementary groups of this process, where they fit.
pub(crate) fn groups(room: &mut [u32]) -> Option<&[u32]> {
    let most = c_int::try_from(room.len()).ok()?;
    // SAFETY: the room is as large as said.
    let count = unsafe { libc::getgroups(most, room.as_mut_ptr()) };
    room.get(..usize::try_from(count).ok()?)
}

/// setgroups(2) for this process alone.
pub(crate) fn set_groups(groups: &[u32]) -> Result<(), Errno> {
    // SAFETY: the list is as long as said.
    Errno::result(unsafe { libc::syscall(numbers::SETGROUPS, groups.len(), groups.as_ptr()) }).map(drop)
}

/// setgid(2) for this process alone.
pub(crate) fn set_group(group: u32) -> Result<(), Errno> {
    // SAFETY: takes a number.
    Errno::result(unsafe { libc::syscall(numbers::SETGID, group) }).map(drop)
}

/// setuid(2) for this process alone.
pub(crate) fn set_user(user: u32) -> Result<(), Errno> {
    // SAFETY: takes a number.
    Errno::result(unsafe { libc::syscall(numbers::SETUID, user) }).map(drop)
}

/// The system calls with 32-bit user and group numbers.
#[cfg(not(any(target_arch = "arm", target_arch = "x86")))]
mod numbers {
    pub(super) use libc::{SYS_setgid as SETGID, SYS_setgroups as SETGROUPS, SYS_setuid as SETUID};
}

/// The system calls with 32-bit user and group numbers.
#[cfg(any(target_arch = "arm", target_arch = "x86"))]
mod numbers {
    pub(super) use libc::{SYS_setgid32 as SETGID, SYS_setgroups32 as SETGROUPS, SYS_setuid32 as SETUID};
}

/// Bytes that nobody can guess; zeros stay where the kernel has none to give yet. Does not wait for better ones.
pub(crate) fn random(room: &mut [u8]) {
    /// GRND_INSECURE (Linux 5.6): what there is, early in the boot too.
    const INSECURE: c_uint = 4;
    for flags in [INSECURE, libc::GRND_NONBLOCK] {
        // Not by the C library's function: the standard library names it weakly, and whole-program optimisation then makes
        // our call weak too, so that a static program may be linked without it and calls nothing.
        // SAFETY: the room is as large as said.
        let got = unsafe { libc::syscall(libc::SYS_getrandom, room.as_mut_ptr(), room.len(), flags) };
        if usize::try_from(got) == Ok(room.len()) {
            return;
        }
    }
}

/// A message, as the kernel vouches for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Received {
    /// Bytes of it that were taken.
    pub(crate) length: usize,
    /// Whether that is all.
    pub(crate) whole: bool,
    /// Who sent it: process (none if it is in another world of numbers) and user.
    pub(crate) sender: Option<(Option<Pid>, u32)>,
}

/// Takes the next message from a socket that asks for credentials (SO_PASSCRED in unix(7)).
pub(crate) fn receive(socket: &OwnedFd, room: &mut [u8]) -> Result<Received, Errno> {
    // Room for the credentials, which come first, and for nothing else: descriptors that come with them are closed by the
    // kernel.
    // SAFETY: takes a number.
    const CONTROL: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as c_uint) } as usize;
    let mut control = [0_u64; CONTROL.div_ceil(8)];
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    // SAFETY: msghdr is numbers and pointers, for which zeros are a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    (header.msg_iov, header.msg_iovlen) = (&raw mut part, 1);
    (header.msg_control, header.msg_controllen) = (control.as_mut_ptr().cast(), CONTROL as _);
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header names one part and one control buffer, each as large as it says; all live past the call.
    let length = Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    // SAFETY: the kernel has filled in the header.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header).as_ref() };
    let first = first.filter(|first| first.cmsg_level == libc::SOL_SOCKET && first.cmsg_type == libc::SCM_CREDENTIALS);
    let sender = first.map(|first| {
        // SAFETY: control data of this kind is such a structure, for which the buffer has room.
        let who: libc::ucred = unsafe { libc::CMSG_DATA(first).cast::<libc::ucred>().read_unaligned() };
        (u32::try_from(who.pid).ok().and_then(Pid::new), who.uid)
    });
    let whole = header.msg_flags & libc::MSG_TRUNC == 0;
    Ok(Received { length: length.unsigned_abs(), whole, sender })
}

/// Reads a directory: the name of each entry, and whether it is a directory itself. Unlike readdir(3), it asks nobody for
/// memory.
pub(crate) fn each_entry(directory: &OwnedFd, mut take: impl FnMut(&[u8], bool)) {
    /// In an entry: its length, its kind, and its name, which ends in NUL (getdents64(2)).
    const LENGTH: std::ops::Range<usize> = 16..18;
    const KIND: usize = 18;
    const NAME: usize = 19;
    let mut buffer = [0u64; 256];
    loop {
        let size = size_of_val(&buffer);
        let pointer = buffer.as_mut_ptr();
        // SAFETY: the buffer is as large as said.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), pointer, size) };
        let Ok(read @ 1..) = usize::try_from(read) else { return };
        // SAFETY: plain numbers seen as bytes, of which there are no more.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), read.min(size)) };
        let mut rest = bytes;
        while let (Some(&[low, high]), Some(kind)) = (rest.get(LENGTH), rest.get(KIND)) {
            let length = usize::from(u16::from_ne_bytes([low, high])).max(NAME);
            let name = rest.get(NAME..length).unwrap_or_default();
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            if !matches!(name, b"" | b"." | b"..") {
                take(name, *kind == libc::DT_DIR);
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// rmdir(2), of a path that need not end in NUL.
pub(crate) fn remove_directory(path: &[u8]) -> Result<(), Errno> {
    // SAFETY: the path ends in NUL.
    path.with_nix_path(|path| Errno::result(unsafe { libc::rmdir(path.as_ptr()) }).map(drop))?
}

/// Called by the C library before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = hold_standard_descriptors;

/// Rust's library opens the null device for standard descriptors that are closed, and ends the program where there is none.
/// A kernel that finds no console starts process 1 so, on a disk where `/dev` is still bare. So something else is opened
/// before that: `first_process` puts the console or the null device there when it has made `/dev`.
extern "C" fn hold_standard_descriptors() {
    // SAFETY: takes nothing.
    if unsafe { libc::getpid() } != 1 {
        return;
    }
    loop {
        // SAFETY: the path ends in NUL. The lowest number that is free is taken.
        let number = unsafe { libc::open(c"/".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY) };
        if number > 2 {
            // SAFETY: opened just now, and nobody else's.
            unsafe { libc::close(number) };
        }
        if !(0..2).contains(&number) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::{fstat, stat};

    #[test]
    fn a_terminal_has_the_name_of_its_number() {
        let (reader, writer) = open_terminal().unwrap();
        let path = format!("/dev/pts/{}", terminal_number(&reader).unwrap());
        assert_eq!(stat(path.as_str()).unwrap().st_rdev, fstat(&writer).unwrap().st_rdev);
        nix::unistd::write(&writer, b"a\n").unwrap();
        let mut text = [0; 8];
        assert_eq!(nix::unistd::read(&reader, &mut text), Ok(3));
        assert_eq!(nix::unistd::read(&reader, &mut text), Err(Errno::EAGAIN), "it blocks");
    }
}
