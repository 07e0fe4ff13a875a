//! `console log`: each process of such a job has a terminal of its own, and its output is appended to the job's file.
//! The file is opened again for each piece, so that a removed or renamed file is followed by a new one.
//!
//! Output that cannot be written yet is kept in memory of a fixed size: while the process lives, and after its exit if
//! the file may become writable later. It is tried again with the next output, and after a pause. Output that does not
//! fit is counted, and the count is written when the file becomes writable.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::stat::Mode;
use nix::unistd::{read, write};
use uphold_core::bytes::Show;
use uphold_core::{JobId, Pid, Supervisor};

use crate::capacity::{JOB_LOGS, LAST_PIECES, LOG_BLOCK, LOG_TURN};
use crate::descriptors::essential;
use crate::kernel::error;
use crate::output::kept_output::{Chain, Kept};
use crate::output::message_log::MessageLog;
use crate::output::terminals::Terminals;

/// Bytes of one read: as much as a terminal buffers.
const PIECE: usize = 4096;

/// Terminals that are read in one turn. The kernel reports first those that it has not reported for the longest time.
const TURN: usize = LOG_TURN / PIECE;

/// The ending of a log file's name.
const SUFFIX: &[u8] = b".log";

/// Bytes for the path of a log file; a longer one could not be opened.
pub(crate) const LOG_PATH: usize = libc::PATH_MAX as usize;

/// The part of a log that could not be written yet.
#[derive(Default)]
pub(super) struct Backlog {
    /// The file's name, for when the job is gone; empty while nothing is kept.
    pub(super) name: Chain,
    pub(super) kept: Chain,
    /// Bytes that did not fit.
    pub(super) dropped: u64,
}

impl Backlog {
    pub(super) const fn is_empty(&self) -> bool {
        self.kept.is_empty() && self.dropped == 0
    }
}

/// The output of one process.
pub(super) struct LogSlot {
    pub(super) terminal: Option<OwnedFd>,
    pub(super) job: JobId,
    /// The process that was spawned.
    pub(super) pid: u32,
    /// The process that was last seen forked from it.
    pub(super) heir: u32,
    pub(super) backlog: Backlog,
}

/// The output of all processes.
pub struct JobLogs {
    pub(super) directory: Vec<u8>,
    pub(super) epoll: Epoll,
    pub(super) terminals: Terminals,
    pub(super) entries: Vec<LogSlot>,
    pub(super) free: Vec<u32>,
    /// The output of processes that have exited, if their files may become writable; each file once.
    pub(super) ended: Vec<Backlog>,
    /// Bytes that were dropped because not even the file's name fitted.
    pub(super) dropped: u64,
    /// Whether any output may be kept.
    pub(super) is_behind: bool,
    pub(super) kept: Kept,
}

impl JobLogs {
    /// Job output in this directory; that many bytes are kept for all files together. The epoll waits for nothing else.
    pub fn new(directory: PathBuf, bytes: usize, epoll: Epoll) -> Self {
        let kept = Kept::new(bytes);
        JobLogs {
            directory: directory.into_os_string().into_vec(),
            epoll,
            terminals: Terminals::new(),
            entries: Vec::with_capacity(JOB_LOGS),
            free: Vec::with_capacity(JOB_LOGS),
            ended: Vec::with_capacity(kept.blocks()),
            dropped: 0,
            is_behind: false,
            kept,
        }
    }

    /// The descriptor that becomes readable when a process has written something.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }

    /// Does deferred work while the supervisor is idle.
    pub fn tidy(&mut self) {
        self.terminals.tidy();
    }

    /// Opens a terminal for a process that is about to be spawned: the index of its log, and the end for the process.
    ///
    /// # Errors
    /// The kernel has no terminal, or every log is taken (see [`JOB_LOGS`]).
    pub fn open(&mut self, job: JobId) -> Result<(usize, OwnedFd), Errno> {
        if self.free.is_empty() && self.entries.len() == JOB_LOGS {
            return Err(Errno::ENOSPC);
        }
        let (reader, writer) = self.terminals.take()?;
        let index = self.free.last().map_or(self.entries.len(), |&index| index as usize);
        self.epoll.add(&reader, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
        let entry = LogSlot { terminal: Some(reader), job, pid: 0, heir: 0, backlog: Backlog::default() };
        match self.free.pop() {
            Some(_) => self.entries[index] = entry,
            None => self.entries.push(entry),
        }
        Ok((index, writer))
    }

    /// Called when the process was spawned.
    pub fn started(&mut self, index: usize, pid: Pid) {
        self.entries[index].pid = pid.get();
    }

    /// Called when the process was not spawned.
    pub fn cancel(&mut self, index: usize) {
        self.entries[index].terminal = None;
        self.free.push(index as u32);
    }

    /// A traced process has forked: its child writes to the same terminal, and may be the process that stays.
    pub fn forked(&mut self, parent: Pid, child: Pid) {
        for entry in &mut self.entries {
            if entry.terminal.is_some() && (entry.pid == parent.get() || entry.heir == parent.get()) {
                entry.heir = child.get();
            }
        }
    }

    /// A process has exited: reads its last output before the exit is reported.
    pub fn ended(&mut self, pid: Pid, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.terminal.is_some() && (entry.pid == pid.get() || entry.heir == pid.get()) {
                self.read(index, LAST_PIECES, supervisor, log);
            }
        }
    }

    /// Reads the terminals that have output: each gets one turn.
    pub fn readable(&mut self, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        let mut events = [EpollEvent::empty(); TURN];
        let Ok(count) = self.epoll.wait(&mut events, EpollTimeout::ZERO) else { return };
        for event in &events[..count] {
            self.read(event.data() as usize, 1, supervisor, log);
        }
    }

    /// Reads up to so many pieces from a terminal. Closes it when no process can write to it any more, or when its job
    /// is gone and the file is unknown.
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
                Err(Errno::EINTR) => {}
                // EIO is the end of a terminal to which no process can write any more.
                Err(errno) if errno != Errno::EIO && error::may_pass(errno) => return,
                Ok(_) | Err(_) => return self.close(index, supervisor, log),
            }
        }
    }

    /// Appends to the job's file, and keeps what cannot be written now. Returns whether the job is still known.
    fn append(&mut self, index: usize, piece: &[u8], supervisor: &Supervisor<'_>, log: &mut MessageLog) -> bool {
        let mut room = [0; LOG_PATH];
        let Some(path) = path_of(&self.directory, self.entries[index].job, supervisor, &mut room) else { return false };
        let name = path.get(self.directory.len() + 1..).unwrap_or_default();
        if !self.ended.is_empty() {
            self.write_ended(Some(name), log);
        }
        let JobLogs { entries, kept, is_behind, .. } = self;
        let backlog = &mut entries[index].backlog;
        let written = match open_log(path) {
            Ok(file) if backlog.is_empty() => write_all(&file, piece).0,
            Ok(file) => {
                let is_empty = unload(backlog, kept, &file, name, log).is_none();
                if is_empty { write_all(&file, piece).0 } else { 0 }
            }
            Err(_) => 0,
        };
        keep(backlog, kept, name, &piece[written..]);
        *is_behind |= !backlog.is_empty();
        true
    }

    /// Closes a terminal. Kept output is written, kept further, or lost.
    fn close(&mut self, index: usize, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        if let Some(reader) = entry.terminal.take() {
            self.terminals.put_away(reader);
        }
        self.free.push(index as u32);
        if entry.backlog.is_empty() {
            return;
        }
        // A last attempt, under the job's own name if the job still exists.
        self.append(index, &[], supervisor, log);
        let pid = self.entries[index].pid;
        let mut backlog = std::mem::take(&mut self.entries[index].backlog);
        if backlog.is_empty() {
            return;
        }
        if backlog.name.is_empty() {
            self.dropped = self.dropped.saturating_add(backlog.dropped);
            return;
        }
        match self.write_backlog(&mut backlog, log) {
            None => {}
            Some(errno) if may_pass(errno) => self.leave(backlog),
            Some(errno) => {
                let lost = backlog.dropped.saturating_add(self.kept.forget(&mut backlog.kept) as u64);
                self.kept.forget(&mut backlog.name);
                // The original logs nothing of this (recorded in console-log-missing-dir).
                log.info(format_args!("{lost} bytes of output of process {pid} were lost: {}", errno.desc()));
            }
        }
    }

    /// Keeps the output of a process that has exited, after that of others of its job.
    pub(super) fn leave(&mut self, mut backlog: Backlog) {
        let JobLogs { ended, kept, is_behind, .. } = self;
        *is_behind = true;
        let same = ended.iter_mut().find(|ended| kept.head(ended.name) == kept.head(backlog.name));
        match same {
            Some(same) => {
                kept.forget(&mut backlog.name);
                kept.join(&mut same.kept, backlog.kept);
                same.dropped = same.dropped.saturating_add(backlog.dropped);
            }
            // Each backlog has a block for its name, so there are no more backlogs than blocks.
            None => ended.push(backlog),
        }
    }

    /// The path of the file of a job's output; `None` if it is too long.
    pub(crate) fn path<'r>(&self, job: &[u8], instance: &[u8], room: &'r mut [u8; LOG_PATH]) -> Option<&'r [u8]> {
        log_path(&self.directory, job, instance, room)
    }

    /// Whether any output may be kept.
    pub(crate) const fn is_behind(&self) -> bool {
        self.is_behind
    }

    /// Writes kept output, as far as files can be written now.
    pub fn write_kept(&mut self, supervisor: &Supervisor<'_>, log: &mut MessageLog) {
        self.write_ended(None, log);
        self.is_behind = !self.ended.is_empty();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.terminal.is_some() && !entry.backlog.is_empty() {
                // Notes whether there is still a rest.
                self.append(index, &[], supervisor, log);
            }
        }
        if self.dropped > 0 {
            log.warn(format_args!("{} bytes of output of ended processes were dropped", self.dropped));
            self.dropped = 0;
        }
    }

    /// Writes the output of processes that have exited: to the file of that name, or to any.
    fn write_ended(&mut self, name: Option<&[u8]>, log: &mut MessageLog) {
        let mut index = 0;
        while index < self.ended.len() {
            let wanted = name.is_none_or(|name| self.kept.head(self.ended[index].name) == name);
            let mut backlog = std::mem::take(&mut self.ended[index]);
            if wanted && self.write_backlog(&mut backlog, log).is_none() {
                self.ended.swap_remove(index);
            } else {
                self.ended[index] = backlog;
                index += 1;
            }
        }
    }

    /// Writes a backlog to its file; `None` if nothing is left of it.
    fn write_backlog(&mut self, backlog: &mut Backlog, log: &mut MessageLog) -> Option<Errno> {
        let (mut room, mut own) = ([0; LOG_PATH], [0; LOG_BLOCK]);
        let name = own.get_mut(..self.kept.head(backlog.name).len())?;
        name.copy_from_slice(self.kept.head(backlog.name));
        let Some(path) = join(&[&self.directory, b"/", name], &mut room) else { return Some(Errno::ENAMETOOLONG) };
        match open_log(path) {
            Ok(file) => unload(backlog, &mut self.kept, &file, name, log),
            Err(errno) => Some(errno),
        }
    }
}

/// Keeps what could not be written, and counts what does not fit.
pub(super) fn keep(backlog: &mut Backlog, kept: &mut Kept, name: &[u8], bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let mut fits = 0;
    if !backlog.name.is_empty() || (name.len() <= LOG_BLOCK && kept.load(&mut backlog.name, name) == name.len()) {
        fits = kept.load(&mut backlog.kept, bytes);
    }
    backlog.dropped = backlog.dropped.saturating_add((bytes.len() - fits) as u64);
}

/// Writes a backlog to its file, with a note on missing bytes; `None` if nothing is left of it.
fn unload(backlog: &mut Backlog, kept: &mut Kept, file: &OwnedFd, name: &[u8], log: &mut MessageLog) -> Option<Errno> {
    let mut problem = None;
    kept.unload(&mut backlog.kept, |bytes| {
        let (written, errno) = write_all(file, bytes);
        problem = errno;
        written
    });
    if !backlog.kept.is_empty() {
        return problem.or(Some(Errno::EIO));
    }
    if backlog.dropped > 0 {
        let job = name.strip_suffix(SUFFIX).unwrap_or(name);
        log.warn(format_args!("{} bytes of output of {} were dropped", backlog.dropped, Show(job)));
    }
    kept.forget(&mut backlog.name);
    backlog.dropped = 0;
    None
}

/// Whether a file that cannot be written now may be writable later: its disk is still read-only, or full, or the kernel
/// has no descriptor or no memory now.
const fn may_pass(errno: Errno) -> bool {
    matches!(errno, Errno::EROFS | Errno::EPERM | Errno::EACCES | Errno::EDQUOT) || error::may_pass(errno)
}

/// Writes as much as the file takes, and returns the error that ended it.
fn write_all(file: &OwnedFd, bytes: &[u8]) -> (usize, Option<Errno>) {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match write(file, rest) {
            Ok(0) => return (done, Some(Errno::EIO)),
            Ok(count) => done += count,
            Err(Errno::EINTR) => {}
            Err(errno) => return (done, Some(errno)),
        }
    }
    (done, None)
}

fn open_log(path: &[u8]) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND | OFlag::O_NOFOLLOW;
    let flags = flags | OFlag::O_CLOEXEC | OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    essential(|| open(path, flags, Mode::from_bits_truncate(0o640)))
}

fn path_of<'r>(
    directory: &[u8],
    job: JobId,
    supervisor: &Supervisor<'_>,
    room: &'r mut [u8; LOG_PATH],
) -> Option<&'r [u8]> {
    let class = supervisor.class_of(job)?;
    log_path(directory, supervisor.class_name(class), supervisor.instance_name(job), room)
}

/// `DIRECTORY/JOB[-INSTANCE].log`; slashes in names become `_`.
fn log_path<'r>(directory: &[u8], job: &[u8], instance: &[u8], room: &'r mut [u8; LOG_PATH]) -> Option<&'r [u8]> {
    let dash: &[u8] = if instance.is_empty() { b"" } else { b"-" };
    let path = join(&[directory, b"/", job, dash, instance, SUFFIX], room)?;
    path[directory.len() + 1..].iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
    Some(path)
}

fn join<'r>(pieces: &[&[u8]], room: &'r mut [u8; LOG_PATH]) -> Option<&'r mut [u8]> {
    let mut used = 0;
    for piece in pieces {
        room.get_mut(used..used + piece.len())?.copy_from_slice(piece);
        used += piece.len();
    }
    room.get_mut(..used)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_in_names_do_not_lead_anywhere() {
        let mut room = [0; LOG_PATH];
        assert_eq!(log_path(b"/l/d", b"sub/job", b"a/b", &mut room), Some(&b"/l/d/sub_job-a_b.log"[..]));
        assert_eq!(log_path(b"/l", b"a", b"", &mut room), Some(&b"/l/a.log"[..]));
        assert_eq!(log_path(b"/l", &[b'x'; LOG_PATH], b"", &mut room), None);
    }
}
