//! Control groups of jobs, where the kernel's single hierarchy (version 2) is mounted and writable: one for each job,
//! below one of the supervisor's own. Only a job's main process is born into it, so the processes in it are those of
//! the job.

use std::fmt::Write as _;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag, open, openat};
use nix::sys::stat::{Mode, fstat, mkdirat, stat};
use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};
use nix::unistd::{UnlinkatFlags, mkdir, unlinkat, write};
use uphold_core::Pid;

use crate::capacity::{GROUP_DEPTH, GROUP_NAMES, GROUPS_TO_REMOVE, HOME_NAMES, LEFT_GROUPS, OWN_GROUP_PATH};
use crate::containment::hierarchy::find_base;
use crate::descriptors::essential;
use crate::kernel;
use crate::watch::proc_files::{each_number, present};

/// The beginning of the names of supervisors' groups; the supervisor's process id follows.
const PREFIX: &str = "uphold-";

/// The usual mount points of the hierarchy.
const USUAL: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

type Lock = Flock<OwnedFd>;

type GroupPath = heapless::Vec<u8, OWN_GROUP_PATH>;

/// The groups of jobs.
pub(super) struct JobCgroups {
    home: PathBuf,
    /// The lock by which other supervisors know that the home is in use.
    lock: Lock,
    next: u32,
    /// Groups of jobs at rest in which processes still live.
    left: Vec<u32>,
}

/// Whether there is such a hierarchy by now, as far as a quick check tells.
pub(super) fn may_be_there() -> bool {
    USUAL.iter().any(|place| statfs(*place).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC))
}

impl JobCgroups {
    /// Makes a group for the groups of this supervisor.
    ///
    /// # Errors
    /// ENOENT: there is no such hierarchy. Others: it is not writable, or the kernel cannot tell now.
    pub(super) fn new() -> Result<Self, Errno> {
        let base = find_base()?.ok_or(Errno::ENOENT)?;
        tidy(&base);
        let own = format!("{PREFIX}{}", std::process::id());
        let more = (1..HOME_NAMES).map(|number| format!("{own}-{number}"));
        let mut homes = std::iter::once(own.clone()).chain(more).map(|name| base.join(name));
        let settled = homes.find_map(|home| match settle(&home) {
            Err(Errno::EWOULDBLOCK) => None,
            settled => Some(settled.map(|lock| (home, lock))),
        });
        let (home, lock) = settled.unwrap_or(Err(Errno::EBUSY))?;
        // The previous program may have had groups that are not known here.
        remove_below(&home);
        Ok(JobCgroups::at(home, lock))
    }

    /// Uses the groups of a supervisor that was killed.
    ///
    /// # Errors
    /// They are not there, or another supervisor uses them.
    pub(super) fn take_over(home: &Path) -> Result<Self, Errno> {
        stat(home)?;
        Ok(JobCgroups::at(home.to_owned(), settle(home)?))
    }

    /// The groups in a home, which goes on after the largest number in it.
    fn at(home: PathBuf, lock: Lock) -> Self {
        let used = entries(&home).filter_map(|path| path.file_name()?.to_str()?.parse::<u32>().ok()).max();
        JobCgroups { home, lock, next: used.map_or(0, |used| used + 1), left: Vec::with_capacity(LEFT_GROUPS) }
    }

    /// The directory of the groups.
    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    /// The path of a file in the home, which is open: nothing that is mounted over it later hides the groups.
    fn path(number: u32, file: &str) -> Result<GroupPath, Errno> {
        let mut path = GroupPath::new();
        let slash = if file.is_empty() { "" } else { "/" };
        write!(path, "{number}{slash}{file}").map_err(|_| Errno::ENAMETOOLONG)?;
        Ok(path)
    }

    fn open_in(&self, path: &[u8], flags: OFlag) -> Result<OwnedFd, Errno> {
        essential(|| openat(&*self.lock, path, flags | OFlag::O_CLOEXEC, Mode::empty()))
    }

    /// Makes a new group.
    pub(super) fn make(&mut self) -> Result<u32, Errno> {
        for _ in 0..GROUPS_TO_REMOVE.min(self.left.len()) {
            let left = self.left.swap_remove(0);
            self.release(left);
        }
        let mut lost = false;
        for _ in 0..GROUP_NAMES {
            let number = self.next;
            self.next = self.next.wrapping_add(1);
            match mkdirat(&*self.lock, &*Self::path(number, "")?, Mode::from_bits_truncate(0o755)) {
                Err(Errno::EEXIST) => {}
                Err(Errno::ENOENT) if !std::mem::replace(&mut lost, true) => self.lock = settle(&self.home)?,
                made => return made.map(|()| number),
            }
        }
        Err(Errno::EEXIST)
    }

    /// Opens a group, for processes to be born into.
    pub(super) fn open(&self, number: u32) -> Result<OwnedFd, Errno> {
        self.open_in(&Self::path(number, "")?, OFlag::O_PATH | OFlag::O_DIRECTORY)
    }

    /// Calls `take` for every process in a group and in those below it. Returns whether there is such a group.
    ///
    /// # Errors
    /// The kernel does not tell now: there may be more processes.
    pub(super) fn each_process(&self, number: u32, mut take: impl FnMut(Pid)) -> Result<bool, Errno> {
        let mut path = Self::path(number, "")?;
        self.look_through(&mut path, GROUP_DEPTH, &mut take)
    }

    fn look_through(&self, path: &mut GroupPath, depth: usize, take: &mut impl FnMut(Pid)) -> Result<bool, Errno> {
        let length = path.len();
        path.extend_from_slice(b"/cgroup.procs").map_err(|_| Errno::ENAMETOOLONG)?;
        let list = present(self.open_in(path, OFlag::O_RDONLY));
        path.truncate(length);
        let Some(list) = list? else { return Ok(false) };
        match each_number(&list, &mut *take) {
            // In a group for threads: its processes are those of the group above.
            Err(Errno::EOPNOTSUPP) => {}
            read => read?,
        }
        drop(list);
        if depth == 0 {
            return Ok(true);
        }
        let directory = self.open_in(path, OFlag::O_RDONLY | OFlag::O_DIRECTORY);
        let Some(directory) = present(directory)? else { return Ok(true) };
        let mut all = Ok(());
        let read = kernel::descriptors::each_entry(&directory, |name, is_directory| {
            if !is_directory || all.is_err() {
                return;
            }
            let named = path.push(b'/').is_ok() && path.extend_from_slice(name).is_ok();
            // A group that has disappeared meanwhile is empty.
            if named {
                all = self.look_through(path, depth - 1, take).map(drop);
            }
            path.truncate(length);
        });
        all.and(present(read).map(drop)).map(|()| true)
    }

    /// Kills every process in a group and in those below it (Linux 5.14).
    pub(super) fn kill(&self, number: u32) -> Result<(), Errno> {
        let file = self.open_in(&Self::path(number, "cgroup.kill")?, OFlag::O_WRONLY)?;
        write(&file, b"1").map(drop)
    }

    /// Removes a group, now or when it is found empty later.
    pub(super) fn release(&mut self, number: u32) {
        let removed = Self::path(number, "").and_then(|path| unlinkat(&*self.lock, &*path, UnlinkatFlags::RemoveDir));
        // One too many stays until the supervisor ends.
        if removed == Err(Errno::EBUSY) && self.left.len() < self.left.capacity() {
            self.left.push(number);
        }
    }
}

impl Drop for JobCgroups {
    fn drop(&mut self) {
        remove_below(&self.home);
        // Processes may still live in it.
        fs::remove_dir(&self.home).unwrap_or_default();
    }
}

fn entries(directory: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path())
}

/// Removes the groups without processes below a group.
fn remove_below(group: &Path) {
    entries(group).for_each(|path| fs::remove_dir(path).unwrap_or_default());
}

/// Makes a directory, or takes an unused one, and locks it.
///
/// # Errors
/// EWOULDBLOCK: another supervisor uses it. Others: it cannot be made.
fn settle(home: &Path) -> Result<Lock, Errno> {
    for _ in 0..GROUPS_TO_REMOVE {
        match mkdir(home, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(Errno::ENOENT) => return Err(Errno::EACCES),
            Err(errno) => return Err(errno),
        }
        let lock = match lock(home) {
            Err(Errno::ENOENT) => continue,
            lock => lock?,
        };
        // The directory may have been removed before it was locked.
        let place = |found: nix::sys::stat::FileStat| (found.st_dev, found.st_ino);
        if stat(home).map(place) == fstat(&*lock).map(place) {
            return Ok(lock);
        }
    }
    Err(Errno::EWOULDBLOCK)
}

fn lock(directory: &Path) -> Result<Lock, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let directory = essential(|| open(directory, flags, Mode::empty()))?;
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| errno)
}

/// Removes what killed supervisors have left. Their process ids do not tell: each may have its own `/proc`.
fn tidy(base: &Path) {
    let is_home = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()));
    for path in entries(base).filter(is_home) {
        if let Ok(_lock) = lock(&path) {
            remove_below(&path);
            fs::remove_dir(&path).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_left_alone_as_long_as_its_supervisor_lives() {
        let mut first = match JobCgroups::new() {
            Ok(groups) => groups,
            Err(errno) => return println!("skipped: no control groups that can be written: {}", errno.desc()),
        };
        // A home with the same process id, as in another pid namespace.
        let mut second = JobCgroups::new().unwrap();
        assert_ne!(first.home(), second.home());
        for groups in [&mut first, &mut second] {
            let number = groups.make().unwrap();
            assert!(groups.open(number).is_ok());
            groups.release(number);
        }
        // A home that was removed is made again.
        fs::remove_dir(first.home()).unwrap();
        let number = first.make().unwrap();
        first.open(number).unwrap();
        tidy(first.home().parent().unwrap());
        assert!(first.home().exists() && second.home().exists());
        first.release(number);
        // The home of a killed supervisor is removed.
        let left = first.home().with_file_name(format!("{PREFIX}test-{}", std::process::id()));
        fs::create_dir_all(left.join("0")).unwrap();
        tidy(first.home().parent().unwrap());
        assert!(!left.exists());
        let homes = [first.home().to_owned(), second.home().to_owned()];
        drop((first, second));
        assert!(!homes.iter().any(|home| home.exists()));
    }
}
