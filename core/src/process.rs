//! The processes of a job, as init(5) "Process definition" has them.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Which of a job's processes, in the order in which `initctl status` looks for the first one to show.
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
    /// How many kinds of process there are.
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

    /// Its place in tables that have one column a process.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The number by which the world knows a process; never zero.
pub type Pid = core::num::NonZeroU32;

/// What a process calls itself, padded with zeros: as much as Linux keeps of it (proc(5), `comm`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
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
    /// It called exit(3) with this status, 0 to 255.
    Status(u8),
    /// This signal killed it.
    Signal(u8),
    /// It is gone, and nobody can say how: another process reaped it.
    Unknown,
}

/// How far the set-up of a process came before it failed (the stages and their words: measured on Upstart 1.13.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SpawnStage {
    /// Making the pipe that carries a script to the shell.
    Pipe,
    /// Making the process itself.
    Fork,
    /// Opening the console or the log's terminal.
    Console,
    /// Looking for a controller that `cgroup` names.
    CgroupController,
    /// Making the group of `cgroup`, and setting what it says.
    CgroupSettings,
    /// Moving the process into that group.
    Cgroup,
    /// `apparmor switch`.
    Profile,
    /// Running what `apparmor load` or `tmpfiles` wants run first.
    Helper,
    /// `limit RESOURCE`.
    Limit(Resource),
    /// `nice`.
    Priority,
    /// `oom score`.
    OomAdjustment,
    /// `chroot`.
    Root,
    /// `chdir`.
    Directory,
    /// Looking up the user of `setuid`.
    FindUser,
    /// Looking up the group of `setgid`.
    FindGroup,
    /// Looking up the user that the supervisor runs as (inside the job's root).
    FindOwnUser,
    /// Looking up the group that the supervisor runs as (inside the job's root).
    FindOwnGroup,
    /// Setting the supplementary groups.
    Groups,
    /// `setgid`.
    SetGroup,
    /// `setuid`.
    SetUser,
    /// Asking to be traced, for `expect fork` and `expect daemon`.
    Trace,
    /// execve(2).
    Execute,
}

impl fmt::Display for SpawnStage {
    /// As the message "unable to ..." goes on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SpawnStage::Limit(resource) => return write!(f, "set \"{}\" resource limit", resource.name()),
            SpawnStage::Pipe => "create pipe",
            SpawnStage::Fork => "fork",
            SpawnStage::Console => "open console",
            SpawnStage::CgroupController => "use cgroup controller",
            SpawnStage::CgroupSettings => "set up cgroup",
            SpawnStage::Cgroup => "enter cgroup",
            SpawnStage::Profile => "switch security profile",
            SpawnStage::Helper => "prepare process",
            SpawnStage::Priority => "set priority",
            SpawnStage::OomAdjustment => "set oom adjustment",
            SpawnStage::Root => "change root directory",
            SpawnStage::Directory => "change working directory",
            SpawnStage::FindUser => "getpwnam",
            SpawnStage::FindGroup => "getgrnam",
            SpawnStage::FindOwnUser => "getpwuid",
            SpawnStage::FindOwnGroup => "getgrgid",
            SpawnStage::Groups => "initgroups",
            SpawnStage::SetGroup => "setgid",
            SpawnStage::SetUser => "setuid",
            SpawnStage::Trace => "set trace",
            SpawnStage::Execute => "execute",
        })
    }
}

/// A resource of setrlimit(2), by its word in the `limit` stanza (init(5)).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)]
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Memlock,
    Msgqueue,
    Nice,
    Nofile,
    Nproc,
    Rss,
    Rtprio,
    Sigpending,
    Stack,
}

impl Resource {
    /// Every resource with the word that names it.
    pub const TABLE: [(&'static str, Resource); 14] = [
        ("as", Resource::As),
        ("core", Resource::Core),
        ("cpu", Resource::Cpu),
        ("data", Resource::Data),
        ("fsize", Resource::Fsize),
        ("memlock", Resource::Memlock),
        ("msgqueue", Resource::Msgqueue),
        ("nice", Resource::Nice),
        ("nofile", Resource::Nofile),
        ("nproc", Resource::Nproc),
        ("rss", Resource::Rss),
        ("rtprio", Resource::Rtprio),
        ("sigpending", Resource::Sigpending),
        ("stack", Resource::Stack),
    ];

    /// The word in the job file.
    pub fn name(self) -> &'static str {
        Self::TABLE[self as usize].0
    }
}

/// A process that could not be set up: how far it came, and the world's number for the reason (on Linux: errno).
///
/// The core hands the number through without knowing what it means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SpawnError {
    /// What was being done.
    pub stage: SpawnStage,
    /// Why it failed, in the world's own numbers; 0 where a user or group was looked up and there is none of that name.
    pub code: i32,
}
