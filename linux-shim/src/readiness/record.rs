//! The record of the sockets and pipes of daemons that a re-exec carries over. They stay open.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::epoll::Epoll;
use serde::{Deserialize, Serialize};
use uphold_core::{JobId, Pid};

use super::channel::watch;
use super::pid_file::Before;
use super::table::{DaemonSlot, DaemonTable, Main, Name};
use crate::watch::wait::Source;

/// The record of one job.
#[derive(Serialize, Deserialize)]
pub(crate) struct DaemonRecord {
    job: JobId,
    /// The descriptors of the socket and of the pipe.
    descriptors: [Option<i32>; 2],
    name: Name,
    main: Option<Main>,
    hears_end: Option<Pid>,
    session: u32,
    before: Option<Before>,
    warned: u8,
}

impl DaemonRecord {
    /// The descriptors are closed.
    pub(crate) fn cut_off(&mut self) {
        self.descriptors = [None; 2];
    }

    /// The descriptors of the socket and of the pipe.
    pub(crate) fn descriptors(&self) -> [Option<i32>; 2] {
        self.descriptors
    }
}

impl DaemonTable {
    /// The open sockets and pipes.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.places.iter().flat_map(|place| [&place.socket, &place.pipe]).flatten().map(AsFd::as_fd)
    }

    /// The record of every job with a main process. Every notification must have been delivered.
    pub(crate) fn carry(&self) -> impl Iterator<Item = DaemonRecord> + Clone {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let DaemonSlot { job, ref socket, ref pipe, name, main, session, before, warned } = *place;
            let number = |descriptor: &Option<OwnedFd>| descriptor.as_ref().map(AsRawFd::as_raw_fd);
            let hears_end = self.mains.get(index).copied().and_then(Pid::new);
            let descriptors = [number(socket), number(pipe)];
            Some(DaemonRecord { job: job?, descriptors, name, main, hears_end, session, before, warned })
        })
    }

    /// Restores a job as it was.
    pub(crate) fn put_back(&mut self, carried: DaemonRecord, [socket, pipe]: [Option<OwnedFd>; 2], epoll: &Epoll) {
        let DaemonRecord { job, descriptors: _, name, main, hears_end, session, before, warned } = carried;
        let Some(index) = self.make_room(job) else { return };
        let number = index as u32;
        // The epoll has been handed over with them, so the kernel needs no memory. Where it was not, and there is none,
        // the job counts as one that reports nothing.
        let [socket, pipe] = [(socket, Source::Message(number)), (pipe, Source::Descriptor(number))]
            .map(|(descriptor, source)| descriptor.filter(|it| watch(epoll, it, source).is_ok()));
        self.places[index] = DaemonSlot { job: Some(job), socket, pipe, name, main, session, before, warned };
        self.mains[index] = hears_end.map_or(0, Pid::get);
    }
}
