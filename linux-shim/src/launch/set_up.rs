//! The steps of a new process up to the execve(2) of its program, in the order that was measured on Upstart 1.13.2
//! (init(5) "Process environment" has the stanzas).
//!
//! The child runs in the supervisor's memory, while the supervisor waits. So nothing here allocates, locks, panics or
//! calls a library function that might; users and groups are set by bare system calls (see `kernel`), because the C
//! library's functions would change every thread of the supervisor too.

use crate::capacity::HELPER_WORDS;
use crate::conf::settings::{DEFAULT_UMASK, ResourceLimit, Settings, TextSetting};
use crate::kernel;
use crate::kernel::exec::{execve, fork};
use crate::kernel::signals::BLOCKED_FOR_TRACE;
use crate::launch::accounts;
use crate::launch::preparation::Helper;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{chdir, chroot, getegid, geteuid, getpid, setsid, write};
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::os::fd::AsRawFd;
use uphold_core::conf::Console;
use uphold_core::{Resource, SpawnError, SpawnStage};

const CONSOLE_DEVICE: &CStr = c"/dev/console";
const SHELL: &CStr = c"/bin/sh";

/// Everything that the child needs, prepared beforehand.
pub(crate) struct Orders<'a> {
    pub(crate) settings: &'a Settings,
    /// The null device; the two numbers after it, below `first_unwanted`, also lead there.
    pub(crate) null: c_int,
    /// The terminal for the output.
    pub(crate) log: Option<c_int>,
    /// The script for the shell, and its descriptor in the child.
    pub(crate) script: Option<(c_int, c_int)>,
    /// The readiness pipe, and its descriptor in the child.
    pub(crate) ready: Option<(c_int, c_int)>,
    /// The first of the supervisor's own low descriptors.
    pub(crate) first_slot: c_int,
    /// The first descriptor that the child does not need; neither does it need any above.
    pub(crate) first_unwanted: c_int,
    /// The arguments with a null at the end, and with a free place before the first. The pointers lead to texts that
    /// end in NUL and live as long as the orders; so do those of the environment.
    pub(crate) arguments: &'a mut [*const c_char],
    /// The environment with a null at the end.
    pub(crate) environment: &'a mut [*const c_char],
    /// Whether the last variable is WATCHDOG_PID, which is set to the child's process id.
    pub(crate) watched: bool,
    /// The paths to try, each terminated by NUL.
    pub(crate) candidates: &'a [u8],
    /// Helpers that run to completion before the program.
    pub(crate) helpers: [Option<Helper<'a>>; 2],
    /// The file by which the process enters its control group.
    pub(crate) cgroup: Option<&'a CStr>,
    /// The limit of open files to be restored, soft and hard.
    pub(crate) open_files: Option<(u64, u64)>,
    /// The supplementary groups of processes that keep the supervisor's user; `None` if the child has them already.
    pub(crate) own_groups: Result<Option<&'a [u32]>, SpawnError>,
    /// The signals whose disposition is not the default; bit 0 is signal 1.
    pub(crate) disposed: u64,
    /// Whether to switch to the AppArmor profile of the settings.
    pub(crate) confined: bool,
    /// Whether the supervisor traces the process.
    pub(crate) trace: bool,
    /// The supervisor.
    pub(crate) supervisor: u32,
    pub(crate) stop_before_exec: bool,
    pub(crate) system_mode: bool,
    /// Whether the supervisor waits until the program runs.
    pub(crate) awaited: bool,
    /// The pipe that closes when the program runs, for a process that is awaited and has memory of its own.
    pub(crate) report: Option<c_int>,
    /// The child's report, if it fails.
    pub(crate) failure: &'a mut Option<SpawnError>,
}

type Step = Result<(), SpawnError>;

/// Runs the whole set-up, and the program at last. Returns only an error.
pub(crate) fn set_up(orders: &mut Orders<'_>) -> Step {
    // This cannot fail: a new process leads no group.
    setsid().map(drop).unwrap_or_default();
    descriptors(orders)?;
    let settings = orders.settings;
    if let Some(group) = orders.cgroup {
        write_file(SpawnStage::Cgroup, group, b"0")?;
    }
    for helper in orders.helpers.into_iter().flatten() {
        help(helper, orders)?;
    }
    if let Some(profile) = settings.get(TextSetting::Profile).filter(|_| orders.confined) {
        write_file(SpawnStage::Profile, c"/proc/self/attr/exec", profile.to_bytes())?;
    }
    limits(orders)?;
    umask(Mode::from_bits_truncate(settings.umask.unwrap_or(DEFAULT_UMASK).into()));
    if let Some(nice) = settings.nice {
        kernel::attributes::set_priority(nice).map_err(at(SpawnStage::Priority))?;
    }
    if let Some(score) = settings.oom_score {
        write_file(SpawnStage::OomAdjustment, c"/proc/self/oom_score_adj", decimal(score, &mut [0; 6]))?;
    }
    place(settings, orders.system_mode)?;
    identity(orders)?;
    signals(orders)?;
    let mut own = [0; OWN_NUMBER.len() + 11];
    if orders.watched
        && let Some(last) = orders.environment.len().checked_sub(2)
        && let Some(variable) = orders.environment.get_mut(last)
    {
        *variable = own_number(&mut own).as_ptr();
    }
    Err(execute(orders))
}

/// The variable with a process's own process id (sd_watchdog_enabled(3)).
const OWN_NUMBER: &[u8] = b"WATCHDOG_PID=";

/// That variable with its value and NUL.
fn own_number(room: &mut [u8; OWN_NUMBER.len() + 11]) -> &CStr {
    let mut digits = [0; 10];
    let number = decimal(i64::from(getpid().as_raw()), &mut digits);
    let text = OWN_NUMBER.iter().chain(number);
    room.iter_mut().zip(text).for_each(|(to, from)| *to = *from);
    CStr::from_bytes_until_nul(room).unwrap_or_default()
}

fn failed(stage: SpawnStage, errno: Errno) -> SpawnError {
    SpawnError { stage, code: errno as i32 }
}

fn at(stage: SpawnStage) -> impl Fn(Errno) -> SpawnError {
    move |errno| failed(stage, errno)
}

/// Sets descriptors 0, 1, 2, one for a long script, and one for readiness; everything else is closed, at the latest by
/// exec.
///
/// The table has been shared with the waiting supervisor so far, because copying it takes the longer the more
/// descriptors are open. Closing the end of it for this process alone makes the kernel copy only the beginning.
fn descriptors(orders: &Orders<'_>) -> Step {
    if kernel::descriptors::close_range(orders.first_unwanted, c_int::MAX, kernel::descriptors::UNSHARE).is_err() {
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_FILES).map_err(at(SpawnStage::Console))?;
    }
    if orders.first_slot > 3 {
        // Descriptors that this misses (before Linux 5.9) are closed by exec.
        kernel::descriptors::close_range(3, orders.first_slot - 1, 0).unwrap_or_default();
    }
    let null = orders.null;
    match (orders.settings.console, orders.log) {
        (Console::Log, Some(log)) => lead([null, log, log])?,
        (Console::None | Console::Log, _) => lead([null; 3])?,
        (Console::Output, _) => console(false).or_else(|_| lead([null; 3]))?,
        (Console::Owner, _) => console(true)?,
    }
    // The last one may take the number of a slot: by now no slot is needed any more, except the one that exec closes.
    if let (Some(report), Some((_, number))) = (orders.report, orders.ready)
        && report == number
    {
        kernel::descriptors::duplicate_above(report, number).map_err(at(SpawnStage::Console))?;
    }
    for (slot, number) in [orders.script, orders.ready].into_iter().flatten() {
        kernel::descriptors::duplicate(slot, number).map_err(at(SpawnStage::Console))?;
    }
    Ok(())
}

/// Makes the standard descriptors lead to the same files as these.
fn lead(descriptors: [c_int; 3]) -> Step {
    for (standard, descriptor) in (0..).zip(descriptors) {
        kernel::descriptors::duplicate(descriptor, standard).map_err(at(SpawnStage::Console))?;
    }
    Ok(())
}

/// Makes the standard descriptors lead to the console.
fn console(control: bool) -> Step {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let console = open(CONSOLE_DEVICE, flags, Mode::empty()).map_err(at(SpawnStage::Console))?;
    if control {
        // A console that is not a terminal cannot be a controlling terminal: then there is none.
        kernel::terminal::control_terminal(console.as_raw_fd()).unwrap_or_default();
    }
    lead([console.as_raw_fd(); 3])
}

fn write_file(stage: SpawnStage, path: &CStr, text: &[u8]) -> Step {
    let file = open(path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, Mode::empty());
    file.and_then(|file| write(&file, text)).map(drop).map_err(at(stage))
}

/// A number in decimal, at the end of the buffer, which is large enough.
fn decimal(number: impl Into<i64>, buffer: &mut [u8]) -> &[u8] {
    let number = number.into();
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

/// Runs a helper to completion. Only a process that is not awaited has helpers: its memory is its own.
fn help(helper: Helper<'_>, orders: &Orders<'_>) -> Step {
    let mut words = [std::ptr::null(); HELPER_WORDS + 1];
    words[0] = helper.program.as_ptr();
    let arguments = helper.arguments.split_inclusive(|&byte| byte == 0);
    for (place, word) in (1..).zip(arguments.filter_map(|word| CStr::from_bytes_with_nul(word).ok())) {
        match words.get_mut(..HELPER_WORDS).and_then(|words| words.get_mut(place)) {
            Some(place) => *place = word.as_ptr(),
            None => return Err(failed(SpawnStage::Helper, Errno::E2BIG)),
        }
    }
    let pid = fork(|| {
        kernel::signals::default_signals(orders.disposed);
        kernel::signals::block_signals(0);
        execve(helper.program, &words, orders.environment);
    });
    let pid = pid.map_err(at(SpawnStage::Helper))?;
    let ended = pid.map(kernel::process::await_exit).transpose().map_err(at(SpawnStage::Helper))?.flatten();
    match ended {
        Some(kernel::process::Waited { code: libc::CLD_EXITED, status: 0, .. }) => Ok(()),
        _ => Err(failed(SpawnStage::Helper, Errno::EIO)),
    }
}

/// The number of resources that the kernel has (RLIM_NLIMITS).
const RESOURCES: c_uint = 16;

fn limits(orders: &Orders<'_>) -> Step {
    if let Some((soft, hard)) = orders.open_files {
        // The limit was raised from there, so it can be restored.
        kernel::attributes::set_limit(libc::RLIMIT_NOFILE as c_uint, soft, hard).unwrap_or_default();
    }
    let limits = orders.settings.limits();
    if limits.is_empty() {
        return Ok(());
    }
    // In the order of the kernel's numbers, so that of several wrong limits always the same one is reported.
    for number in 0..RESOURCES {
        for ResourceLimit { resource, soft, hard } in limits {
            if number_of(*resource) == number {
                let [soft, hard] = [soft, hard].map(|limit| limit.unwrap_or(u64::MAX));
                kernel::attributes::set_limit(number, soft, hard).map_err(at(SpawnStage::Limit(*resource)))?;
            }
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

fn place(settings: &Settings, system_mode: bool) -> Step {
    if let Some(root) = settings.get(TextSetting::Chroot) {
        chroot(root).map_err(at(SpawnStage::Root))?;
    }
    if let Some(directory) = settings.get(TextSetting::Chdir).or(system_mode.then_some(c"/")) {
        chdir(directory).map_err(at(SpawnStage::Directory))?;
    }
    Ok(())
}

/// Sets users and groups. Code 0 of the four lookup stages means that there is no such name or id.
fn identity(orders: &Orders<'_>) -> Step {
    let settings = orders.settings;
    if [TextSetting::Chroot, TextSetting::Setuid, TextSetting::Setgid]
        .into_iter()
        .all(|which| settings.get(which).is_none())
    {
        return match orders.own_groups? {
            Some(groups) => kernel::attributes::set_groups(groups).map_err(at(SpawnStage::Groups)),
            None => Ok(()),
        };
    }
    let user = match settings.get(TextSetting::Setuid) {
        Some(name) => Some(accounts::found(SpawnStage::FindUser, accounts::user_named(name.to_bytes()))?),
        None => None,
    };
    let group = match settings.get(TextSetting::Setgid) {
        Some(name) => Some(accounts::found(SpawnStage::FindGroup, accounts::group_named(name.to_bytes()))?),
        None => None,
    };
    let user_group = user.as_ref().map(|user| user.gid);
    let own_group = getegid().as_raw();
    if geteuid().is_root() {
        let own;
        let login = match &user {
            Some(user) => &user.name,
            None => {
                own = accounts::own_user()?;
                &own.name
            }
        };
        if group.is_none() {
            accounts::check_own_group(own_group)?;
        }
        // Upstart leaves group 0 in the list of a `setuid` job without `setgid`; the user's own group belongs there.
        let first = group.or(user_group).unwrap_or(own_group);
        let groups = accounts::groups_of(login, first).map_err(at(SpawnStage::Groups))?;
        kernel::attributes::set_groups(&groups).map_err(at(SpawnStage::Groups))?;
    }
    if let Some(group) = group.or(user_group) {
        kernel::attributes::set_group(group).map_err(at(SpawnStage::SetGroup))?;
    }
    if let Some(user) = user {
        kernel::attributes::set_user(user.uid).map_err(at(SpawnStage::SetUser))?;
    }
    Ok(())
}

/// Sets default dispositions, unblocks signals, and begins the trace.
///
/// All signals are blocked until here, so none can run a handler of the supervisor in its memory.
fn signals(orders: &Orders<'_>) -> Step {
    kernel::signals::default_signals(orders.disposed);
    if orders.stop_before_exec {
        kernel::signals::block_signals(0);
        kernel::process::stop_here();
    }
    if orders.trace {
        // A signal would stop a traced process at once, and the supervisor, which waits for its exec, would have to
        // kill it. So only the trap of exec gets through, and STOP, which cannot be blocked. The supervisor unblocks
        // the rest at that stop; if it does not wait for the process, nothing is blocked.
        kernel::signals::block_signals(if orders.awaited { BLOCKED_FOR_TRACE } else { 0 });
        kernel::ptrace::trace_me().map_err(at(SpawnStage::Trace))?;
        // The tracer is the parent, which is another process if the supervisor was killed. That one would leave the
        // process at the stop of its exec; the next supervisor makes a new one.
        return match std::os::unix::process::parent_id() == orders.supervisor {
            true => Ok(()),
            false => Err(failed(SpawnStage::Trace, Errno::ESRCH)),
        };
    }
    kernel::signals::block_signals(0);
    Ok(())
}

/// execvp(3), with the search done beforehand: returns only the error.
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
                // A script without `#!`: the shell's first argument is the path of the script, and the job's own
                // arguments follow.
                if let [before, name, ..] = &mut *orders.arguments {
                    (*before, *name) = (SHELL.as_ptr(), path.as_ptr());
                }
                return failed(SpawnStage::Execute, execve(SHELL, orders.arguments, orders.environment));
            }
            other => return failed(SpawnStage::Execute, other),
        }
    }
    failed(SpawnStage::Execute, if denied { Errno::EACCES } else { last })
}
