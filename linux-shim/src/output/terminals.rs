//! Terminals for job output. The kernel takes long to make a terminal and to close one, so both happen while the
//! supervisor is idle: a spare one is kept ready, and old ones are closed later.

use std::os::fd::OwnedFd;

use nix::errno::Errno;

use crate::capacity::TERMINALS_TO_CLOSE;
use crate::descriptors::{dispensable, essential};
use crate::kernel::terminal::{open_reader, open_terminal, open_writer};

/// A spare terminal, and those to be closed.
pub(crate) struct Terminals {
    spare: Option<(OwnedFd, OwnedFd)>,
    over: Vec<OwnedFd>,
    /// Whether a terminal was ever requested.
    wanted: bool,
}

impl Terminals {
    pub(crate) fn new() -> Self {
        Terminals { spare: None, over: Vec::with_capacity(TERMINALS_TO_CLOSE), wanted: false }
    }

    /// A terminal: the end to be read, and the end for a process.
    pub(crate) fn take(&mut self) -> Result<(OwnedFd, OwnedFd), Errno> {
        self.wanted = true;
        self.spare.take().map_or_else(|| self.open(), Ok)
    }

    /// Opens a terminal. Those that are over make room for it. The supervisor keeps the end for the process only during
    /// the launch.
    fn open(&mut self) -> Result<(OwnedFd, OwnedFd), Errno> {
        let reader = dispensable(open_reader).or_else(|errno| {
            if self.over.is_empty() {
                return Err(errno);
            }
            self.over.clear();
            dispensable(open_reader)
        })?;
        let writer = essential(|| open_writer(&reader))?;
        Ok((reader, writer))
    }

    /// Takes the reader's end back, to be closed later.
    pub(crate) fn put_away(&mut self, reader: OwnedFd) {
        if self.over.len() == TERMINALS_TO_CLOSE {
            self.over.clear();
        }
        self.over.push(reader);
    }

    /// Does the deferred work. If no spare terminal can be made, the next request makes one and gets the error.
    pub(crate) fn tidy(&mut self) {
        self.over.clear();
        if self.wanted && self.spare.is_none() {
            self.spare = dispensable(open_terminal).ok();
            self.wanted = self.spare.is_some();
        }
    }
}
