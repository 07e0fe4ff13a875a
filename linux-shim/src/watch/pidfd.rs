//! The processes that another process may reap, each known by a pidfd: its end shows whoever reaps it, and no signal reaches
//! the next process that is given its number.
//!
//! These are the processes that the core has the shim watch: a daemon whose parent may live on. A process that the
//! supervisor launched needs no pidfd: it is a child, nobody else can reap it, and until then its number is its own. That
//! saves a descriptor for each job, and the calls to watch it for each spawn.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use serde::{Deserialize, Serialize};
use uphold_core::{Exit, Pid, Signal};

use crate::capacity::WATCHES;
use crate::kernel;
use crate::watch::kill::{signal_exactly, signal_group, signal_group_of, signal_one};
use crate::watch::proc_stat;
use crate::watch::wait::Source;

/// A process whose end was not told yet.
struct Watch {
    pid: Pid,
    process: OwnedFd,
}

/// A watched process on its way to the program that takes this one's place: the descriptor stays open, so the process stays
/// the same.
#[derive(Serialize, Deserialize)]
pub(crate) struct WatchRecord {
    pid: Pid,
    /// The number of its pidfd.
    pub(crate) descriptor: i32,
}

/// Every watched process, by number. It is forgotten when its end is told.
pub struct Watches(Vec<Watch>);

impl Default for Watches {
    fn default() -> Self {
        Watches::new()
    }
}

impl Watches {
    /// None, and room for [`WATCHES`].
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

    /// Watches a process; says whether there is one. Tell of an older one of that number before.
    ///
    /// # Errors
    /// There are too many, or the kernel has no pidfds: its end shows to its parent only, and signals go by its number.
    pub fn add(&mut self, pid: Pid, epoll: &Epoll) -> Result<bool, Errno> {
        match kernel::process::open_process(pid) {
            Ok(process) => self.insert(pid, process, epoll).map(|()| true),
            Err(Errno::ESRCH) => Ok(false),
            Err(Errno::ENOSYS) => signal_one(pid, Signal(0)),
            Err(error) => Err(error),
        }
    }

    fn insert(&mut self, pid: Pid, process: OwnedFd, epoll: &Epoll) -> Result<(), Errno> {
        // Once only: what is our child as well may wait for its reaping for a while.
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, Source::Process(pid.get()).token());
        match self.place(pid) {
            Ok(at) => {
                epoll.add(&process, event)?;
                self.0[at].process = process;
            }
            Err(_) if self.0.len() >= WATCHES => return Err(Errno::ENOSPC),
            Err(at) => {
                epoll.add(&process, event)?;
                self.0.insert(at, Watch { pid, process });
            }
        }
        Ok(())
    }

    /// Watches a process no more; its pidfd.
    pub fn remove(&mut self, pid: Pid) -> Option<OwnedFd> {
        self.place(pid).ok().map(|at| self.0.remove(at).process)
    }

    /// How the watched process of that number has ended that nobody has told of, now that a new one has the number, or it
    /// was told; it is watched no more.
    pub(crate) fn take_exit(&mut self, pid: Pid) -> Option<Exit> {
        self.remove(pid).map(|process| exit_of(process.as_fd(), pid))
    }

    /// Signals a process: a watched one by its pidfd, another, which must be our child, by its number. Says whether it was
    /// there.
    ///
    /// # Errors
    /// The kernel does not let us (EPERM).
    pub fn signal(&self, pid: Pid, signal: Signal) -> Result<bool, Errno> {
        self.get(pid).map_or_else(|| signal_one(pid, signal), |process| signal_exactly(process, signal))
    }

    /// The same for the process group that it is in.
    ///
    /// # Errors
    /// The kernel does not let us (EPERM).
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

    /// Goes on watching. Should it have ended meanwhile, that shows at once.
    pub(crate) fn put_back(&mut self, carried: &WatchRecord, process: OwnedFd, epoll: &Epoll) -> Result<(), Errno> {
        self.insert(carried.pid, process, epoll)
    }
}

/// Whether the process has ended, with all its threads; reaped or not.
pub(crate) fn has_ended(process: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::new(process, PollFlags::POLLIN)];
    poll(&mut polled, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// How a process ended: the kernel remembers it when it was reaped, and `/proc` shows it before.
fn exit_of(process: BorrowedFd<'_>, pid: Pid) -> Exit {
    let shown = || {
        let code = proc_stat::exit_code_of(pid)?;
        // If it is there still, the number was its own.
        (signal_exactly(process, Signal(0)) != Ok(false)).then_some(code)
    };
    let kept = || kernel::process::exit_code(process);
    kept().or_else(shown).or_else(kept).map_or(Exit::Unknown, exit)
}

/// wait(2)'s number in words.
fn exit(code: i32) -> Exit {
    match (code & 0x7f) as u8 {
        0 => Exit::Status((code >> 8 & 0xff) as u8),
        signal => Exit::Signal(signal),
    }
}
