//! Setting up a process: the stages that can fail, and the resources that `limit` sets.

use core::fmt;
use core::hash::Hash;

/// How far the set-up of a process came before it failed (the stages and their words: measured on Upstart 1.13.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
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
pub enum Resource {
    /// Address space, in bytes (`RLIMIT_AS`).
    As,
    /// Size of a core dump, in bytes (`RLIMIT_CORE`).
    Core,
    /// Processor time, in seconds (`RLIMIT_CPU`).
    Cpu,
    /// Data segment, in bytes (`RLIMIT_DATA`).
    Data,
    /// Size of a file that the process writes, in bytes (`RLIMIT_FSIZE`).
    Fsize,
    /// Locked memory, in bytes (`RLIMIT_MEMLOCK`).
    Memlock,
    /// POSIX message queues of the user, in bytes (`RLIMIT_MSGQUEUE`).
    Msgqueue,
    /// Ceiling of the nice value, as 20 minus that value (`RLIMIT_NICE`).
    Nice,
    /// File descriptors: one more than the largest (`RLIMIT_NOFILE`).
    Nofile,
    /// Processes and threads of the user (`RLIMIT_NPROC`).
    Nproc,
    /// Resident memory, in bytes; Linux ignores it (`RLIMIT_RSS`).
    Rss,
    /// Ceiling of the real-time priority (`RLIMIT_RTPRIO`).
    Rtprio,
    /// Signals queued for the user (`RLIMIT_SIGPENDING`).
    Sigpending,
    /// Stack, in bytes (`RLIMIT_STACK`).
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
        Self::TABLE.get(self as usize).map_or("", |row| row.0)
    }
}

/// A process that could not be set up: how far it came, and the world's number for the reason (on Linux: errno).
///
/// The core hands the number through without knowing what it means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SpawnError {
    /// The step that failed.
    pub stage: SpawnStage,
    /// Why it failed, in the world's own numbers; 0 where a user or group was looked up and there is none of that name.
    pub code: i32,
}

/// For people who embed the core; the log's message about a failed process is a [`Notice`](crate::Notice), in Upstart's
/// words.
impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unable to {}: error {}", self.stage, self.code)
    }
}

impl core::error::Error for SpawnError {}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::{Resource, SpawnError, SpawnStage};

    #[test]
    fn every_stage_is_said_in_words() {
        use SpawnStage as S;
        #[rustfmt::skip]
        let table = [
            (S::Limit(Resource::Nofile), "set \"nofile\" resource limit"),
            (S::Limit(Resource::Stack),  "set \"stack\" resource limit"),
            (S::Pipe,             "create pipe"),
            (S::Fork,             "fork"),
            (S::Console,          "open console"),
            (S::CgroupController, "use cgroup controller"),
            (S::CgroupSettings,   "set up cgroup"),
            (S::Cgroup,           "enter cgroup"),
            (S::Profile,          "switch security profile"),
            (S::Helper,           "prepare process"),
            (S::Priority,         "set priority"),
            (S::OomAdjustment,    "set oom adjustment"),
            (S::Root,             "change root directory"),
            (S::Directory,        "change working directory"),
            (S::FindUser,         "getpwnam"),
            (S::FindGroup,        "getgrnam"),
            (S::FindOwnUser,      "getpwuid"),
            (S::FindOwnGroup,     "getgrgid"),
            (S::Groups,           "initgroups"),
            (S::SetGroup,         "setgid"),
            (S::SetUser,          "setuid"),
            (S::Trace,            "set trace"),
            (S::Execute,          "execute"),
        ];
        for (stage, words) in table {
            assert_eq!(stage.to_string(), words);
            let error = SpawnError { stage, code: 13 };
            assert_eq!(error.to_string(), std::format!("unable to {words}: error 13"));
        }
    }

    #[test]
    fn every_resource_has_its_word() {
        for (word, resource) in Resource::TABLE {
            assert_eq!(resource.name(), word);
        }
    }
}
