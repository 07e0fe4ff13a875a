//! Terminals for job output. The kernel takes its time to make one and to take one down, so both are done when nothing
//! else is to be done: one is kept ready, and those that are over are closed later.

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use crate::capacity::TERMINALS_TO_CLOSE;
use crate::kernel::terminal::open_terminal;

/// Where terminals come from and go to.
pub(crate) struct Terminals {
    spare: Option<(OwnedFd, OwnedFd)>,
    over: Vec<OwnedFd>,
    /// Whether anybody has wanted one.
    wanted: bool,
}

impl Terminals {
    pub(crate) fn new() -> Self {
        Terminals { spare: None, over: Vec::with_capacity(TERMINALS_TO_CLOSE), wanted: false }
    }

    /// A terminal: the end that is read, and the end for a process.
    pub(crate) fn take(&mut self) -> Result<(OwnedFd, OwnedFd), Errno> {
        self.wanted = true;
        self.spare.take().map_or_else(open_terminal, Ok)
    }

    /// Takes back the end that was read.
    pub(crate) fn put_away(&mut self, reader: OwnedFd) {
        if self.over.len() == TERMINALS_TO_CLOSE {
            self.over.clear();
        }
        self.over.push(reader);
    }

    /// Does what was put off. Without a spare terminal the next one is made when it is asked for, and so is the error.
    pub(crate) fn tidy(&mut self) {
        self.over.clear();
        if self.wanted && self.spare.is_none() {
            self.spare = open_terminal().ok();
            self.wanted = self.spare.is_some();
        }
    }
}
