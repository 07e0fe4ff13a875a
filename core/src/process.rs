//! The processes of a job (init(5) "Process definition"), and how a process ends.

use core::fmt;
use core::hash::Hash;

use serde::{Deserialize, Serialize};

/// The kinds of a job's processes, in the order in which `initctl status` chooses the first one to show.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Process {
    /// `exec` or `script`.
    Main,
    /// `pre-start exec` or `pre-start script`.
    PreStart,
    /// `post-start exec` or `post-start script`.
    PostStart,
    /// `pre-stop exec` or `pre-stop script`.
    PreStop,
    /// `post-stop exec` or `post-stop script`.
    PostStop,
}

impl Process {
    /// The number of kinds.
    pub const COUNT: usize = 5;

    /// Every kind, in declaration order.
    pub const ALL: [Process; Process::COUNT] =
        [Process::Main, Process::PreStart, Process::PostStart, Process::PreStop, Process::PostStop];

    /// The name in messages, in `status` and in the variable `PROCESS` of stopped(7).
    pub const fn name(self) -> &'static str {
        match self {
            Process::Main => "main",
            Process::PreStart => "pre-start",
            Process::PostStart => "post-start",
            Process::PreStop => "pre-stop",
            Process::PostStop => "post-stop",
        }
    }

    /// The index in tables with one entry for each kind.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A process id, which the world assigns; never zero.
pub type Pid = core::num::NonZeroU32;

/// A process's name for itself, padded with zeros: as much as Linux keeps of it (proc(5), `comm`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ShortName(pub [u8; 16]);

impl ShortName {
    /// The name, or as much of it as there is room for.
    pub fn new(name: &[u8]) -> Self {
        let mut short = [0; 16];
        short.iter_mut().zip(name).for_each(|(to, from)| *to = *from);
        ShortName(short)
    }
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        crate::bytes::Show(name).fmt(f)
    }
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Exit {
    /// The process called exit(3) with this status, 0 to 255.
    Status(u8),
    /// The process was killed by this signal.
    Signal(u8),
    /// The process is gone, and its status is unknown: another process reaped it.
    Unknown,
}
