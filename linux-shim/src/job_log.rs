//! `console log`: each process of such a job writes to a terminal of its own, and what it writes is appended to its job's
//! file. The file is opened anew for each piece, so that one which was removed or renamed is followed by a fresh one.

use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::pty::openpty;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::stat::Mode;
use nix::unistd::{read, write};
use uphold_core::bytes::Show;
use uphold_core::process::Pid;
use uphold_core::storage::JobId;
use uphold_core::supervisor::Supervisor;

use crate::capacity::JOB_LOGS;
use crate::kept_output::{Chain, Kept};
use crate::message_log::MessageLog;

/// Bytes read at once: what a terminal holds for its reader.
const PIECE: usize = 4096;

/// Pieces that are read at most when a process has ended: more than a terminal holds, so that all it wrote is read, and a
/// child that goes on writing holds nobody up.
const LAST_PIECES: usize = 16;

/// Terminals that get their turn at once.
const TURN: usize = 16;

/// Room for the path of a log file; a longer one is not openable anyway.
const PATH: usize = libc::PATH_MAX as usize;

/// The output of one process.
struct Entry {
    terminal: Option<OwnedFd>,
    job: JobId,
    /// The process that was spawned.
    pid: u32,
    /// The process that was last seen forked from it.
    heir: u32,
    kept: Chain,
    dropped: u32,
}

/// The output of all processes.
pub struct JobLogs {
    directory: Vec<u8>,
    epoll: Epoll,
    entries: Vec<Entry>,
    free: Vec<u32>,
    kept: Kept,
}

impl JobLogs {
    /// Files are in this directory.
    pub fn new(directory: PathBuf) -> nix::Result<Self> {
        Ok(JobLogs {
            directory: crate::options::path_bytes(&directory).to_vec(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            entries: Vec::with_capacity(JOB_LOGS),
            free: Vec::with_capacity(JOB_LOGS),
            kept: Kept::new(),
        })
    }

    /// What becomes readable when a process has written something.
    pub fn descriptor(&self) -> impl AsFd + '_ {
        &self.epoll.0
    }

    /// A terminal for a process that is about to be made: its log, and the end that the process writes to.
    pub fn open(&mut self, job: JobId) -> Result<(usize, OwnedFd), Errno> {
        if self.free.is_empty() && self.entries.len() == JOB_LOGS {
            return Err(Errno::ENOSPC);
        }
        let pair = openpty(None, None)?;
        for end in [&pair.master, &pair.slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&pair.master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
        let index = self.free.last().map_or(self.entries.len(), |&index| index as usize);
        self.epoll.add(&pair.master, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
        let entry = Entry { terminal: Some(pair.master), job, pid: 0, heir: 0, kept: Chain::EMPTY, dropped: 0 };
        match self.free.pop() {
            Some(_) => self.entries[index] = entry,
            None => self.entries.push(entry),
        }
        Ok((index, pair.slave))
    }

    /// The process was made.
    pub fn started(&mut self, index: usize, pid: Pid) {
        self.entries[index].pid = pid.get();
    }

    /// The process was not made.
    pub fn cancel(&mut self, index: usize) {
        self.entries[index].terminal = None;
        self.free.push(index as u32);
    }

    /// A traced process has forked: its child writes to the same terminal, and may be the one that lasts.
    pub fn forked(&mut self, parent: Pid, child: Pid) {
        for entry in &mut self.entries {
            if entry.terminal.is_some() && (entry.pid == parent.get() || entry.heir == parent.get()) {
                entry.heir = child.get();
            }
        }
    }

    /// A process has ended: reads what it wrote last, before anyone is told.
    pub fn ended(&mut self, pid: Pid, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.terminal.is_some() && (entry.pid == pid.get() || entry.heir == pid.get()) {
                self.read(index, LAST_PIECES, supervisor, log);
            }
        }
    }

    /// Processes have written something: each gets one turn.
    pub fn readable(&mut self, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        let mut events = [EpollEvent::empty(); TURN];
        let Ok(count) = self.epoll.wait(&mut events, EpollTimeout::ZERO) else { return };
        for event in &events[..count] {
            self.read(event.data() as usize, 1, supervisor, log);
        }
    }

    /// Reads up to so many pieces from a terminal; lets go of it when nobody can write to it any more, or when its job has
    /// gone, for then nobody knows whose output it is.
    fn read(&mut self, index: usize, pieces: usize, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        let mut piece = [0; PIECE];
        for _ in 0..pieces {
            let Some(terminal) = self.entries.get(index).and_then(|entry| entry.terminal.as_ref()) else { return };
            match read(terminal, &mut piece) {
                Ok(count) if count > 0 => {
                    if !self.append(index, &piece[..count], supervisor, log) {
                        return self.close(index, supervisor, log);
                    }
                }
                Err(Errno::EAGAIN) => return,
                Err(Errno::EINTR) => {}
                Ok(_) | Err(_) => return self.close(index, supervisor, log),
            }
        }
    }

    /// Appends to the job's file; what cannot be written now is kept. Says whether the job is still known.
    fn append(&mut self, index: usize, piece: &[u8], supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        let entry = &mut self.entries[index];
        let mut room = [0; PATH];
        let Some(path) = path_of(&self.directory, entry.job, supervisor, &mut room) else { return false };
        let mut rest = piece;
        if let Ok(file) = open_log(path) {
            self.kept.unload(&mut entry.kept, |bytes| write_all(&file, bytes));
            if entry.kept.is_empty() {
                rest = &rest[write_all(&file, rest)..];
                if entry.dropped > 0 {
                    log.warn(format_args!("{}: {} bytes of output were lost", Show(path), entry.dropped));
                    entry.dropped = 0;
                }
            }
        }
        let fits = self.kept.load(&mut entry.kept, rest);
        entry.dropped = entry.dropped.saturating_add((rest.len() - fits) as u32);
        true
    }

    fn close(&mut self, index: usize, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        if !self.entries[index].kept.is_empty() {
            // A last try.
            self.append(index, &[], supervisor, log);
        }
        let entry = &mut self.entries[index];
        let lost = entry.dropped as usize + self.kept.forget(&mut entry.kept);
        if lost > 0 {
            log.info(format_args!("{lost} bytes of output of process {} were lost", entry.pid));
        }
        entry.terminal = None;
        self.free.push(index as u32);
    }
}

/// Writes as much as the file takes.
fn write_all(file: &OwnedFd, bytes: &[u8]) -> usize {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match write(file, rest) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(Errno::EINTR) => {}
            Err(_) => break,
        }
    }
    done
}

fn open_log(path: &[u8]) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND | OFlag::O_NOFOLLOW;
    let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    open(path, flags, Mode::from_bits_truncate(0o640))
}

fn path_of<'r>(
    directory: &[u8],
    job: JobId,
    supervisor: &Supervisor<'_>,
    room: &'r mut [u8; PATH],
) -> Option<&'r [u8]> {
    let class = supervisor.class_of(job)?;
    log_path(directory, supervisor.class_name(class), supervisor.instance_name(job), room)
}

/// `DIRECTORY/JOB[-INSTANCE].log`; the slashes in names become `_`.
fn log_path<'r>(directory: &[u8], job: &[u8], instance: &[u8], room: &'r mut [u8; PATH]) -> Option<&'r [u8]> {
    let dash: &[u8] = if instance.is_empty() { b"" } else { b"-" };
    let mut used = 0;
    for (piece, is_name) in
        [(directory, false), (b"/", false), (job, true), (dash, true), (instance, true), (b".log", true)]
    {
        let place = room.get_mut(used..used + piece.len())?;
        place.copy_from_slice(piece);
        if is_name {
            place.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
        }
        used += piece.len();
    }
    room.get(..used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_in_names_do_not_lead_anywhere() {
        let mut room = [0; PATH];
        assert_eq!(log_path(b"/l/d", b"sub/job", b"a/b", &mut room), Some(&b"/l/d/sub_job-a_b.log"[..]));
        assert_eq!(log_path(b"/l", b"a", b"", &mut room), Some(&b"/l/a.log"[..]));
        assert_eq!(log_path(b"/l", &[b'x'; PATH], b"", &mut room), None);
    }
}
