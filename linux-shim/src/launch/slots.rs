//! The low descriptors through which a new process gets others.

use std::ffi::c_int;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::stat::Mode;
use nix::unistd::dup3;

use crate::descriptors::essential;
use crate::kernel::descriptors::adopt_descriptor;

/// The lowest descriptor of the supervisor that a child may see: above those that the child needs.
const FIRST_SLOT: c_int = 10;

/// The number of slots.
pub(crate) const SLOTS: usize = 6;

/// Low descriptors through which a child gets others, since it has a copy of only the beginning of the table. Between
/// launches all except the null device lead nowhere.
pub(crate) struct Slots {
    pub(crate) null: OwnedFd,
    pub(crate) log: OwnedFd,
    pub(crate) script: OwnedFd,
    pub(crate) ready: OwnedFd,
    pub(crate) report: OwnedFd,
    nowhere: OwnedFd,
    has_null: bool,
}

impl Slots {
    pub(crate) fn new() -> Result<Slots, Errno> {
        let nowhere = EventFd::from_flags(EfdFlags::EFD_CLOEXEC)?;
        let slot = || fcntl(&nowhere, FcntlArg::F_DUPFD_CLOEXEC(FIRST_SLOT)).map(adopt_descriptor);
        let (null, log, script, ready, report, nowhere) = (slot()?, slot()?, slot()?, slot()?, slot()?, slot()?);
        Ok(Slots { null, log, script, ready, report, nowhere, has_null: false })
    }

    /// The slots of the previous program. `has_null`: whether the first one leads to the null device.
    pub(crate) fn handed([null, log, script, ready, report, nowhere]: [OwnedFd; SLOTS], has_null: bool) -> Slots {
        Slots { null, log, script, ready, report, nowhere, has_null }
    }

    /// The slots for the next program, in the order in which it takes them.
    pub(crate) fn descriptors(&self) -> [BorrowedFd<'_>; SLOTS] {
        [&self.null, &self.log, &self.script, &self.ready, &self.report, &self.nowhere].map(AsFd::as_fd)
    }

    /// Whether the first one leads to the null device.
    pub(crate) fn has_null(&self) -> bool {
        self.has_null
    }

    fn numbers(&self) -> [c_int; SLOTS] {
        [&self.null, &self.log, &self.script, &self.ready, &self.report, &self.nowhere].map(OwnedFd::as_raw_fd)
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
