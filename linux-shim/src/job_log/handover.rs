//! The output of jobs on its way to the program that takes this one's place: terminals stay open, what is kept goes along.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::epoll::{EpollEvent, EpollFlags};
use serde::{Deserialize, Serialize};
use uphold_core::storage::JobId;

use super::{Backlog, Entry, JobLogs};
use crate::capacity::JOB_LOGS;
use crate::kept_output::{Chain, Kept};

/// One log.
#[derive(Serialize, Deserialize)]
pub(crate) struct Carried {
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

impl Carried {
    /// The terminal's number.
    pub(crate) fn descriptor(&self) -> Option<i32> {
        self.live.as_ref().map(|live| live.descriptor)
    }
}

impl Backlog {
    fn carry(&self, kept: &Kept, live: Option<Live>) -> Carried {
        Carried { live, name: kept.all(self.name), kept: kept.all(self.kept), dropped: self.dropped }
    }
}

impl JobLogs {
    /// The open terminals.
    pub(crate) fn terminals(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.entries.iter().filter_map(|entry| Some(entry.terminal.as_ref()?.as_fd()))
    }

    /// Every log.
    pub(crate) fn carry(&self) -> impl Iterator<Item = Carried> {
        let live = self.entries.iter().filter_map(|entry| {
            let Entry { terminal, job, pid, heir, backlog } = entry;
            let descriptor = terminal.as_ref()?.as_raw_fd();
            Some(backlog.carry(&self.kept, Some(Live { descriptor, job: *job, pid: *pid, heir: *heir })))
        });
        live.chain(self.ended.iter().map(|backlog| backlog.carry(&self.kept, None)))
    }

    /// Goes on with a log. What there is no room for is counted.
    pub(crate) fn put_back(&mut self, carried: Carried, terminal: Option<OwnedFd>) {
        let Carried { live, name, kept, dropped } = carried;
        let mut backlog = Backlog { name: Chain::EMPTY, kept: Chain::EMPTY, dropped };
        super::keep(&mut backlog, &mut self.kept, &name, &kept);
        match (live, terminal) {
            (Some(Live { descriptor: _, job, pid, heir }), Some(terminal)) if self.entries.len() < JOB_LOGS => {
                let event = EpollEvent::new(EpollFlags::EPOLLIN, self.entries.len() as u64);
                // Without memory in the kernel for it, its output is read when the process ends.
                self.epoll.add(&terminal, event).unwrap_or_default();
                self.entries.push(Entry { terminal: Some(terminal), job, pid, heir, backlog });
            }
            _ if backlog.name.is_empty() => self.dropped = self.dropped.saturating_add(backlog.dropped),
            _ => self.leave(backlog),
        }
    }
}
