//! The processes that another process may reap, each known by a pidfd, which shows the exit whichever process reaps it.
//! No signal reaches a later process with the same process id.
//!
//! These are the processes that the core has the shim watch: a daemon whose parent may live on. A child of the
//! supervisor needs no pidfd: no other process can reap it, and until then its process id is its own. So a process that
//! the supervisor launched is never watched, and one that becomes its child is watched no more. That saves a descriptor
//! for each job, and the calls to watch it for each spawn.
//!
//! Where there is no descriptor for it, a process is known by its start time, and looked at every second until there is
//! one, or until it is a child: its exit is seen a little later, and how it exited may not be known.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use serde::{Deserialize, Serialize};
use uphold_core::{Exit, Instant, Pid, Signal};

use crate::capacity::{LOOK_AT_UNWATCHED, WATCHES};
use crate::descriptors::{dispensable, essential, note_lack};
use crate::kernel;
use crate::kernel::descriptors::await_events;
use crate::watch::kill::{signal_exactly, signal_group, signal_group_of, signal_one};
use crate::watch::proc_files::Reading;
use crate::watch::proc_stat::{self, Stat};
use crate::watch::wait::Source;

/// A process whose exit was not reported yet.
struct Watch {
    pid: Pid,
    known: Known,
}

/// The mark that distinguishes a watched process from a later one with its process id.
enum Known {
    Descriptor(OwnedFd),
    /// Ticks since boot; `None` while it could not be read yet.
    Start(Option<u64>),
}

impl Known {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        match self {
            Known::Descriptor(process) => Some(process.as_fd()),
            Known::Start(_) => None,
        }
    }
}

/// The record of a watched process that a re-exec carries over: the descriptor stays open, so it refers to the same
/// process.
#[derive(Serialize, Deserialize)]
pub(crate) struct WatchRecord {
    pid: Pid,
    /// The pidfd.
    pub(crate) descriptor: Option<i32>,
    /// The start time, if there is no pidfd.
    start: Option<u64>,
}

/// Every watched process, by process id. It is dropped when its exit is reported.
pub struct Watches {
    all: Vec<Watch>,
    /// The time of the next look at those without a descriptor, and the process after which it goes on.
    look: Option<Instant>,
    after: Option<Pid>,
    /// Whether a process that is not watched may be a child of another process.
    has_strangers: bool,
}

impl Default for Watches {
    fn default() -> Self {
        Watches::new()
    }
}

impl Watches {
    /// No processes, with capacity for [`WATCHES`].
    pub fn new() -> Self {
        Watches { all: Vec::with_capacity(WATCHES), look: None, after: None, has_strangers: false }
    }

    fn place(&self, pid: Pid) -> Result<usize, usize> {
        self.all.binary_search_by_key(&pid, |watch| watch.pid)
    }

    fn known(&self, pid: Pid) -> Option<&Known> {
        self.place(pid).ok().and_then(|at| self.all.get(at)).map(|watch| &watch.known)
    }

    /// The pidfd of a watched process, if there is one.
    pub fn get(&self, pid: Pid) -> Option<BorrowedFd<'_>> {
        self.known(pid).and_then(Known::descriptor)
    }

    /// Whether a watched process is a child or a tracee of the supervisor that was not reaped.
    pub(crate) fn is_ours(&self, pid: Pid) -> Option<bool> {
        self.known(pid).map(|known| match known {
            Known::Descriptor(process) => kernel::process::is_ours(process.as_fd()),
            Known::Start(_) => kernel::process::is_child(pid.get().cast_signed()),
        })
    }

    /// Watches a process, and returns whether there is one. The exit of an older one with that process id must be
    /// reported before.
    ///
    /// # Errors
    /// There are too many. Then only the parent learns of the exit, and signals go by the process id.
    pub fn add(&mut self, pid: Pid, now: Instant, epoll: &Epoll) -> Result<bool, Errno> {
        match dispensable(|| kernel::process::open_process(pid)) {
            Err(Errno::ESRCH) => return Ok(false),
            Ok(process) => match self.insert(pid, Known::Descriptor(process), epoll) {
                Err(Errno::ENOSPC) if self.all.len() >= WATCHES => return Err(Errno::ENOSPC),
                Err(_) => {}
                Ok(()) => return Ok(true),
            },
            // Linux before 5.3 has no pidfds.
            Err(Errno::ENOSYS) => {}
            Err(_) => note_lack(),
        }
        let start = match Stat::of(pid) {
            Ok(None) => return Ok(false),
            Ok(Some(stat)) => Some(stat.start),
            Err(_) => None,
        };
        self.insert(pid, Known::Start(start), epoll)?;
        self.look = self.look.or(Some(now.after_milliseconds(LOOK_AT_UNWATCHED)));
        Ok(true)
    }

    /// # Errors
    /// There are too many (ENOSPC), or the kernel has no memory for it.
    fn insert(&mut self, pid: Pid, known: Known, epoll: &Epoll) -> Result<(), Errno> {
        let place = self.place(pid);
        if place.is_err() && self.all.len() >= WATCHES {
            return Err(Errno::ENOSPC);
        }
        if let Some(process) = known.descriptor() {
            // Edge-triggered: a process that is a child too may wait a while to be reaped.
            let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, Source::Process(pid.get()).token());
            await_events(epoll, process, event)?;
        }
        match place {
            Ok(at) => self.all[at].known = known,
            Err(at) => self.all.insert(at, Watch { pid, known }),
        }
        Ok(())
    }

    /// Stops watching a process.
    pub fn remove(&mut self, pid: Pid) {
        self.take(pid);
    }

    fn take(&mut self, pid: Pid) -> Option<Known> {
        self.place(pid).ok().map(|at| self.all.remove(at).known)
    }

    /// How the watched process with that process id exited, if this was not reported yet. It is not watched any more.
    pub(crate) fn take_exit(&mut self, pid: Pid) -> Option<Exit> {
        self.take(pid).map(|known| known.descriptor().map_or(Exit::Unknown, |process| exit_of(process, pid)))
    }

    /// Gives back the descriptors of processes that have become children: waitid(2) reports their exits.
    pub(crate) fn release_children(&mut self, is_traced: impl Fn(Pid) -> bool) {
        self.all.retain(|watch| match &watch.known {
            Known::Descriptor(process) => !kernel::process::is_ours(process.as_fd()) || is_traced(watch.pid),
            Known::Start(_) => true,
        });
    }

    /// The time of the next [`look`](Self::look).
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.look
    }

    /// Looks at the processes that are watched without a descriptor, if it is time for it. Returns one that has exited;
    /// to be called again until there is none. No exit may have been reaped and not reported.
    pub(crate) fn look(&mut self, now: Instant, is_traced: impl Fn(Pid) -> bool, epoll: &Epoll) -> Option<(Pid, Exit)> {
        self.look.filter(|&at| at <= now)?;
        let mut at = self.after.take().map_or(0, |after| self.place(after).map_or_else(|at| at, |at| at + 1));
        let own = std::process::id();
        let mut is_short = false;
        while let Some(Watch { pid, known }) = self.all.get_mut(at) {
            let (pid, Known::Start(start)) = (*pid, known) else {
                at += 1;
                continue;
            };
            let process =
                if is_short { Err(Errno::EMFILE) } else { dispensable(|| kernel::process::open_process(pid)) };
            is_short |= process.is_err();
            match state_of(pid, start, own) {
                // waitid(2) reports the exit of a tracee.
                State::Gone(exit) if !is_traced(pid) => {
                    self.all.remove(at);
                    self.after = Some(pid);
                    return Some((pid, exit));
                }
                State::Child if !is_traced(pid) => drop(self.all.remove(at)),
                State::Gone(_) | State::Child | State::Unknown | State::Alive => {
                    if let Ok(process) = process {
                        // If the kernel has no memory for it, the next look tries again.
                        self.insert(pid, Known::Descriptor(process), epoll).unwrap_or_default();
                    }
                    at += 1;
                }
            }
        }
        let lacks = self.all.iter().any(|watch| matches!(watch.known, Known::Start(_)));
        self.look = lacks.then(|| now.after_milliseconds(LOOK_AT_UNWATCHED));
        if lacks {
            note_lack();
        }
        None
    }

    /// From now on a process that is not watched may be one of a killed supervisor, and no child.
    pub(crate) fn have_strangers(&mut self) {
        self.has_strangers = true;
    }

    /// Signals a process: a watched one by its pidfd, another, which must be a child, by its process id. Returns
    /// whether it existed.
    ///
    /// # Errors
    /// The kernel does not permit it (EPERM).
    pub fn signal(&self, pid: Pid, signal: Signal) -> Result<bool, Errno> {
        self.send(pid, || signal_one(pid, signal), |process| signal_exactly(process, signal))
    }

    /// The same for its process group.
    ///
    /// # Errors
    /// The kernel does not permit it (EPERM).
    pub fn signal_group(&self, pid: Pid, signal: Signal) -> Result<bool, Errno> {
        self.send(pid, || signal_group(pid, signal), |process| signal_group_of(process, pid, signal))
    }

    /// A process without a pidfd gets one for the moment. If there is none even for that, its process id is used a
    /// moment after it was checked.
    fn send(
        &self,
        pid: Pid,
        by_number: impl Fn() -> Result<bool, Errno>,
        exactly: impl Fn(BorrowedFd<'_>) -> Result<bool, Errno>,
    ) -> Result<bool, Errno> {
        let mut start = match self.known(pid) {
            // It has exited, and another process may have its id.
            None if self.has_strangers && !kernel::process::is_child(pid.get().cast_signed()) => return Ok(false),
            None => return by_number(),
            Some(Known::Descriptor(process)) => return exactly(process.as_fd()),
            Some(Known::Start(start)) => *start,
        };
        let process = essential(|| kernel::process::open_process(pid));
        match (same(pid, &mut start), process) {
            (Ok(None), _) => Ok(false),
            (_, Ok(process)) => exactly(process.as_fd()),
            (_, Err(_)) => by_number(),
        }
    }

    /// The pidfds.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().filter_map(|watch| watch.known.descriptor())
    }

    /// Every watched process.
    pub(crate) fn carry(&self) -> impl Iterator<Item = WatchRecord> + Clone {
        self.all.iter().map(|watch| {
            let (descriptor, start) = match &watch.known {
                Known::Descriptor(process) => (Some(process.as_raw_fd()), None),
                Known::Start(start) => (None, *start),
            };
            WatchRecord { pid: watch.pid, descriptor, start }
        })
    }

    /// Continues to watch a process. If it has exited meanwhile, that is reported at once.
    pub(crate) fn put_back(
        &mut self,
        WatchRecord { pid, descriptor: _, start }: WatchRecord,
        process: Option<OwnedFd>,
        now: Instant,
        epoll: &Epoll,
    ) -> Result<(), Errno> {
        if process.is_none() {
            self.look = Some(now);
        }
        self.insert(pid, process.map_or(Known::Start(start), Known::Descriptor), epoll)
    }
}

/// The state of a process that is watched without a descriptor.
enum State {
    Alive,
    /// Its exit is reported by waitid(2).
    Child,
    Gone(Exit),
    Unknown,
}

/// The process with that process id, if it is the one that began then. A start that is not known yet becomes known.
fn same(pid: Pid, start: &mut Option<u64>) -> Reading<Stat> {
    let stat = Stat::of(pid)?;
    Ok(stat.filter(|stat| *start.get_or_insert(stat.start) == stat.start))
}

fn state_of(pid: Pid, start: &mut Option<u64>, own: u32) -> State {
    match same(pid, start) {
        Err(_) => State::Unknown,
        Ok(None) => State::Gone(Exit::Unknown),
        Ok(Some(stat)) if stat.parent == own => State::Child,
        Ok(Some(stat)) if stat.is_alive() => State::Alive,
        // Its parent has not reaped it.
        Ok(Some(_)) => State::Gone(proc_stat::exit_code_of(pid).map_or(Exit::Unknown, exit)),
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
