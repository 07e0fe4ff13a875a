//! The process settings of a job class (init(5) "Process environment"), kept small: most jobs have none.

use std::ffi::{CStr, CString, NulError};
use uphold_core::Resource;
use uphold_core::conf::Console;

use crate::conf::cgroup_stanza::Cgroup;

/// What `umask` is when the job file does not say.
pub const DEFAULT_UMASK: u16 = 0o022;

/// How every process of a job is set up.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Settings {
    /// `console`.
    pub console: Console,
    /// `debug`: the process stops itself before exec, when the supervisor runs with `--debug`.
    pub debug: bool,
    /// `umask`; [`DEFAULT_UMASK`] when not set.
    pub umask: Option<u16>,
    /// `nice`.
    pub nice: Option<i8>,
    /// `oom score`, as the kernel's `oom_score_adj`.
    pub oom_score: Option<i16>,
    rare: Option<Box<Rare>>,
}

/// What few jobs set.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Rare {
    limits: Vec<ResourceLimit>,
    texts: [Option<Box<CStr>>; 5],
    /// The arguments of helpers, each ended by NUL.
    helpers: [Box<[u8]>; 2],
    group: Cgroup,
    readiness: Readiness,
}

/// How a job's main process says that it is ready, that it is alive, and which process it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Readiness {
    /// `expect notify`: by messages (sd_notify(3)).
    pub notify: bool,
    /// `expect fd NUMBER`: by a newline on that descriptor, 3 to 1023.
    pub descriptor: Option<u16>,
    /// `pid file PATH`, in which variables may stand.
    pub pid_file: Option<Box<[u8]>>,
    /// `watchdog SECONDS`; 0 is none.
    pub watchdog: u32,
}

/// `limit RESOURCE SOFT HARD`; `None` is `unlimited`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ResourceLimit {
    /// What is limited.
    pub resource: Resource,
    /// The limit in force.
    pub soft: Option<u64>,
    /// How far the process may raise it.
    pub hard: Option<u64>,
}

/// The settings that are a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Text {
    /// `chroot`.
    Chroot,
    /// `chdir`.
    Chdir,
    /// `setuid`.
    Setuid,
    /// `setgid`.
    Setgid,
    /// `apparmor switch`, as the kernel wants it told.
    Profile,
}

/// A program that is run to its end before a job's first process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preparation {
    /// `apparmor load`.
    Profile,
    /// `tmpfiles`.
    Files,
}

impl Readiness {
    /// Whether the main process gets a socket for its messages: a watchdog needs one too.
    pub fn has_socket(&self) -> bool {
        self.notify || self.watchdog > 0
    }
}

impl Settings {
    /// Sets a text. Text with a NUL byte in it is refused: the kernel could not take it.
    ///
    /// # Errors
    /// There is a NUL byte in it.
    pub fn set(&mut self, which: Text, value: &[u8]) -> Result<(), NulError> {
        let value = CString::new(value)?.into_boxed_c_str();
        self.rare().texts[which as usize] = Some(value);
        Ok(())
    }

    /// A text, where it was set.
    pub fn get(&self, which: Text) -> Option<&CStr> {
        self.rare.as_ref()?.texts[which as usize].as_deref()
    }

    /// Sets a limit; the last one for a resource counts.
    pub fn set_limit(&mut self, limit: ResourceLimit) {
        let limits = &mut self.rare().limits;
        match limits.iter_mut().find(|known| known.resource == limit.resource) {
            Some(known) => *known = limit,
            None => limits.push(limit),
        }
    }

    /// The limits, in the order in which they were first set.
    pub fn limits(&self) -> &[ResourceLimit] {
        self.rare.as_ref().map_or(&[], |rare| &rare.limits)
    }

    /// Gives a helper these arguments.
    pub fn prepare(&mut self, which: Preparation, arguments: &[&[u8]]) {
        self.rare().helpers[which as usize] = arguments.iter().flat_map(|word| [word, &b"\0"[..]].concat()).collect();
    }

    /// The arguments of a helper, each ended by NUL; none if it is not to run.
    pub fn preparation(&self, which: Preparation) -> &[u8] {
        self.rare.as_ref().map_or(&[], |rare| &rare.helpers[which as usize])
    }

    /// The control group that was asked for, if one was.
    pub fn group(&self) -> Option<&Cgroup> {
        self.rare.as_ref().map(|rare| &rare.group).filter(|group| !group.controllers.is_empty())
    }

    /// The control group that is asked for.
    pub fn group_mut(&mut self) -> &mut Cgroup {
        &mut self.rare().group
    }

    /// How the main process says that it is ready, if it says anything.
    pub fn readiness(&self) -> Option<&Readiness> {
        self.rare.as_ref().map(|rare| &rare.readiness).filter(|readiness| **readiness != Readiness::default())
    }

    /// How the main process says that it is ready.
    pub fn readiness_mut(&mut self) -> &mut Readiness {
        &mut self.rare().readiness
    }

    /// Takes an `expect` stanza, of which the last counts: messages, a descriptor, or neither.
    pub fn expect(&mut self, notify: bool, descriptor: Option<u16>) {
        // What is not set need not be taken back.
        if notify || descriptor.is_some() || self.readiness().is_some() {
            let readiness = self.readiness_mut();
            (readiness.notify, readiness.descriptor) = (notify, descriptor);
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// A job without rare settings costs this much, whatever else grows.
const _: () = assert!(size_of::<Settings>() <= 24);
