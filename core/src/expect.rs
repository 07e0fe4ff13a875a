//! The job file's statement of what its main process does until it is ready (init(5), `expect`).
//! [`tables::expect`](crate::tables::expect) says how each is followed.

use core::fmt;

/// How a daemon reports that it is ready (init(5), `expect`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Expect {
    /// The daemon is ready once its program runs.
    #[default]
    None,
    /// The daemon raises SIGSTOP.
    Stop,
    /// The daemon forks once.
    Fork,
    /// The daemon forks twice.
    Daemon,
    /// The daemon sends `READY=1` as sd_notify(3) does.
    Notify,
    /// The daemon writes a newline to a descriptor.
    Descriptor,
    /// The daemon writes its process id to a file.
    PidFile,
    /// Nothing is counted: the process that stays is the daemon.
    Auto,
}

impl Expect {
    /// Whether the process must be traced to see what it is expected to do.
    pub const fn traces(self) -> bool {
        matches!(self, Expect::Fork | Expect::Daemon)
    }

    /// Whether the process reports by messages that it is ready, so that it needs a socket or the like to send them.
    pub const fn has_messages(self) -> bool {
        matches!(self, Expect::Notify)
    }

    /// The word in the job file.
    pub const fn name(self) -> &'static str {
        match self {
            Expect::None => "none",
            Expect::Stop => "stop",
            Expect::Fork => "fork",
            Expect::Daemon => "daemon",
            Expect::Notify => "notify",
            Expect::Descriptor => "fd",
            Expect::PidFile => "pid file",
            Expect::Auto => "auto",
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
