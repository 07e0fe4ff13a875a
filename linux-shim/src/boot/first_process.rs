//! The preparations that only the system's first process makes; and the program's behaviour when a person runs it by
//! hand.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::reboot::set_cad_enabled;
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::{AccessFlags, access};

use crate::kernel;
use crate::kernel::error;
use crate::output::message_log::MessageLog;

/// File systems without which little works, in the order of mounting: place, type, flags, and options.
#[rustfmt::skip]
const FILE_SYSTEMS: [(&str, &str, MsFlags, &str); 4] = [
    //  where       which       how                             options
    (   "/proc",    "proc",     QUIET,                          ""),
    (   "/sys",     "sysfs",    QUIET,                          ""),
    (   "/dev",     "devtmpfs", MsFlags::MS_NOSUID,             "mode=0755"),
    (   "/dev/pts", "devpts",   CALM,                           "mode=0620,gid=5"),
];

/// Where the hierarchy of control groups is mounted: the usual place, and that beside hierarchies of version 1.
const GROUPS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

const CALM: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NOEXEC);
const QUIET: MsFlags = CALM.union(MsFlags::MS_NODEV);

/// Prepares a bare system for jobs. A step that fails is not reported here; it is reported where its result is missed.
///
/// The default control socket needs a writable `/run`. If `/run` is writable, or something is mounted there, it is left
/// to the jobs.
pub fn settle_in(usual_socket: bool, groups: bool) {
    for (place, kind, flags, options) in FILE_SYSTEMS {
        // The kernel's own /dev lacks /dev/pts; the other directories exist, or cannot be made.
        fs::create_dir(place).unwrap_or_default();
        if needs_mount(Path::new(place)) {
            mount(Some(kind), place, Some(kind), flags, Some(options)).unwrap_or_default();
        }
    }
    if groups {
        mount_groups();
    }
    let run = Path::new("/run");
    if usual_socket && needs_mount(run) && access(run, AccessFlags::W_OK) == Err(Errno::EROFS) {
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("tmpfs"), run, Some("tmpfs"), flags, Some("mode=0755")).unwrap_or_default();
    }
    // This fails if the process is a session leader already.
    nix::unistd::setsid().map(drop).unwrap_or_default();
    open_console();
}

/// Mounts the single hierarchy of control groups (version 2) where the kernel has it and nothing has mounted it: by it
/// alone the processes of a job are known for certain. It takes no controller from the hierarchies of version 1.
fn mount_groups() {
    let has = |file: &str, kind: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.split_ascii_whitespace().any(|word| word == kind))
    };
    if has("/proc/self/mounts", "cgroup2") || !has("/proc/filesystems", "cgroup2") {
        return;
    }
    // A mount at the first place may be the directory of the hierarchies of version 1.
    let [usual, beside] = GROUPS;
    let place = if needs_mount(Path::new(usual)) { usual } else { beside };
    fs::create_dir(place).unwrap_or_default();
    mount(Some("cgroup2"), place, Some("cgroup2"), QUIET, None::<&str>).unwrap_or_default();
}

/// Whether the directory is there, and nothing is mounted at it.
fn needs_mount(place: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).map(|directory| directory.dev()).ok();
    device(place).is_some() && device(place) == place.parent().and_then(device)
}

/// Opens the console, or nothing, as the missing standard descriptors.
fn open_console() {
    // The kernel found no console when it started this process. The standard library has opened the null device in its
    // place, or `kernel` a directory.
    let nowhere =
        |output: FileStat| output.st_rdev == libc::makedev(1, 3) || output.st_mode & libc::S_IFMT == libc::S_IFDIR;
    if !fstat(std::io::stdout()).is_ok_and(nowhere) {
        return;
    }
    let device = |path| open(path, OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC, Mode::empty());
    if let Ok(console) = device("/dev/console").or_else(|_| device("/dev/null")) {
        let dup = nix::unistd::dup2_stdin(&console);
        dup.and_then(|()| nix::unistd::dup2_stdout(&console))
            .and_then(|()| nix::unistd::dup2_stderr(&console))
            .unwrap_or_default();
    }
}

/// Makes the kernel report control-alt-delete as SIGINT instead of rebooting, and the keyboard request as SIGWINCH.
pub fn take_keys(log: &mut MessageLog) {
    // In a container the keys belong to the host.
    if let Err(errno) = set_cad_enabled(false)
        && !matches!(errno, Errno::EPERM | Errno::EINVAL)
    {
        log.warn(format_args!("Unable to disable reboot by control-alt-delete: {}", errno.desc()));
    }
    // Without virtual terminals there is no such key.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    open("/dev/tty0", flags, Mode::empty())
        .and_then(|terminal| kernel::terminal::accept_keyboard_request(&terminal, libc::SIGWINCH))
        .unwrap_or_default();
}

/// Becomes `telinit`: a person who runs `init` by hand means that. Returns the reason if that is not possible.
pub fn become_telinit() -> String {
    let own = std::env::current_exe().and_then(fs::canonicalize).unwrap_or_default();
    let beside = |name| own.parent().map(|directory| directory.join(name));
    let known = [beside("telinit"), Some(PathBuf::from("/sbin/telinit")), beside("initctl")];
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let mut problem = error::explain(libc::ENOENT);
    for program in known.into_iter().flatten() {
        // If all names are links to one program, this would loop.
        if fs::canonicalize(&program).is_ok_and(|program| program != own) {
            problem = error::words(&Command::new(program).arg0("init").args(&arguments).exec());
        }
    }
    format!("init: unable to run telinit: {problem}; to supervise a session use --user")
}
