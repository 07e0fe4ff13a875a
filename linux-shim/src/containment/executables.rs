//! The program that each job's main process runs, by which a daemon that replaces itself is recognised: once a process
//! has exited, its program cannot be found out any more.
//!
//! A main process is examined some seconds after its launch, since a script may execute the daemon only then; until
//! that time the supervisor takes any process that stays for the daemon. One with a controlling terminal is the program
//! of a console: the commands that its user leaves behind must not keep the next login from coming. Nothing here
//! allocates after the construction.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::io::{Result, Write};

use nix::sys::stat::stat;
use serde::{Deserialize, Serialize};
use uphold_core::{Fnv, Instant, JobId, Pid, ShortName};

use crate::capacity::{EXECUTABLE_SECONDS, JOBS};
use crate::image::Writer;
use crate::kernel::descriptors::read_link;
use crate::watch::proc_stat::{Stat, has_terminal};

/// A program, by its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Executable {
    /// Device and inode.
    file: [u64; 2],
    /// A hash of the path: an upgrade puts another file in its place.
    path: u32,
    /// A hash of the process's name for itself.
    name: u32,
    /// Whether the file has that name too. A file that goes by several names is several programs.
    own_name: bool,
}

impl Executable {
    /// The program of a process. `None` if it has exited, or must not be looked into.
    fn of(pid: Pid, name: ShortName) -> Option<Executable> {
        let mut link = [0; 32];
        write!(&mut link[..], "/proc/{pid}/exe\0").ok()?;
        let link = CStr::from_bytes_until_nul(&link).ok()?;
        let file = stat(link).ok()?;
        let mut room = [0; nix::libc::PATH_MAX as usize];
        let path = read_link(link, &mut room)?;
        let path = path.strip_suffix(b" (deleted)").unwrap_or(path);
        let own = path.rsplit(|&byte| byte == b'/').next()?;
        let name = name.0.split(|&byte| byte == 0).next()?;
        let own_name = !name.is_empty() && own.starts_with(name);
        // The numbers have other types on other machines.
        #[allow(clippy::unnecessary_cast)]
        let file = [file.st_dev as u64, file.st_ino as u64];
        Some(Executable { file, path: hash(path), name: hash(name), own_name })
    }

    fn is_same(&self, other: &Executable) -> bool {
        let file = self.file == other.file || self.path == other.path;
        file && (self.name == other.name || self.own_name || other.own_name)
    }
}

fn hash(bytes: &[u8]) -> u32 {
    Fnv::new().with(bytes).value()
}

/// A main process that is to be examined.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Newcomer {
    at: Instant,
    job: JobId,
    pid: Pid,
}

/// The programs of main processes.
pub(crate) struct Executables {
    /// By the index of the job.
    known: Vec<Option<(JobId, Executable)>>,
    /// The earliest first: all have the same delay.
    newcomers: VecDeque<Newcomer>,
}

/// The record that a re-exec carries over.
#[derive(Default)]
pub(crate) struct ExecutablesRecord {
    pub(super) known: Vec<(JobId, Executable)>,
    pub(super) newcomers: Vec<Newcomer>,
}

impl Executables {
    pub(super) fn new() -> Self {
        Executables { known: Vec::with_capacity(JOBS), newcomers: VecDeque::with_capacity(JOBS) }
    }

    /// A process has become the main one. If too many are new, the oldest is examined now.
    pub(crate) fn expect(&mut self, now: Instant, job: JobId, pid: Pid) {
        if self.newcomers.len() == JOBS
            && let Some(oldest) = self.newcomers.pop_front()
        {
            self.examine(oldest);
        }
        self.newcomers.push_back(Newcomer { at: now.after_seconds(EXECUTABLE_SECONDS), job, pid });
    }

    /// The time of the next examination.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.newcomers.front().map(|newcomer| newcomer.at)
    }

    /// Examines the main processes whose time has come; `is_main` says which still are.
    pub(crate) fn meet(&mut self, now: Instant, is_main: impl Fn(JobId, Pid) -> bool) {
        while let Some(newcomer) = self.newcomers.pop_front_if(|newcomer| newcomer.at <= now) {
            if is_main(newcomer.job, newcomer.pid) {
                self.examine(newcomer);
            }
        }
    }

    fn examine(&mut self, newcomer: Newcomer) {
        let Newcomer { job, pid, .. } = newcomer;
        // A process that cannot be seen now is looked at once more.
        let Ok(stat) = Stat::of(pid) else { return self.put_off(newcomer) };
        // A process that is exiting has no program any more; its heir is compared with what was known before.
        if stat.is_some_and(|stat| stat.exits) {
            return;
        }
        let name = stat.filter(|_| has_terminal(pid) == Some(false)).map(|stat| stat.name);
        let found = name.and_then(|name| Executable::of(pid, name));
        self.put(job, found);
    }

    fn put_off(&mut self, newcomer: Newcomer) {
        if self.newcomers.len() < JOBS {
            self.newcomers.push_back(Newcomer { at: newcomer.at.after_seconds(EXECUTABLE_SECONDS), ..newcomer });
        }
    }

    fn put(&mut self, job: JobId, found: Option<Executable>) {
        if self.known.len() <= job.index() {
            if job.index() >= self.known.capacity() {
                return;
            }
            self.known.resize(job.index() + 1, None);
        }
        self.known.iter_mut().skip(job.index()).take(1).for_each(|place| *place = found.map(|found| (job, found)));
    }

    /// Whether a process runs the program that the job's main process ran.
    pub(super) fn is_same(&self, job: JobId, stat: &Stat) -> bool {
        let known = self.known.get(job.index()).copied().flatten().filter(|(of, _)| *of == job);
        known.is_some_and(|(_, known)| Executable::of(stat.pid, stat.name).is_some_and(|other| known.is_same(&other)))
    }

    /// A job is at rest.
    pub(super) fn forget(&mut self, job: JobId) {
        if self.known.len() > job.index() {
            self.put(job, None);
        }
    }

    pub(super) fn carry(&self, writer: &mut Writer<'_>) -> Result<()> {
        writer.put_all(self.known.iter().copied().flatten())?;
        writer.put_all(self.newcomers.iter())
    }

    pub(crate) fn put_back(&mut self, carried: ExecutablesRecord) {
        carried.known.into_iter().for_each(|(job, found)| self.put(job, Some(found)));
        self.newcomers.extend(carried.newcomers.into_iter().take(JOBS));
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command};

    use super::*;

    fn program(child: &Child) -> Executable {
        let pid = Pid::new(child.id()).unwrap();
        Executable::of(pid, Stat::of(pid).unwrap().unwrap().name).unwrap()
    }

    fn end(mut child: Child) {
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_same_file_is_the_same_program_also_when_another_takes_its_place() {
        let folder = std::env::temp_dir().join(format!("uphold-executable-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let own = folder.join("sleeper");
        let start = |program: &std::path::Path| Command::new(program).arg("1000").spawn().unwrap();
        std::fs::copy("/bin/sleep", &own).unwrap();
        let (first, second, other) = (start(&own), start(&own), start("/bin/sleep".as_ref()));
        let known = program(&first);
        assert!(known.is_same(&program(&second)) && !known.is_same(&program(&other)));
        std::fs::copy("/bin/sleep", folder.join("new")).unwrap();
        std::fs::rename(folder.join("new"), &own).unwrap();
        let upgraded = start(&own);
        assert!(program(&upgraded).file != known.file && known.is_same(&program(&upgraded)));
        // One file, several programs, as with BusyBox: neither name is the file's.
        for name in ["one", "two"] {
            std::os::unix::fs::symlink(&own, folder.join(name)).unwrap();
        }
        let (one, two) = (start(&folder.join("one")), start(&folder.join("two")));
        assert!(!program(&one).is_same(&program(&two)));
        [first, second, other, upgraded, one, two].into_iter().for_each(end);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
