//! `pid file PATH`: the process id that a daemon has written, read where the daemon sees the file.

use std::ffi::CStr;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use heapless::Vec;
use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use uphold_core::conf::expand;
use uphold_core::{JobId, Pid, Process, Supervisor, Variable};

use super::message::decimal;
use crate::capacity::PID_FILE;
use crate::conf::settings::{Settings, TextSetting};
use crate::descriptors::essential;
use crate::watch::proc_files::fill;

/// Bytes of the longest path, with its NUL.
const PATH: usize = nix::libc::PATH_MAX as usize;

/// The identity and version of a file: device and inode, and the times of its last write and change, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    place: [u64; 2],
    written: i64,
    changed: i64,
}

/// The time of a launch, and the version of the file at that time. Both are needed: the time distinguishes a restored
/// file from a new one, and the version stays right when the clock is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Before {
    time: i64,
    file: Option<Stamp>,
}

impl Before {
    /// The present time, and the present version of the file.
    pub(super) fn now<'v>(
        settings: &Settings,
        system_mode: bool,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) -> Before {
        // The clock of the file system, which is coarser than the others.
        let time =
            clock_gettime(ClockId::CLOCK_REALTIME_COARSE).map_or(0, |time| nanoseconds(time.tv_sec(), time.tv_nsec()));
        let file = find(settings, system_mode, lookup).and_then(|file| fstat(&file).ok());
        Before { time, file: file.map(|file| stamp(&file)) }
    }
}

/// The number in the file. `None` if the file is as old as the launch, or is not a regular file.
pub(super) fn number<'v>(
    before: &Before,
    settings: &Settings,
    system_mode: bool,
    lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
) -> Option<Pid> {
    let place = find(settings, system_mode, lookup)?;
    let about = fstat(&place).ok()?;
    let now = stamp(&about);
    let regular = SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    if !regular || now.written < before.time || before.file == Some(now) {
        return None;
    }
    let mut path = [0; 32];
    write!(&mut path[..], "/proc/self/fd/{}\0", place.as_raw_fd()).ok()?;
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let path = CStr::from_bytes_until_nul(&path).ok()?;
    let file = essential(|| open(path, flags, Mode::empty())).ok()?;
    let mut room = [0; PID_FILE + 1];
    let text = fill(&file, &mut room).ok()??;
    if text.len() > PID_FILE { None } else { decimal(text.trim_ascii()) }
}

fn nanoseconds(seconds: impl Into<i64>, rest: impl Into<i64>) -> i64 {
    seconds.into().saturating_mul(1_000_000_000).saturating_add(rest.into())
}

// The numbers have other types on other machines.
#[allow(clippy::unnecessary_cast)]
fn stamp(file: &FileStat) -> Stamp {
    Stamp {
        place: [file.st_dev as u64, file.st_ino as u64],
        written: nanoseconds(file.st_mtime as i64, file.st_mtime_nsec as i64),
        changed: nanoseconds(file.st_ctime as i64, file.st_ctime_nsec as i64),
    }
}

/// The file as the daemon sees it: below its root, and relative to its directory. It is not opened for reading, which
/// could have an effect on a device in its place.
fn find<'v>(settings: &Settings, system_mode: bool, lookup: impl Fn(&[u8]) -> Option<&'v [u8]>) -> Option<OwnedFd> {
    let pattern = settings.readiness()?.pid_file.as_deref()?;
    let mut name = Vec::<u8, PATH>::new();
    expand(pattern, lookup, name.as_mut_view()).ok()?;
    let mut path = Vec::<u8, PATH>::new();
    if !name.starts_with(b"/") {
        let directory = settings.get(TextSetting::Chdir).or(system_mode.then_some(c"/")).unwrap_or(c".");
        path.extend_from_slice(directory.to_bytes()).and_then(|()| path.extend_from_slice(b"/")).ok()?;
    }
    path.extend_from_slice(&name).and_then(|()| path.extend_from_slice(b"\0")).ok()?;
    let path = CStr::from_bytes_with_nul(&path).ok()?;
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let Some(root) = settings.get(TextSetting::Chroot) else {
        return essential(|| open(path, flags, Mode::empty())).ok();
    };
    let root = essential(|| open(root, flags | OFlag::O_DIRECTORY, Mode::empty())).ok()?;
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match essential(|| openat2(&root, path, how)) {
        // Before Linux 5.6, only the file itself is checked not to be a link out of the root.
        Err(Errno::ENOSYS) => {
            let start = path.to_bytes().iter().position(|&byte| byte != b'/')?;
            let below = CStr::from_bytes_with_nul(path.to_bytes_with_nul().get(start..)?).ok()?;
            openat(&root, below, flags | OFlag::O_NOFOLLOW, Mode::empty()).ok()
        }
        found => found.ok(),
    }
}

/// A variable in the environment of a job's main process.
pub fn value_of<'s>(supervisor: &'s Supervisor<'_>, job: JobId, name: &[u8]) -> Option<&'s [u8]> {
    supervisor.environment(job, Process::Main).find_map(|Variable(entry, value)| {
        let rest = entry.strip_prefix(name)?.strip_prefix(b"=")?;
        Some(if rest.is_empty() { value } else { rest })
    })
}
