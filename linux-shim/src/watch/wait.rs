//! Waiting for the kernel: one epoll for everything, and one deadline. An idle supervisor never wakes up.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use uphold_core::Instant;

use crate::capacity::KERNEL_EVENTS;
use crate::kernel::descriptors::await_events;
use crate::watch::signals;

/// A source of events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A signal is pending.
    Signals,
    /// The configuration directories have changed.
    Configuration,
    /// A job has written output.
    JobLogs,
    /// A process has entered a control group or left one.
    Groups,
    /// A file system was mounted or unmounted.
    Mounts,
    /// A client wants to connect to that listener.
    Listener(u32),
    /// That client has sent something, or is gone.
    Client(u32),
    /// The watched process with that id has exited.
    Process(u32),
    /// The main process of that job has sent a message.
    Message(u32),
    /// The main process of that job has written to its descriptor for readiness.
    Descriptor(u32),
}

impl Source {
    /// The number of the source in the kernel's reports.
    pub const fn token(self) -> u64 {
        match self {
            Source::Signals => 0,
            Source::Configuration => 1,
            Source::JobLogs => 2,
            Source::Groups => 3,
            Source::Mounts => 4,
            Source::Listener(index) => 1 << 32 | index as u64,
            Source::Client(index) => 2 << 32 | index as u64,
            Source::Process(pid) => 3 << 32 | pid as u64,
            Source::Message(index) => 4 << 32 | index as u64,
            Source::Descriptor(index) => 5 << 32 | index as u64,
        }
    }

    const fn of(token: u64) -> Source {
        match (token >> 32, token as u32) {
            (1, index) => Source::Listener(index),
            (2, index) => Source::Client(index),
            (3, pid) => Source::Process(pid),
            (4, index) => Source::Message(index),
            (5, index) => Source::Descriptor(index),
            (_, 1) => Source::Configuration,
            (_, 2) => Source::JobLogs,
            (_, 3) => Source::Groups,
            (_, 4) => Source::Mounts,
            _ => Source::Signals,
        }
    }
}

/// The kernel's reports that are still to be handled.
pub struct Wait {
    /// The epoll in which descriptors are registered.
    pub epoll: Epoll,
    signals: OwnedFd,
    events: [EpollEvent; KERNEL_EVENTS],
    next: usize,
    count: usize,
}

impl Wait {
    /// Blocks all signals, and waits for nothing else yet.
    ///
    /// # Errors
    /// The kernel has no descriptors or no memory.
    pub fn new() -> nix::Result<Self> {
        Wait::with(&mut None)
    }

    /// The same with the descriptors of the previous program, if there are any: the epoll, and that of the signals. The
    /// kernel needs neither descriptors nor memory for that. If this fails, the descriptors are left for the next
    /// attempt.
    ///
    /// # Errors
    /// The kernel has no descriptors or no memory.
    pub(crate) fn with(handed: &mut Option<[OwnedFd; 2]>) -> nix::Result<Self> {
        let [epoll, signals] = match handed.take() {
            Some(handed) => {
                signals::read_on(&handed[1]);
                handed
            }
            None => [Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?.0, signals::open()?],
        };
        let epoll = Epoll(epoll);
        match await_events(&epoll, &signals, EpollEvent::new(EpollFlags::EPOLLIN, Source::Signals.token())) {
            Ok(()) => Ok(Wait { epoll, signals, events: [EpollEvent::empty(); KERNEL_EVENTS], next: 0, count: 0 }),
            Err(errno) => {
                *handed = Some([epoll.0, signals]);
                Err(errno)
            }
        }
    }

    /// The descriptors for the next program, in the order in which it takes them.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.epoll.0.as_fd(), self.signals.as_fd()]
    }

    /// Waits for one more descriptor to become readable.
    ///
    /// # Errors
    /// The kernel has no memory, or the descriptor cannot be waited for.
    pub fn watch(&self, what: impl AsFd, source: Source) -> nix::Result<()> {
        await_events(&self.epoll, what, EpollEvent::new(EpollFlags::EPOLLIN, source.token()))
    }

    /// Adds mounts to what is waited for (proc_pid_mounts(5)).
    ///
    /// # Errors
    /// The kernel has no memory, or the file cannot be waited for.
    pub fn watch_mounts(&self, mounts: impl AsFd) -> nix::Result<()> {
        await_events(&self.epoll, mounts, EpollEvent::new(EpollFlags::EPOLLPRI, Source::Mounts.token()))
    }

    /// The next event that was fetched.
    pub fn next_event(&mut self) -> Option<(Source, EpollFlags)> {
        let event = self.events.get(self.next..self.count)?.first()?;
        self.next += 1;
        Some((Source::of(event.data()), event.events()))
    }

    /// Waits until an event or the deadline; without a deadline, for ever; not at all if the deadline has passed.
    ///
    /// # Errors
    /// The kernel does not let it wait; EINTR is not an error. Then the next event is that a signal may be pending.
    pub fn wait(&mut self, now: Instant, deadline: Option<Instant>) -> nix::Result<()> {
        let timeout = match deadline {
            None => EpollTimeout::NONE,
            Some(deadline) => {
                let most = i32::MAX as u64;
                let rest = deadline.0.saturating_sub(now.0).min(most);
                EpollTimeout::try_from(rest as i32).unwrap_or(EpollTimeout::ZERO)
            }
        };
        self.next = 0;
        match self.epoll.wait(&mut self.events, timeout) {
            Err(Errno::EINTR) => self.count = 0,
            Err(errno) => {
                self.events[0] = EpollEvent::new(EpollFlags::EPOLLIN, Source::Signals.token());
                self.count = 1;
                return Err(errno);
            }
            Ok(count) => self.count = count,
        }
        Ok(())
    }

    /// The next pending signal.
    pub fn next_signal(&self) -> Option<u32> {
        signals::next(&self.signals)
    }
}
