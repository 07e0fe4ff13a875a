//! The processes that another process may reap, each known by a pidfd, which shows the exit whichever process reaps it.
//! No signal reaches a later process with the same process id.
//!
//! These are the processes that the core has the shim watch: a daemon whose parent may live on. A process that the
//! supervisor launched needs no pidfd: it is a child, so no other process can reap it, and until then its process id is
//! its own. That saves a descriptor for each job, and the calls to watch it for each spawn.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use serde::{Deserialize, Serialize};
use uphold_core::{Exit, Pid, Signal};

use crate::capacity::WATCHES;
use crate::kernel;
use crate::kernel::descriptors::await_events;
use crate::watch::kill::{signal_exactly, signal_group, signal_group_of, signal_one};
use crate::watch::proc_stat;
use crate::watch::wait::Source;

/// A process whose exit was not reported yet.
struct Watch {
    pid: Pid,
    process: OwnedFd,
}

/// The record of a watched process that a re-exec carries over: the descriptor stays open, so it refers to the same
/// process.
#[derive(Serialize, Deserialize)]
pub(crate) struct WatchRecord {
    pid: Pid,
    /// The pidfd.
    pub(crate) descriptor: i32,
}

/// Every watched process, by process id. It is dropped when its exit is reported.
pub struct Watches(Vec<Watch>);

impl Default for Watches {
    fn default() -> Self {
        Watches::new()
    }
}

impl Watches {
    /// No processes, with capacity for [`WATCHES`].
    pub fn new() -> Self {
        Watches(Vec::with_capacity(WATCHES))
    }

    fn place(&self, pid: Pid) -> Result<usize, usize> {
        self.0.binary_search_by_key(&pid, |watch| watch.pid)
    }

    /// The pidfd of a watched process.
    pub fn get(&self, pid: Pid) -> Option<BorrowedFd<'_>> {
        self.place(pid).ok().and_then(|at| self.0.get(at)).map(|watch| watch.process.as_fd())
    }

    /// Watches a process, and returns whether there is one. The exit of an older one with that process id must be
    /// reported before.
    ///
    /// # Errors
    /// There are too many, or the kernel has no pidfds. Then only the parent learns of the exit, and signals go by the
    /// process id.
    pub fn add(&mut self, pid: Pid, epoll: &Epoll) -> Result<bool, Errno> {
        match kernel::process::open_process(pid) {
            Ok(process) => self.insert(pid, process, epoll).map(|()| true),
            Err(Errno::ESRCH) => Ok(false),
            Err(Errno::ENOSYS) => signal_one(pid, Signal(0)),
            Err(error) => Err(error),
        }
    }

    fn insert(&mut self, pid: Pid, process: OwnedFd, epoll: &Epoll) -> Result<(), Errno> {
        // Edge-triggered: a process that is a child too may wait a while to be reaped.
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, Source::Process(pid.get()).token());
        match self.place(pid) {
            Ok(at) => {
                await_events(epoll, &process, event)?;
                self.0[at].process = process;
            }
            Err(_) if self.0.len() >= WATCHES => return Err(Errno::ENOSPC),
            Err(at) => {
                await_events(epoll, &process, event)?;
                self.0.insert(at, Watch { pid, process });
            }
        }
        Ok(())
    }

    /// Stops watching a process, and returns its pidfd.
    pub fn remove(&mut self, pid: Pid) -> Option<OwnedFd> {
        self.place(pid).ok().map(|at| self.0.remove(at).process)
    }

    /// How the watched process with that process id exited, if this was not reported yet. It is not watched any more.
    pub(crate) fn take_exit(&mut self, pid: Pid) -> Option<Exit> {
        self.remove(pid).map(|process| exit_of(process.as_fd(), pid))
    }

    /// Signals a process: a watched one by its pidfd, another, which must be a child, by its process id. Returns
    /// whether it existed.
    ///
    /// # Errors
    /// The kernel does not permit it (EPERM).
    pub fn signal(&self, pid: Pid, signal: Signal) -> Result<bool, Errno> {
        self.get(pid).map_or_else(|| signal_one(pid, signal), |process| signal_exactly(process, signal))
    }

    /// The same for its process group.
    ///
    /// # Errors
    /// The kernel does not permit it (EPERM).
    pub fn signal_group(&self, pid: Pid, signal: Signal) -> Result<bool, Errno> {
        self.get(pid).map_or_else(|| signal_group(pid, signal), |process| signal_group_of(process, pid, signal))
    }

    /// The pidfds.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(|watch| watch.process.as_fd())
    }

    /// Every watched process.
    pub(crate) fn carry(&self) -> impl Iterator<Item = WatchRecord> {
        self.0.iter().map(|watch| WatchRecord { pid: watch.pid, descriptor: watch.process.as_raw_fd() })
    }

    /// Continues to watch a process. If it has exited meanwhile, that is reported at once.
    pub(crate) fn put_back(&mut self, carried: &WatchRecord, process: OwnedFd, epoll: &Epoll) -> Result<(), Errno> {
        self.insert(carried.pid, process, epoll)
    }
}

/// Whether the process has exited with all its threads, reaped or not.
pub(crate) fn has_ended(process: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(process, PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// How a process exited: the kernel remembers it when it was reaped, and `/proc` shows it before.
fn exit_of(process: BorrowedFd<'_>, pid: Pid) -> Exit {
    let shown = || {
        let code = proc_stat::exit_code_of(pid)?;
        // If it still exists, the process id was its own.
        (signal_exactly(process, Signal(0)) != Ok(false)).then_some(code)
    };
    let kept = || kernel::process::exit_code(process);
    kept().or_else(shown).or_else(kept).map_or(Exit::Unknown, exit)
}

/// The meaning of a number of wait(2).
fn exit(code: i32) -> Exit {
    match (code & 0x7f) as u8 {
        0 => Exit::Status((code >> 8 & 0xff) as u8),
        signal => Exit::Signal(signal),
    }
}
