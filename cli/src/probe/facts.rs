//! The facts about a program, in the order in which they happened. Nothing here knows whether they
//! were observed or read from a log.

use std::path::Path;

use crate::signals;

/// A fact.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fact {
    /// Microseconds since the program was started; 0 in a log without times.
    pub at: u64,
    /// The process that did it.
    pub pid: u32,
    /// The deed.
    pub what: What,
}

/// An action of a process, or an event that it suffered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It made a process.
    Born {
        /// The process that was made.
        child: u32,
        /// How it was made.
        how: Birth,
        /// Whether another thread than the first one made it.
        by_thread: bool,
    },
    /// It made a thread.
    Thread,
    /// It ran a program: the command line, with blanks between the words.
    Exec(String),
    /// The process ended.
    Exit(End),
    /// It was stopped by SIGSTOP.
    Stopped,
    /// It made a session, which it leads.
    Session,
    /// It bound a socket or listened at one: kind and address, such as `tcp 0.0.0.0:80`.
    Listens(String),
    /// It sent a message as sd_notify(3) does.
    Notified(String),
    /// It wrote a process id into a file.
    PidFile {
        /// The path of the file.
        path: String,
        /// The process id.
        holds: u32,
    },
    /// It became another user: the effective user id.
    User(u32),
    /// It asked for the id of its parent, and then made a process at once.
    AsksParent,
    /// A signal that ends most programs came from outside.
    Told,
}

/// How a process was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Birth {
    /// By fork(2): Upstart counts these.
    Fork,
    /// By vfork(2), as posix_spawn(3) and system(3) do.
    Vfork,
    /// By a clone(2) that reports the exit by another signal than SIGCHLD, or by none.
    Clone,
}

impl Birth {
    /// The name, as trees show it.
    pub fn name(self) -> &'static str {
        match self {
            Birth::Fork => "fork",
            Birth::Vfork => "vfork",
            Birth::Clone => "clone",
        }
    }
}

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// It exited with a status.
    Status(i32),
    /// A signal killed it.
    Signal(i32),
}

impl std::fmt::Display for End {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            End::Status(status) => write!(out, "exited with status {status}"),
            End::Signal(signal) => write!(out, "killed by {}", signals::name(signal)),
        }
    }
}

/// Everything that was seen of a program.
#[derive(Clone, Default, Debug)]
pub struct Observation {
    /// The command line.
    pub command: Vec<String>,
    /// The process that was started.
    pub first: u32,
    /// The facts, in the order in which they happened. Facts of one process are always in order.
    pub facts: Vec<Fact>,
    /// Whether it was read from a log, which may go on until someone has ended the program.
    pub is_log: bool,
    /// Whether the facts have times.
    pub timed: bool,
    /// Whether it was quiet in the end, so that nothing more is expected.
    pub quiet: bool,
}

/// Changes the name of a pid file or of a socket: many daemons make a file beside it first.
pub fn rename(facts: &mut [Fact], from: &str, to: &str) {
    let name = |path: &str| Path::new(path).file_name().map(std::ffi::OsStr::to_owned);
    for fact in facts {
        let (kind, path) = match &mut fact.what {
            What::PidFile { path, .. } => ("", path),
            What::Listens(address) if address.starts_with("unix /") => ("unix ", address),
            _ => continue,
        };
        let old = Path::new(path.trim_start_matches(kind));
        if old == Path::new(from) || name(path) == name(from) {
            let new = old.parent().map_or_else(|| to.into(), |folder| folder.join(to));
            *path = format!("{kind}{}", new.display());
        }
    }
}
