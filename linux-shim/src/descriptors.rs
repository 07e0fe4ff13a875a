//! The budget of file descriptors: some calls must always work, and others give way to them.
//!
//! | class       | what                                                                 | without a free descriptor |
//! |-------------|----------------------------------------------------------------------|---------------------------|
//! | essential   | control connections, launches, re-exec, job files, `/proc`, log files | takes from the reserve    |
//! | dispensable | the lasting ones of jobs ([`COSTS`])                                 | is refused                |
//!
//! The reserve is made of descriptors that are open and lead nowhere. An essential call that the kernel refuses for
//! want of a descriptor closes one of them and is made again. A dispensable call is made only while the reserve is
//! whole. So nothing needs to be counted, and a limit that is changed while the supervisor runs is noticed by itself:
//! the reserve is opened before anything of a job, so that its numbers are below almost any limit.
//!
//! Clients keep their connection for a while, and everything else that is essential is closed again in the same turn.
//! Clients therefore have a part of the reserve to themselves, and never the rest of it. A connection counts as a part
//! of the reserve: a client that has a job restarted must not take the descriptor that the job has just given back.

use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::resource::{Resource, getrlimit};
use uphold_core::SpawnError;

use crate::capacity::{RESERVE_SHARE, SPARE_FOR_A_TURN, SPARE_FOR_CLIENTS};

/// The descriptors in reserve.
pub const RESERVED: usize = SPARE_FOR_A_TURN + SPARE_FOR_CLIENTS;

/// The descriptors that something keeps open.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// The thing that keeps them open.
    pub holder: &'static str,
    /// The number of descriptors.
    pub descriptors: usize,
    /// The consequence if there are none for it.
    pub without: &'static str,
}

/// The descriptors that each running job keeps open. A job may have several of these.
#[rustfmt::skip]
pub const COSTS: [Cost; 6] = [
    Cost { holder: "any job: with or without `respawn`, `pid file`, `script`, a control group", descriptors: 0, without: "" },
    Cost { holder: "`console log` (the default), for each running process of the job", descriptors: 1, without: "the process starts without a log; the next one tries again" },
    Cost { holder: "`expect notify`, or `watchdog`", descriptors: 1, without: "the launch waits, and is tried again" },
    Cost { holder: "`expect fd N`, until the daemon is ready", descriptors: 1, without: "the launch waits, and is tried again" },
    Cost { holder: "a daemon that another process forked, while that process lives", descriptors: 1, without: "the daemon is looked at every second, until there is a descriptor" },
    Cost { holder: "a daemon that another process forked, when that process has exited", descriptors: 0, without: "" },
];

/// The most descriptors that the supervisor keeps open for itself: standard descriptors, the log, signals, sockets,
/// directories, slots for launches, and a terminal that is kept ready.
pub const OWN: usize = 32;

/// An error that may say that the kernel has no descriptor to give.
pub(crate) trait MayBeShort {
    fn is_short(&self) -> bool;
}

impl MayBeShort for Errno {
    fn is_short(&self) -> bool {
        matches!(self, Errno::EMFILE | Errno::ENFILE)
    }
}

impl MayBeShort for std::io::Error {
    fn is_short(&self) -> bool {
        self.raw_os_error().is_some_and(|number| Errno::from_raw(number).is_short())
    }
}

impl MayBeShort for SpawnError {
    fn is_short(&self) -> bool {
        Errno::from_raw(self.code).is_short()
    }
}

/// A table of descriptors.
trait Table {
    /// An open descriptor, which is closed when it is dropped.
    type Open;
    /// Every number is below the limit, which may change at any time.
    fn limit(&self) -> usize;
    /// Opens a descriptor that leads nowhere.
    fn open(&self) -> Result<Self::Open, Errno>;
    fn number(open: &Self::Open) -> usize;
}

/// The reserve, and the outcome of dispensable calls since it was last asked for.
struct Budget<T: Table> {
    table: T,
    spare: heapless::Vec<T::Open, RESERVED>,
    /// The connected clients.
    clients: usize,
    /// Whether any of the reserve was closed since it was whole.
    is_spent: bool,
    news: News,
}

/// The outcome of dispensable calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct News {
    /// Something does without its descriptor.
    pub(crate) lacks: bool,
    /// Something has got one.
    pub(crate) granted: bool,
}

impl<T: Table> Budget<T> {
    const fn new(table: T) -> Self {
        let news = News { lacks: false, granted: false };
        Budget { table, spare: heapless::Vec::new(), clients: 0, is_spent: false, news }
    }

    /// The descriptors that are reserved under the limit in force.
    fn goal(&self) -> usize {
        RESERVED.min(self.table.limit() / RESERVE_SHARE)
    }

    /// Those of them that clients may not take.
    fn kept_from_clients(&self) -> usize {
        self.goal() * SPARE_FOR_A_TURN / RESERVED
    }

    /// Those of them that are to be spare: the others are connections.
    fn wanted(&self) -> usize {
        let goal = self.goal();
        goal - self.clients.min(goal - self.kept_from_clients())
    }

    /// Opens what is missing in the reserve, and returns whether it is whole.
    fn fill(&mut self) -> bool {
        let (limit, wanted) = (self.table.limit(), self.wanted());
        // A number above a limit that was lowered makes room for nothing when it is closed.
        self.spare.retain(|open| T::number(open) < limit);
        self.spare.truncate(wanted);
        while self.spare.len() < wanted {
            match self.table.open() {
                // There is room: so many are at most the capacity.
                Ok(open) => self.spare.push(open).map_or((), drop),
                Err(_) => return false,
            }
        }
        self.is_spent = false;
        true
    }

    /// Takes out the spare descriptor with the lowest number, which is the most useful one when it is closed.
    fn take(&mut self) -> Option<T::Open> {
        let lowest = self.spare.iter().enumerate().min_by_key(|(_, open)| T::number(open))?.0;
        self.is_spent = true;
        Some(self.spare.swap_remove(lowest))
    }

    /// How many more clients the reserve can take; `None` while there are other descriptors.
    fn left_for_clients(&mut self) -> Option<usize> {
        let has_other = self.fill() && self.table.open().is_ok();
        (!has_other).then(|| self.spare.len().saturating_sub(self.kept_from_clients()))
    }
}

/// The descriptors of this program.
struct Own;

impl Table for Own {
    type Open = OwnedFd;

    fn limit(&self) -> usize {
        // The kernel always tells.
        getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(soft, _)| usize::try_from(soft).unwrap_or(usize::MAX))
    }

    fn open(&self) -> Result<OwnedFd, Errno> {
        // Each is a file of its own, so that closing it makes room in the system's table too.
        EventFd::from_flags(EfdFlags::EFD_CLOEXEC).map(Into::into)
    }

    fn number(open: &OwnedFd) -> usize {
        usize::try_from(open.as_raw_fd()).unwrap_or(usize::MAX)
    }
}

/// There is one for the whole program, as there is one table of descriptors.
static BUDGET: Mutex<Budget<Own>> = Mutex::new(Budget::new(Own));

fn budget() -> MutexGuard<'static, Budget<Own>> {
    BUDGET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The limit of open files in force, and how many of them are reserved.
pub(crate) fn limits() -> (usize, usize) {
    let budget = budget();
    (budget.table.limit(), budget.goal())
}

/// Makes an essential call that opens a descriptor, with the reserve if the kernel has no other. The descriptor should
/// be closed within the turn. A call that opens several must open the same ones when it is repeated.
///
/// # Errors
/// Those of the call: for want of a descriptor only if nothing is left of the reserve.
pub(crate) fn essential<T, E: MayBeShort>(mut call: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    loop {
        match call() {
            Err(error) if error.is_short() => {
                let spare = budget().take();
                spare.map(drop).ok_or(error)?;
            }
            called => return called,
        }
    }
}

/// Makes a call that opens a descriptor which can be done without, if the reserve is whole.
///
/// # Errors
/// Those of the call; EMFILE if the reserve is not whole. The caller notes what does without ([`note_lack`]).
pub(crate) fn dispensable<T, E: From<Errno>>(call: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    if !budget().fill() {
        return Err(Errno::EMFILE.into());
    }
    let called = call();
    budget().news.granted |= called.is_ok();
    called
}

/// Notes that something does without its descriptor.
pub(crate) fn note_lack() {
    budget().news.lacks = true;
}

/// The same if this error says that there is none.
pub(crate) fn note_if_short(error: &impl MayBeShort) {
    if error.is_short() {
        note_lack();
    }
}

/// The outcome of dispensable calls since the last time.
pub(crate) fn take_news() -> News {
    std::mem::take(&mut budget().news)
}

/// Opens the reserve for the first time.
pub(crate) fn reserve() {
    budget().fill();
}

/// Opens again what was spent of the reserve. To be called in each turn.
pub(crate) fn restore() {
    let mut budget = budget();
    if budget.is_spent {
        budget.fill();
    }
}

/// The connection of a client. It counts until this is dropped, which must be when the connection is closed.
#[derive(Debug)]
pub(crate) struct Connected(());

impl Connected {
    /// One more connection.
    pub(crate) fn new() -> Connected {
        budget().clients += 1;
        Connected(())
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut budget = budget();
        budget.clients = budget.clients.saturating_sub(1);
        // It may be more than is open.
        budget.is_spent = true;
    }
}

/// How many more clients can be accepted; `None` if there are descriptors for as many as there are places.
pub(crate) fn left_for_clients() -> Option<usize> {
    budget().left_for_clients()
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;
    use std::rc::Rc;

    use super::*;

    /// A pretend table of descriptors.
    #[derive(Default)]
    struct Pretend {
        limit: Cell<usize>,
        used: Rc<RefCell<BTreeSet<usize>>>,
    }

    struct Open(usize, Rc<RefCell<BTreeSet<usize>>>);

    impl Drop for Open {
        fn drop(&mut self) {
            self.1.borrow_mut().remove(&self.0);
        }
    }

    impl Table for Pretend {
        type Open = Open;

        fn limit(&self) -> usize {
            self.limit.get()
        }

        fn open(&self) -> Result<Open, Errno> {
            let mut used = self.used.borrow_mut();
            let free = (0..self.limit.get()).find(|number| !used.contains(number)).ok_or(Errno::EMFILE)?;
            used.insert(free);
            Ok(Open(free, Rc::clone(&self.used)))
        }

        fn number(open: &Open) -> usize {
            open.0
        }
    }

    fn budget(limit: usize) -> Budget<Pretend> {
        let mut budget = Budget::new(Pretend { limit: limit.into(), ..Pretend::default() });
        assert!(budget.fill());
        budget
    }

    fn take_all(budget: &Budget<Pretend>) -> Vec<Open> {
        std::iter::from_fn(|| budget.table.open().ok()).collect()
    }

    #[test]
    fn a_small_limit_is_shared() {
        for (limit, reserved) in [(1, 0), (40, 10), (60, 15), (128, RESERVED), (1 << 20, RESERVED)] {
            assert_eq!(budget(limit).spare.len(), reserved, "{limit}");
        }
    }

    #[test]
    fn jobs_that_take_every_other_descriptor_leave_the_reserve() {
        let mut budget = budget(128);
        let jobs = take_all(&budget);
        assert_eq!(jobs.len(), 128 - RESERVED);
        assert!(budget.fill());
        assert_eq!(budget.left_for_clients(), Some(SPARE_FOR_CLIENTS));
        // Clients take their part, and no more.
        let mut clients = Vec::new();
        while budget.left_for_clients() != Some(0) {
            drop(budget.take().unwrap());
            clients.push(budget.table.open().unwrap());
            budget.clients += 1;
            assert!(budget.fill(), "their connections are the reserve");
        }
        assert_eq!((clients.len(), budget.spare.len()), (SPARE_FOR_CLIENTS, SPARE_FOR_A_TURN));
        // A descriptor that a client gives back comes into the reserve, one that a job gives back does not.
        clients.pop();
        budget.clients -= 1;
        assert_eq!(budget.left_for_clients(), Some(1));
        assert!(budget.table.open().is_err());
        let jobs: Vec<_> = jobs.into_iter().skip(1).collect();
        assert!(budget.fill() && budget.table.open().is_ok());
        budget.clients = 0;
        clients.clear();
        drop(jobs);
        assert!(budget.fill() && budget.left_for_clients().is_none());
        assert_eq!(budget.spare.len(), RESERVED);
    }

    #[test]
    fn a_limit_that_is_lowered_is_noticed_and_one_that_is_raised() {
        let mut budget = budget(1024);
        let jobs = take_all(&budget);
        budget.table.limit.set(20);
        assert!(budget.fill(), "a quarter of the numbers below the limit is in reserve");
        assert_eq!(budget.spare.len(), 5);
        // The lowest number goes first.
        assert_eq!(budget.take().map(|open| open.0), Some(0));
        assert!(budget.is_spent && budget.fill());
        let first = jobs.first().unwrap().0;
        budget.table.limit.set(first);
        let freed = (0..first).filter(|number| !budget.table.used.borrow().contains(number)).count();
        assert_eq!(freed, RESERVED - 5, "what is above the goal was closed");
        budget.table.limit.set(2000);
        assert!(budget.fill());
        assert_eq!(budget.spare.len(), RESERVED);
    }

    #[test]
    fn an_essential_call_is_made_again_until_nothing_is_left() {
        let mut calls = 0;
        let called: Result<(), Errno> = essential(|| {
            calls += 1;
            if calls < 3 { Err(Errno::EMFILE) } else { Ok(()) }
        });
        reserve();
        assert!(called.is_err() || calls == 3);
        let other: Result<(), Errno> = essential(|| Err(Errno::ENOENT));
        assert_eq!(other, Err(Errno::ENOENT), "nothing is spent on another error");
        assert_eq!(essential(|| Err::<(), _>(Errno::ENFILE)), Err(Errno::ENFILE));
        restore();
    }
}
