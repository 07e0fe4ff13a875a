//! What a new process does between its making and its program: FACTS 6, in that order.
//!
//! The child of a vfork runs in the supervisor's memory, while the supervisor stands still. So nothing here allocates,
//! locks, panics or calls a library function that might; users and groups are set by the bare system calls, because the
//! C library's functions would change every thread of the supervisor with them.
#![allow(unsafe_code)]

use crate::accounts;
use crate::command::SCRIPT_DESCRIPTOR;
use crate::settings::{DEFAULT_UMASK, Limit, Settings, Text};
use nix::errno::Errno;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use uphold_core::conf::stanza::Console;
use uphold_core::process::{Resource, SpawnError, Stage};
use uphold_core::signal::Signal;

/// The status of a process whose set-up failed, should anyone come to see it.
pub(crate) const FAILED: c_int = 255;

const NULL_DEVICE: &CStr = c"/dev/null";
const CONSOLE_DEVICE: &CStr = c"/dev/console";
const SHELL: &CStr = c"/bin/sh";

/// Everything the child needs, prepared beforehand.
pub(crate) struct Orders<'a> {
    pub(crate) settings: &'a Settings,
    /// The terminal for the output, below `first_unwanted`.
    pub(crate) log: Option<c_int>,
    /// The script for the shell, below `first_unwanted`.
    pub(crate) script: Option<c_int>,
    /// The supervisor's own low descriptors start here ...
    pub(crate) first_slot: c_int,
    /// ... and from here on there is nothing for the child.
    pub(crate) first_unwanted: c_int,
    /// The arguments with a null at the end, and with one free place before the first.
    pub(crate) arguments: &'a mut [*const c_char],
    /// The environment with a null at the end.
    pub(crate) environment: &'a [*const c_char],
    /// The paths to try, each ended by NUL.
    pub(crate) candidates: &'a [u8],
    pub(crate) trace: bool,
    pub(crate) stop_before_exec: bool,
    pub(crate) system_mode: bool,
    /// The child's answer, when there is something to say.
    pub(crate) failure: Option<SpawnError>,
}

type Step = Result<(), SpawnError>;

/// The child. `orders` points to [`Orders`] that nobody else looks at until the child has exec'ed or ended.
pub(crate) extern "C" fn run(orders: *mut c_void) -> c_int {
    // SAFETY: the caller passes orders that live longer than this call, and does not touch them during it.
    let orders = unsafe { &mut *orders.cast::<Orders<'_>>() };
    orders.failure = set_up(orders).err();
    // SAFETY: ends this process without running anything of the supervisor's.
    unsafe { libc::_exit(FAILED) }
}

fn set_up(orders: &mut Orders<'_>) -> Step {
    // SAFETY: takes nothing. It cannot fail: a new process leads no group.
    unsafe { libc::setsid() };
    descriptors(orders)?;
    let settings = orders.settings;
    limits(settings)?;
    // SAFETY: takes a number.
    unsafe { libc::umask(settings.umask.unwrap_or(DEFAULT_UMASK).into()) };
    priority(settings)?;
    oom_score(settings)?;
    place(settings, orders.system_mode)?;
    identity(settings)?;
    signals(orders)?;
    Err(execute(orders))
}

fn failed(stage: Stage, errno: Errno) -> SpawnError {
    SpawnError { stage, code: errno as i32 }
}

fn check(stage: Stage, result: impl Into<c_long>) -> Result<c_int, SpawnError> {
    match result.into() {
        -1 => Err(failed(stage, Errno::last())),
        value => Ok(value as c_int),
    }
}

/// Descriptors 0, 1, 2 and, for a long script, 9; everything else is closed, at the latest by exec.
///
/// The table was shared with the supervisor so far, because copying it takes the longer the more is open. Closing the
/// end of it for ourselves alone makes the kernel copy only the beginning.
fn descriptors(orders: &Orders<'_>) -> Step {
    const UNSHARE: c_uint = 2;
    if close_range(orders.first_unwanted, c_int::MAX, UNSHARE) == -1 {
        // SAFETY: takes a number.
        check(Stage::Console, unsafe { libc::unshare(libc::CLONE_FILES) })?;
    }
    if orders.first_slot > 3 {
        // What this misses (before Linux 5.9) exec closes.
        close_range(3, orders.first_slot - 1, 0);
    }
    match (orders.settings.console, orders.log) {
        (Console::Log, Some(log)) => {
            console(NULL_DEVICE, &[0], false)?;
            duplicate(log, 1)?;
            duplicate(log, 2)?;
        }
        (Console::None | Console::Log, _) => console(NULL_DEVICE, &[0, 1, 2], false)?,
        (Console::Output, _) => {
            console(CONSOLE_DEVICE, &[0, 1, 2], false).or_else(|_| console(NULL_DEVICE, &[0, 1, 2], false))?;
        }
        (Console::Owner, _) => console(CONSOLE_DEVICE, &[0, 1, 2], true)?,
    }
    match orders.script {
        Some(script) => duplicate(script, SCRIPT_DESCRIPTOR),
        None => Ok(()),
    }
}

fn close_range(first: c_int, last: c_int, flags: c_uint) -> c_long {
    // SAFETY: takes numbers; the descriptors closed are in this process's own table and nobody here uses them.
    unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, flags) }
}

fn duplicate(from: c_int, to: c_int) -> Step {
    // SAFETY: takes numbers.
    check(Stage::Console, unsafe { libc::dup2(from, to) }).map(drop)
}

/// Opens a device as these descriptors.
fn console(device: &CStr, targets: &[c_int], control: bool) -> Step {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: the path ends in NUL.
    let fd = check(Stage::Console, unsafe { libc::open(device.as_ptr(), flags) })?;
    if control {
        // A console that is no terminal cannot be one's controlling terminal: then there is none.
        // SAFETY: the request takes a number.
        unsafe { libc::ioctl(fd, libc::TIOCSCTTY, 1) };
    }
    for &target in targets {
        duplicate(fd, target)?;
    }
    // SAFETY: `fd` was opened here and is above 2, which are always open.
    unsafe { libc::close(fd) };
    Ok(())
}

/// How many resources the kernel knows (RLIM_NLIMITS).
const RESOURCES: c_uint = 16;

fn limits(settings: &Settings) -> Step {
    // By the kernel's numbers, so that of several bad limits the same one is named as ever.
    for number in 0..RESOURCES {
        for Limit { resource, soft, hard } in settings.limits() {
            if number_of(*resource) != number {
                continue;
            }
            // The kernel's own structure: soft and hard, 64 bits each on every machine, all ones being no limit.
            let limit = [soft, hard].map(|limit| limit.unwrap_or(u64::MAX));
            let null = std::ptr::null::<u64>();
            // SAFETY: `limit` is read, and the old limit is not asked for.
            let done = unsafe { libc::syscall(libc::SYS_prlimit64, 0, number, limit.as_ptr(), null) };
            check(Stage::Limit(*resource), done)?;
        }
    }
    Ok(())
}

fn number_of(resource: Resource) -> c_uint {
    (match resource {
        Resource::As => libc::RLIMIT_AS,
        Resource::Core => libc::RLIMIT_CORE,
        Resource::Cpu => libc::RLIMIT_CPU,
        Resource::Data => libc::RLIMIT_DATA,
        Resource::Fsize => libc::RLIMIT_FSIZE,
        Resource::Memlock => libc::RLIMIT_MEMLOCK,
        Resource::Msgqueue => libc::RLIMIT_MSGQUEUE,
        Resource::Nice => libc::RLIMIT_NICE,
        Resource::Nofile => libc::RLIMIT_NOFILE,
        Resource::Nproc => libc::RLIMIT_NPROC,
        Resource::Rss => libc::RLIMIT_RSS,
        Resource::Rtprio => libc::RLIMIT_RTPRIO,
        Resource::Sigpending => libc::RLIMIT_SIGPENDING,
        Resource::Stack => libc::RLIMIT_STACK,
    }) as c_uint
}

fn priority(settings: &Settings) -> Step {
    let Some(nice) = settings.nice else { return Ok(()) };
    // SAFETY: takes numbers.
    check(Stage::Priority, unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice.into()) }).map(drop)
}

fn oom_score(settings: &Settings) -> Step {
    let Some(score) = settings.oom_score else { return Ok(()) };
    let mut text = [0u8; 6];
    let text = decimal(score, &mut text);
    // SAFETY: the path ends in NUL.
    let fd = unsafe { libc::open(c"/proc/self/oom_score_adj".as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    let fd = check(Stage::OomAdjustment, fd)?;
    // SAFETY: the buffer is as long as said.
    let written = unsafe { libc::write(fd, text.as_ptr().cast(), text.len()) };
    let result = check(Stage::OomAdjustment, written as c_long).map(drop);
    // SAFETY: `fd` was opened here.
    unsafe { libc::close(fd) };
    result
}

/// A number in decimal, at the end of the buffer.
fn decimal(number: i16, buffer: &mut [u8; 6]) -> &[u8] {
    let mut rest = number.unsigned_abs();
    let mut at = buffer.len();
    loop {
        at -= 1;
        buffer[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        buffer[at] = b'-';
    }
    &buffer[at..]
}

fn place(settings: &Settings, system_mode: bool) -> Step {
    if let Some(root) = settings.get(Text::Chroot) {
        // SAFETY: the path ends in NUL.
        check(Stage::Root, unsafe { libc::chroot(root.as_ptr()) })?;
    }
    if let Some(directory) = settings.get(Text::Chdir).or(system_mode.then_some(c"/")) {
        // SAFETY: the path ends in NUL.
        check(Stage::Directory, unsafe { libc::chdir(directory.as_ptr()) })?;
    }
    Ok(())
}

/// Users and groups. Code 0 of the four look-up stages says that there is no such name or number.
fn identity(settings: &Settings) -> Step {
    let user = match settings.get(Text::Setuid) {
        Some(name) => Some(found(Stage::FindUser, accounts::user_named(name.to_bytes()))?),
        None => None,
    };
    let group = match settings.get(Text::Setgid) {
        Some(name) => Some(found(Stage::FindGroup, accounts::group_named(name.to_bytes()))?),
        None => None,
    };
    let user_group = user.as_ref().map(|user| user.gid);
    // SAFETY: take nothing and cannot fail.
    let (own_user, own_group) = unsafe { (libc::geteuid(), libc::getegid()) };
    if own_user == 0 {
        let own;
        let login = match &user {
            Some(user) => &user.name,
            None => {
                own = found(Stage::FindOwnUser, accounts::user_numbered(own_user))?;
                &own.name
            }
        };
        if group.is_none() {
            found(Stage::FindOwnGroup, accounts::group_exists(own_group).map(|there| there.then_some(())))?;
        }
        // Upstart leaves group 0 in the list of a `setuid` job that has no `setgid`; the user's own group belongs there.
        let first = group.or(user_group).unwrap_or(own_group);
        let groups = accounts::groups_of(login, first).map_err(|errno| failed(Stage::Groups, errno))?;
        // SAFETY: the list is as long as said.
        check(Stage::Groups, unsafe { libc::syscall(numbers::SETGROUPS, groups.len(), groups.as_ptr()) })?;
    }
    if let Some(group) = group.or(user_group) {
        // SAFETY: takes a number.
        check(Stage::SetGroup, unsafe { libc::syscall(numbers::SETGID, group) })?;
    }
    if let Some(user) = user {
        // SAFETY: takes a number.
        check(Stage::SetUser, unsafe { libc::syscall(numbers::SETUID, user.uid) })?;
    }
    Ok(())
}

fn found<T>(stage: Stage, answer: Result<Option<T>, Errno>) -> Result<T, SpawnError> {
    answer.map_err(|errno| failed(stage, errno))?.ok_or(SpawnError { stage, code: 0 })
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

/// Default dispositions, nothing blocked, and the trace.
///
/// All signals are blocked until here, so none can run a handler of the supervisor's in its own memory.
fn signals(orders: &Orders<'_>) -> Step {
    /// The kernel's structure, which is smaller than this; zeros are SIG_DFL, no flags, nothing blocked.
    const DEFAULT: [u64; 8] = [0; 8];
    for signal in 1..=c_int::from(Signal::MAX) {
        // The bare call, since the C library keeps two numbers to itself, which may have been ignored when the
        // supervisor was started. KILL and STOP are refused, which is right.
        // SAFETY: the structure is read, and the old one is not asked for.
        unsafe { libc::syscall(libc::SYS_rt_sigaction, signal, DEFAULT.as_ptr(), std::ptr::null::<u64>(), 8) };
    }
    if orders.stop_before_exec {
        block(false);
        // Not raise(3): the C library may remember the supervisor's number.
        // SAFETY: takes numbers.
        unsafe { libc::kill(libc::getpid(), libc::SIGSTOP) };
    }
    if orders.trace {
        // A signal would stop a traced process at once, and with it the supervisor, which waits for its exec and could
        // not let it go on. So only the trap of exec comes through; the supervisor unblocks the rest at that stop.
        // With `stop_before_exec` it does not wait.
        block(!orders.stop_before_exec);
        let null = std::ptr::null_mut::<c_void>();
        // SAFETY: the request takes nothing.
        let traced = unsafe { libc::ptrace(libc::PTRACE_TRACEME as _, 0 as libc::pid_t, null, null) };
        return check(Stage::Trace, traced).map(drop);
    }
    block(false);
    Ok(())
}

/// Blocks all signals but SIGTRAP, or none.
fn block(all: bool) {
    // SAFETY: `set` is initialised by the first call on it.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        if all {
            libc::sigfillset(&mut set);
            libc::sigdelset(&mut set, libc::SIGTRAP);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &set, std::ptr::null_mut());
    }
}

/// execvp(3), with the search done beforehand: returns only what went wrong.
fn execute(orders: &mut Orders<'_>) -> SpawnError {
    let mut rest = orders.candidates;
    let (mut denied, mut last) = (false, Errno::ENOENT);
    while let Ok(path) = CStr::from_bytes_until_nul(rest) {
        rest = rest.get(path.count_bytes() + 1..).unwrap_or_default();
        last = execve(path, orders.arguments.get(1..).unwrap_or_default(), orders.environment);
        match last {
            Errno::ENOENT | Errno::ENOTDIR | Errno::ESTALE | Errno::ENODEV | Errno::ETIMEDOUT => {}
            Errno::EACCES => denied = true,
            Errno::ENOEXEC => {
                // A script without `#!`: the shell's first argument is its path, the job's own arguments follow.
                if let [before, name, ..] = &mut *orders.arguments {
                    (*before, *name) = (SHELL.as_ptr(), path.as_ptr());
                }
                return failed(Stage::Execute, execve(SHELL, orders.arguments, orders.environment));
            }
            other => return failed(Stage::Execute, other),
        }
    }
    failed(Stage::Execute, if denied { Errno::EACCES } else { last })
}

fn execve(path: &CStr, arguments: &[*const c_char], environment: &[*const c_char]) -> Errno {
    // SAFETY: the path ends in NUL; both lists end in a null, and their entries are texts that end in NUL and live in
    // the spawner.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    Errno::last()
}
