//! The record of job output that a re-exec carries over: terminals stay open, and kept output goes along.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::epoll::{EpollEvent, EpollFlags};
use serde::{Deserialize, Serialize};
use uphold_core::{JobId, Pid};

use super::job_log::{Backlog, JobLogs, LogSlot, keep};
use crate::capacity::{JOB_LOGS, LOG_RECORD};
use crate::kernel::descriptors::await_events;
use crate::output::kept_output::{Chain, Kept};

/// One log, or more of the output of the previous one; then it has neither name nor process.
#[derive(Serialize, Deserialize)]
pub(crate) struct LogRecord {
    /// The process, if its terminal is still open.
    live: Option<Live>,
    name: Vec<u8>,
    kept: Vec<u8>,
    dropped: u64,
}

#[derive(Serialize, Deserialize)]
struct Live {
    descriptor: i32,
    job: JobId,
    pid: u32,
    heir: u32,
}

impl LogRecord {
    /// The log of a process, of which nothing is kept.
    pub(crate) fn of_terminal(descriptor: i32, job: JobId, pid: Pid) -> Self {
        let live = Live { descriptor, job, pid: pid.get(), heir: pid.get() };
        LogRecord { live: Some(live), name: Vec::new(), kept: Vec::new(), dropped: 0 }
    }

    /// The descriptor of the terminal.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.live.as_ref().map(|live| live.descriptor)
    }
}

impl Backlog {
    fn carry(&self, kept: &Kept, live: Option<Live>) -> Vec<LogRecord> {
        let bytes = kept.all(self.kept);
        let (first, rest) = bytes.split_at(bytes.len().min(LOG_RECORD));
        let first = LogRecord { live, name: kept.all(self.name), kept: first.to_vec(), dropped: self.dropped };
        let more = |piece: &[u8]| LogRecord { live: None, name: Vec::new(), kept: piece.to_vec(), dropped: 0 };
        std::iter::once(first).chain(rest.chunks(LOG_RECORD).map(more)).collect()
    }
}

/// Joins the records of each log.
pub(crate) fn put_together(records: Vec<LogRecord>) -> Vec<LogRecord> {
    let mut logs: Vec<LogRecord> = Vec::new();
    for record in records {
        match logs.last_mut() {
            Some(log) if record.live.is_none() && record.name.is_empty() && record.dropped == 0 => {
                log.kept.extend_from_slice(&record.kept);
            }
            _ => logs.push(record),
        }
    }
    logs
}

impl JobLogs {
    /// The open terminals.
    pub(crate) fn terminals(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.entries.iter().filter_map(|entry| Some(entry.terminal.as_ref()?.as_fd()))
    }

    /// A record of every log, and of the bytes that were dropped for logs that are gone.
    pub(crate) fn carry(&self) -> impl Iterator<Item = LogRecord> {
        let live = self.entries.iter().filter_map(|entry| {
            let LogSlot { terminal, job, pid, heir, backlog } = entry;
            let descriptor = terminal.as_ref()?.as_raw_fd();
            Some(backlog.carry(&self.kept, Some(Live { descriptor, job: *job, pid: *pid, heir: *heir })))
        });
        let gone = Backlog { dropped: self.dropped, ..Backlog::default() };
        let gone = (!gone.is_empty()).then(|| gone.carry(&self.kept, None));
        live.chain(self.ended.iter().map(|backlog| backlog.carry(&self.kept, None))).chain(gone).flatten()
    }

    /// The same without the bytes that are kept, for which nothing is allocated.
    pub(crate) fn carry_terminals(&self) -> impl Iterator<Item = LogRecord> + Clone {
        self.entries.iter().filter_map(|entry| {
            let LogSlot { terminal, job, pid, heir, backlog } = entry;
            let live = Live { descriptor: terminal.as_ref()?.as_raw_fd(), job: *job, pid: *pid, heir: *heir };
            Some(LogRecord { live: Some(live), name: Vec::new(), kept: Vec::new(), dropped: backlog.dropped })
        })
    }

    /// Restores a log. Bytes that do not fit are counted.
    pub(crate) fn put_back(&mut self, carried: LogRecord, terminal: Option<OwnedFd>) {
        let LogRecord { live, name, kept, dropped } = carried;
        let mut backlog = Backlog { name: Chain::EMPTY, kept: Chain::EMPTY, dropped };
        keep(&mut backlog, &mut self.kept, &name, &kept);
        self.is_behind |= !backlog.is_empty();
        match (live, terminal) {
            (Some(Live { descriptor: _, job, pid, heir }), Some(terminal)) if self.entries.len() < JOB_LOGS => {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, self.entries.len() as u64);
                // The epoll has been handed over with it, so the kernel needs no memory. Where it was not, and there is
                // none, the output is read when the process exits.
                await_events(&self.epoll, &terminal, event).unwrap_or_default();
                self.entries.push(LogSlot { terminal: Some(terminal), job, pid, heir, backlog });
            }
            _ if backlog.name.is_empty() => self.dropped = self.dropped.saturating_add(backlog.dropped),
            _ => self.leave(backlog),
        }
    }
}
