//! The supervisor before this one, if it was killed: its kept state is taken over with its file.
//!
//! A supervisor holds a lock on its file, and so does each process that it makes until that runs its program: the lock
//! is on the open file, which both share. So a supervisor that gets the lock knows that the predecessor is dead, and
//! that the environment of each of its processes names the job.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::unistd::{dup3, geteuid};
use uphold_core::Pid;

use super::file::Found;
use super::origin::Origin;
use crate::capacity::{LOCK_LOOKS, LOCK_PAUSE};
use crate::clients::published_files::session_base;
use crate::watch::proc_stat::Stat;

/// The ending of the file's name, after that of the control socket.
const SUFFIX: &str = ".state";

/// The supervisor before this one.
pub struct Predecessor {
    /// The file of the kept state.
    pub file: File,
    /// The path of the file.
    pub path: PathBuf,
    /// The process that it was, as far as the file tells.
    pub origin: Option<Origin>,
    /// The last state.
    pub found: Result<Found, String>,
}

/// The path of the file for a control socket.
pub fn path_for(socket: &Path) -> PathBuf {
    let mut path = socket.as_os_str().to_owned();
    path.push(SUFFIX);
    path.into()
}

/// Opens or makes a file that no other user can have made.
///
/// # Errors
/// It cannot be opened, or is another's.
pub fn open(path: &Path, create: bool) -> std::io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(create).mode(0o600);
    let file = how.custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != geteuid().as_raw() {
        return Err(std::io::ErrorKind::PermissionDenied.into());
    }
    Ok(file)
}

/// This very process, which has crashed.
pub fn crashed(file: File) -> Predecessor {
    let origin = Origin::read(&file).ok();
    let found = match &origin {
        Some(origin) if !origin.is_of_this_version(&Origin::own("")) => Err("another version wrote it".to_owned()),
        _ => Found::read(&file).map_err(|problem| problem.to_string()),
    };
    Predecessor { file, path: PathBuf::new(), origin, found }
}

/// Opens the file of this very process again under the same number. The lock is on the open file, so only processes on
/// their way to their programs have the former one then, if this process has no other descriptor of it.
pub fn open_again(file: File) -> File {
    let mut number = OwnedFd::from(file);
    let again = File::options().read(true).write(true).open(format!("/proc/self/fd/{}", number.as_raw_fd()));
    // Without it, such a process may be taken for one that was never made.
    if let Ok(again) = again {
        dup3(&again, &mut number, OFlag::O_CLOEXEC).unwrap_or_default();
    }
    number.into()
}

/// Takes the lock, for which it waits until the processes on their way to their programs have arrived, but not longer
/// than a while. Returns false if `is_held` says that the holder stays, or if the kernel refuses locks.
fn lock(file: &File, is_held: impl Fn() -> bool) -> bool {
    for _ in 0..LOCK_LOOKS {
        match file.try_lock() {
            Ok(()) => return true,
            Err(TryLockError::WouldBlock) if is_held() => return false,
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(_)) => return false,
        }
    }
    true
}

/// Takes the lock on the file of this very process, which processes on their way to their programs have too.
pub fn await_lock(file: &File) {
    lock(file, || false);
}

/// The killed predecessor of a session's supervisor with that control socket, or with the default one.
pub fn find(socket: Option<&Path>) -> Option<Predecessor> {
    let own = Origin::own("");
    if let Some(socket) = socket {
        return examine(path_for(socket), &own);
    }
    let entries = std::fs::read_dir(session_base()).ok()?;
    let paths = entries.flatten().map(|entry| path_for(&entry.path().join("control")));
    let dead = paths.filter_map(|path| examine(path, &own));
    // Other sessions of this user were started with other arguments.
    let alike = dead.filter(|dead| dead.origin.as_ref().is_none_or(|origin| origin.has_same_arguments(&own)));
    alike.max_by_key(|dead| dead.origin.as_ref().map(|origin| origin.start))
}

/// A dead supervisor's file at that path. One of another boot or another pid namespace says nothing.
fn examine(path: PathBuf, own: &Origin) -> Option<Predecessor> {
    let file = open(&path, false).ok()?;
    let origin = Origin::read(&file).ok();
    if !is_dead(&file, origin.as_ref()) {
        return None;
    }
    let found = match &origin {
        None => Err("its head is broken".to_owned()),
        Some(origin) if !origin.is_of_this_world(own) => return None,
        Some(origin) if !origin.is_of_this_version(own) => Err("another version of the supervisor wrote it".to_owned()),
        Some(_) => Found::read(&file).map_err(|problem| problem.to_string()),
    };
    Some(Predecessor { file, path, origin, found })
}

/// Whether the supervisor that wrote a file is dead, and none of its processes is still on its way to its program. A
/// process that does not arrive is not waited for longer than a while.
fn is_dead(file: &File, origin: Option<&Origin>) -> bool {
    let lives = || {
        let Some(origin) = origin else { return true };
        let stat = Pid::new(origin.pid).map(Stat::of);
        stat.is_some_and(
            |stat| !matches!(stat, Ok(stat) if stat.is_none_or(|it| it.start != origin.start || !it.is_alive())),
        )
    };
    lock(file, lives)
}
