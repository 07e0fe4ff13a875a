//! The low descriptors through which a new process gets others.

use std::ffi::c_int;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::stat::Mode;
use nix::unistd::dup3;

use crate::descriptors::essential;
use crate::keep::origin::Origin;
use crate::kernel::descriptors::adopt_descriptor;

/// The lowest descriptor of the supervisor that a child may see: above those that the child needs.
const FIRST_SLOT: c_int = 10;

/// The number of slots.
pub(crate) const SLOTS: usize = 7;

/// Low descriptors through which a child gets others, since it has a copy of only the beginning of the table. Between
/// launches all except the null device lead nowhere.
pub(crate) struct Slots {
    pub(crate) null: OwnedFd,
    pub(crate) log: OwnedFd,
    pub(crate) script: OwnedFd,
    pub(crate) ready: OwnedFd,
    pub(crate) report: OwnedFd,
    /// The file of the kept state: its lock lasts until the child runs its program.
    lock: OwnedFd,
    nowhere: OwnedFd,
    has_null: bool,
}

impl Slots {
    pub(crate) fn new() -> Result<Slots, Errno> {
        let nowhere = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        let slot = || fcntl(&nowhere, FcntlArg::F_DUPFD_CLOEXEC(FIRST_SLOT)).map(adopt_descriptor);
        let (null, log, script, ready, report) = (slot()?, slot()?, slot()?, slot()?, slot()?);
        let (lock, nowhere) = (slot()?, slot()?);
        Ok(Slots { null, log, script, ready, report, lock, nowhere, has_null: false })
    }

    /// The slots of the previous program. `has_null`: whether the first one leads to the null device.
    pub(crate) fn handed([null, log, script, ready, report, lock, nowhere]: [OwnedFd; SLOTS], has_null: bool) -> Slots {
        Slots { null, log, script, ready, report, lock, nowhere, has_null }
    }

    /// Holds the lock on the file of the kept state through every launch.
    ///
    /// # Errors
    /// EMFILE: the limit was lowered below the number of the slot.
    pub(crate) fn hold(&mut self, file: &File) -> Result<(), Errno> {
        lead(file, &mut self.lock)
    }

    /// The file of the kept state, if the program before this one held it.
    pub(crate) fn kept(&self) -> Option<File> {
        let file = fcntl(&self.lock, FcntlArg::F_DUPFD_CLOEXEC(FIRST_SLOT)).map(adopt_descriptor).map(File::from);
        file.ok().filter(Origin::is_there)
    }

    /// The slots for the next program, in the order in which it takes them.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; SLOTS] {
        self.all().map(AsFd::as_fd)
    }

    /// Whether the first one leads to the null device.
    pub(crate) fn has_null(&self) -> bool {
        self.has_null
    }

    fn numbers(&self) -> [c_int; SLOTS] {
        self.all().map(OwnedFd::as_raw_fd)
    }

    fn all(&self) -> [&OwnedFd; SLOTS] {
        [&self.null, &self.log, &self.script, &self.ready, &self.report, &self.lock, &self.nowhere]
    }

    /// The slots that are used during a launch only.
    fn given(&mut self) -> [&mut OwnedFd; 4] {
        [&mut self.log, &mut self.script, &mut self.ready, &mut self.report]
    }

    pub(crate) fn first(&self) -> c_int {
        self.numbers().into_iter().fold(c_int::MAX, c_int::min)
    }

    pub(crate) fn last(&self) -> c_int {
        self.numbers().into_iter().fold(0, c_int::max)
    }

    /// Makes the slots for log, script, readiness and report lead to these, and the first to the null device.
    pub(crate) fn fill(&mut self, with: [Option<BorrowedFd<'_>>; 4]) -> Result<(), Errno> {
        if !self.has_null {
            let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let null = essential(|| open(c"/dev/null", flags, Mode::empty()))?;
            lead(&null, &mut self.null)?;
            self.has_null = true;
        }
        for (slot, with) in self.given().into_iter().zip(with) {
            if let Some(with) = with {
                lead(with, slot)?;
            }
        }
        Ok(())
    }

    /// Closes what the slots lead to, so that a log ends with its job.
    pub(crate) fn clear(&mut self, filled: [bool; 4]) {
        let Slots { log, script, ready, report, nowhere, .. } = self;
        for (slot, filled) in [log, script, ready, report].into_iter().zip(filled) {
            if filled {
                // Both are open, so this cannot fail.
                dup3(&*nowhere, slot, OFlag::O_CLOEXEC).unwrap_or_default();
            }
        }
    }
}

/// Makes a slot lead to a file.
///
/// # Errors
/// EMFILE: the limit was lowered below the number of the slot.
fn lead(file: impl AsFd, slot: &mut OwnedFd) -> Result<(), Errno> {
    match dup3(file, slot, OFlag::O_CLOEXEC) {
        // Both are open.
        Err(Errno::EBADF) => Err(Errno::EMFILE),
        led => led,
    }
}
