//! The process settings of a job class (init(5) "Process environment"). They are small, since most jobs have none.

use std::ffi::{CStr, CString, NulError};
use uphold_core::Resource;
use uphold_core::conf::Console;

use crate::conf::cgroup_stanza::Cgroup;

/// The default `umask`.
pub const DEFAULT_UMASK: u16 = 0o022;

/// The settings of every process of a job.
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

/// Settings of few jobs.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
struct Rare {
    limits: Vec<ResourceLimit>,
    texts: [Option<Box<CStr>>; 5],
    /// The arguments of helpers, each terminated by NUL.
    helpers: [Box<[u8]>; 2],
    group: Cgroup,
    readiness: Readiness,
}

/// How a job's main process reports that it is ready and alive, and which process is the main one.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Readiness {
    /// `expect notify`: by messages (sd_notify(3)).
    pub notify: bool,
    /// `expect fd NUMBER`: by a newline on that descriptor, 3 to 1023.
    pub descriptor: Option<u16>,
    /// `pid file PATH`, which may contain variables.
    pub pid_file: Option<Box<[u8]>>,
    /// `watchdog SECONDS`; 0 is none.
    pub watchdog: u32,
}

/// `limit RESOURCE SOFT HARD`; `None` is `unlimited`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub struct ResourceLimit {
    /// The limited resource.
    pub resource: Resource,
    /// The limit in force.
    pub soft: Option<u64>,
    /// The value up to which the process may raise the limit.
    pub hard: Option<u64>,
}

/// The settings that are a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextSetting {
    /// `chroot`.
    Chroot,
    /// `chdir`.
    Chdir,
    /// `setuid`.
    Setuid,
    /// `setgid`.
    Setgid,
    /// `apparmor switch`, in the kernel's format.
    Profile,
}

/// A program that runs to completion before a job's first process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preparation {
    /// `apparmor load`.
    Profile,
    /// `tmpfiles`.
    Files,
}

impl Readiness {
    /// Whether the main process gets a notification socket: a watchdog needs one too.
    pub fn has_socket(&self) -> bool {
        self.notify || self.watchdog > 0
    }
}

impl Settings {
    /// Sets a text.
    ///
    /// # Errors
    /// The text contains a NUL byte, so the kernel cannot take it.
    pub fn set(&mut self, which: TextSetting, value: &[u8]) -> Result<(), NulError> {
        let value = CString::new(value)?.into_boxed_c_str();
        self.rare().texts[which as usize] = Some(value);
        Ok(())
    }

    /// A text, if it was set.
    pub fn get(&self, which: TextSetting) -> Option<&CStr> {
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

    /// Sets the arguments of a helper.
    pub fn prepare(&mut self, which: Preparation, arguments: &[&[u8]]) {
        self.rare().helpers[which as usize] = arguments.iter().flat_map(|word| [word, &b"\0"[..]].concat()).collect();
    }

    /// The arguments of a helper, each terminated by NUL; empty if it does not run.
    pub fn preparation(&self, which: Preparation) -> &[u8] {
        self.rare.as_ref().map_or(&[], |rare| &rare.helpers[which as usize])
    }

    /// The requested control group, if any.
    pub fn group(&self) -> Option<&Cgroup> {
        self.rare.as_ref().map(|rare| &rare.group).filter(|group| !group.controllers.is_empty())
    }

    /// The requested control group, to be changed.
    pub fn group_mut(&mut self) -> &mut Cgroup {
        &mut self.rare().group
    }

    /// How the main process reports readiness, if it does.
    pub fn readiness(&self) -> Option<&Readiness> {
        self.rare.as_ref().map(|rare| &rare.readiness).filter(|readiness| **readiness != Readiness::default())
    }

    /// How the main process reports readiness, to be changed.
    pub fn readiness_mut(&mut self) -> &mut Readiness {
        &mut self.rare().readiness
    }

    /// Applies an `expect` stanza, of which the last counts: messages, a descriptor, or neither.
    pub fn expect(&mut self, notify: bool, descriptor: Option<u16>) {
        // Without earlier settings there is nothing to reset.
        if notify || descriptor.is_some() || self.readiness().is_some() {
            let readiness = self.readiness_mut();
            (readiness.notify, readiness.descriptor) = (notify, descriptor);
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}

/// The size of a job without rare settings stays within this bound.
const _: () = assert!(size_of::<Settings>() <= 24);
