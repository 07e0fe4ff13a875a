//! `cgroup CONTROLLER [NAME] [KEY VALUE]` on the kernel's one hierarchy (version 2), without a manager.
//!
//! A job's processes are all in one group: the hierarchy has no other way. Of several names the last counts; every
//! controller is switched on for the group and every setting is made in it. Groups lie below the supervisor's own; one
//! that the supervisor has used is removed when the last process has left it.

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use uphold_core::conf::{ExpandError, expand};
use uphold_core::process::{SpawnError, SpawnStage};

use crate::capacity::CGROUP_NAME;
use crate::conf::settings::{Cgroup, Setting};
use crate::handover;
use crate::kernel::error;

/// Names of version 1 that mean something else in version 2.
const CONTROLLERS: [(&[u8], &[u8]); 1] = [(b"blkio", b"io")];

/// What every group of version 2 can do without a controller.
const ALWAYS: [&[u8]; 3] = [b"cpuacct", b"freezer", b"perf_event"];

/// Settings of version 1 that are called otherwise in version 2: controller, key, file, and what becomes of the value.
#[rustfmt::skip]
const KEYS: [(&[u8], &[u8], &str, Value); 6] = [
    //  controller  key                       file               value
    (   b"cpu",     b"shares",                "cpu.weight",      |text| weight(text, 2, 262_144)),
    (   b"cpu",     b"cfs_quota_us",          "cpu.max",         no_limit),
    (   b"blkio",   b"weight",                "io.weight",       |text| weight(text, 10, 1000)),
    (   b"memory",  b"limit_in_bytes",        "memory.max",      no_limit),
    (   b"memory",  b"soft_limit_in_bytes",   "memory.high",     no_limit),
    (   b"freezer", b"state",                 "cgroup.freeze",   |text| if text == b"FROZEN" { b"1".into() } else { b"0".into() }),
];

type Value = fn(&[u8]) -> Vec<u8>;

/// The groups of jobs.
pub struct Cgroups {
    /// Where they are; looked for again as long as there is no such place.
    base: Option<PathBuf>,
    inotify: Option<Inotify>,
    known: Vec<(WatchDescriptor, PathBuf)>,
    /// The file by which a process enters the group that was prepared last.
    entrance: CString,
}

impl Cgroups {
    /// None yet.
    pub fn new() -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC).ok();
        Cgroups { base: None, inotify, known: Vec::new(), entrance: CString::default() }
    }

    /// What becomes readable when a process has entered or left.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().map(AsFd::as_fd)
    }

    /// Makes sure that a job's group is there, and as its settings say. Returns the file by which processes enter it;
    /// `None` if this system has no such groups.
    ///
    /// # Errors
    /// The group cannot be made, a controller is not there, or a setting is refused; the stage says which.
    pub fn prepare<'v>(
        &mut self,
        group: &Cgroup,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) -> Result<Option<&CStr>, SpawnError> {
        let Some(base) = self.base.take().or_else(find_base) else { return Ok(None) };
        let base = self.base.insert(base);
        let path = path_in(base, group.name.as_deref(), lookup)?;
        let below = path.strip_prefix(&*base).unwrap_or(Path::new(""));
        let mut at = base.clone();
        for name in below {
            enable(&at, &group.controllers)?;
            at.push(name);
            match fs::create_dir(&at) {
                Err(problem) if problem.kind() != std::io::ErrorKind::AlreadyExists => {
                    return Err(failed(SpawnStage::CgroupSettings, &problem));
                }
                _ => {}
            }
        }
        self.watch(&path);
        for (file, value) in &group.values {
            let written = write(&path.join(OsStr::from_bytes(file)), value);
            written.map_err(|problem| failed(SpawnStage::CgroupSettings, &problem))?;
        }
        let entrance = path.join("cgroup.procs").into_os_string();
        let entrance = CString::new(entrance.as_bytes());
        self.entrance = entrance.map_err(|_| SpawnError { stage: SpawnStage::Cgroup, code: Errno::EINVAL as i32 })?;
        Ok(Some(&self.entrance))
    }

    fn watch(&mut self, group: &Path) {
        if self.known.iter().any(|(_, known)| known == group) {
            return;
        }
        // Without a watch the group stays when it is empty.
        let Some(inotify) = &self.inotify else { return };
        if let Ok(watch) = inotify.add_watch(&group.join("cgroup.events"), AddWatchFlags::IN_MODIFY) {
            self.known.push((watch, group.into()));
        }
    }

    /// Removes the groups that are empty now.
    pub fn changed(&mut self) {
        while let Some(events) = self.inotify.as_ref().and_then(|inotify| inotify.read_events().ok()) {
            for event in events {
                let Some(at) = self.known.iter().position(|(watch, _)| *watch == event.wd) else { continue };
                if event.mask.contains(AddWatchFlags::IN_IGNORED) || remove_if_empty(&self.known[at].1) {
                    self.known.swap_remove(at);
                }
            }
        }
    }

    /// The groups that are to be removed one day.
    pub(crate) fn carry(&self) -> Vec<Vec<u8>> {
        handover::carry_paths(self.known.iter().map(|(_, group)| group))
    }

    /// Goes on with the groups of a program before this one. Of one that was left meanwhile nobody tells any more.
    pub(crate) fn put_back(&mut self, groups: Vec<Vec<u8>>) {
        handover::paths(groups).for_each(|group| self.watch(&group));
        self.known.retain(|(_, group)| !remove_if_empty(group));
    }
}

/// Removes a group in which nobody is; says whether it is gone.
fn remove_if_empty(group: &Path) -> bool {
    let state = fs::read(group.join("cgroup.events")).unwrap_or_default();
    let empty = state.split(|&byte| byte == b'\n').any(|line| line == b"populated 0");
    // A group that is not empty is not removed.
    empty && fs::remove_dir(group).is_ok()
}

impl Default for Cgroups {
    fn default() -> Self {
        Self::new()
    }
}

impl Cgroup {
    /// Takes the words of a `cgroup` stanza.
    pub fn take(&mut self, words: &[&[u8]]) {
        let (controller, name, setting) = match *words {
            [controller] => (controller, None, None),
            [controller, name] => (controller, Some(name), None),
            [controller, key, value] => (controller, None, Some((key, value))),
            [controller, name, key, value, ..] => (controller, Some(name), Some((key, value))),
            [] => return,
        };
        if let Some(name) = name {
            self.name = Some(name.into());
        }
        if let Some((key, value)) = setting {
            self.values.push(translate(controller, key, value));
        }
        let new = CONTROLLERS.iter().find(|(old, _)| *old == controller).map_or(controller, |(_, new)| new);
        self.controllers.push(new.into());
    }
}

/// A setting's file and value.
fn translate(controller: &[u8], key: &[u8], value: &[u8]) -> Setting {
    let known = KEYS.iter().find(|(its_controller, its_key, ..)| *its_controller == controller && *its_key == key);
    match known {
        Some((_, _, file, translate)) => (file.as_bytes().into(), translate(value).into()),
        None if key.starts_with(&[controller, b"."].concat()) => (key.into(), value.into()),
        None => ([controller, b".", key].concat().into(), value.into()),
    }
}

/// A share of version 1 as one of 1 to 10,000.
fn weight(text: &[u8], least: u64, most: u64) -> Vec<u8> {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(shares) => (1 + (shares.clamp(least, most) - least) * 9999 / (most - least)).to_string().into(),
        None => text.into(),
    }
}

fn no_limit(text: &[u8]) -> Vec<u8> {
    if text == b"-1" { b"max".into() } else { text.into() }
}

/// The supervisor's own group, where the hierarchy of version 2 is mounted.
pub(crate) fn find_base() -> Option<PathBuf> {
    let mounts = fs::read("/proc/self/mounts").ok()?;
    let mount = mounts.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == b"cgroup2").then_some(place)
    })?;
    let own = fs::read("/proc/self/cgroup").ok()?;
    let own = own.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"0::/"))?;
    Some(Path::new(OsStr::from_bytes(mount)).join(OsStr::from_bytes(own)))
}

/// A group's directory, from the name that the stanza gives.
fn path_in<'v>(
    base: &Path,
    name: Option<&[u8]>,
    lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
) -> Result<PathBuf, SpawnError> {
    let failed = |errno| SpawnError { stage: SpawnStage::CgroupSettings, code: errno as i32 };
    let job = lookup(b"UPSTART_JOB").unwrap_or_default();
    let instance = lookup(b"UPSTART_INSTANCE").unwrap_or_default();
    let dash: &[u8] = if instance.is_empty() { b"" } else { b"-" };
    let mut own = [job, dash, instance].concat();
    own.iter_mut().filter(|byte| **byte == b'/').for_each(|byte| *byte = b'_');
    let mut expanded = heapless::Vec::<u8, CGROUP_NAME>::new();
    let with_own = |variable: &[u8]| if variable == b"UPSTART_CGROUP" { Some(&own[..]) } else { lookup(variable) };
    match expand(name.unwrap_or(b"$UPSTART_CGROUP"), with_own, expanded.as_mut_view()) {
        Ok(()) => {}
        Err(ExpandError::Full) => return Err(failed(Errno::ENAMETOOLONG)),
        Err(_) => return Err(failed(Errno::EINVAL)),
    }
    let mut path = base.to_path_buf();
    for component in Path::new(OsStr::from_bytes(&expanded)).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => return Err(failed(Errno::EINVAL)),
        }
    }
    if path == base { Err(failed(Errno::EINVAL)) } else { Ok(path) }
}

/// Switches controllers on for the groups below one.
fn enable(group: &Path, controllers: &[Box<[u8]>]) -> Result<(), SpawnError> {
    let read = |file| fs::read(group.join(file)).unwrap_or_default();
    let lists =
        |list: &[u8], controller: &[u8]| list.trim_ascii().split(|&byte| byte == b' ').any(|one| one == controller);
    let (available, enabled) = (read("cgroup.controllers"), read("cgroup.subtree_control"));
    for controller in controllers.iter().filter(|controller| !ALWAYS.contains(&&controller[..])) {
        if !lists(&available, controller) {
            return Err(SpawnError { stage: SpawnStage::CgroupController, code: Errno::ENODEV as i32 });
        }
        if !lists(&enabled, controller) {
            let switched = write(&group.join("cgroup.subtree_control"), &[b"+", &controller[..]].concat());
            switched.map_err(|problem| failed(SpawnStage::CgroupController, &problem))?;
        }
    }
    Ok(())
}

/// Writes to a file of the kernel's, in one piece; there is none to be made.
fn write(file: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    fs::OpenOptions::new().write(true).open(file)?.write_all(text)
}

fn failed(stage: SpawnStage, problem: &std::io::Error) -> SpawnError {
    SpawnError { stage, code: error::number(problem) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(stanzas: &[&[&[u8]]]) -> Cgroup {
        let mut group = Cgroup::default();
        stanzas.iter().for_each(|words| group.take(words));
        group
    }

    #[test]
    fn settings_are_given_the_names_of_version_2() {
        let table: [(&[&[u8]], &str, &str); 9] = [
            (&[b"cpu", b"n", b"shares", b"1024"], "cpu.weight", "39"),
            (&[b"cpu", b"shares", b"2"], "cpu.weight", "1"),
            (&[b"cpu", b"n", b"cfs_quota_us", b"-1"], "cpu.max", "max"),
            (&[b"blkio", b"n", b"weight", b"1000"], "io.weight", "10000"),
            (&[b"memory", b"$UPSTART_CGROUP", b"limit_in_bytes", b"52428800"], "memory.max", "52428800"),
            (&[b"memory", b"n", b"limit_in_bytes", b"-1"], "memory.max", "max"),
            (&[b"memory", b"n", b"memory.low", b"1"], "memory.low", "1"),
            (&[b"pids", b"n", b"max", b"7"], "pids.max", "7"),
            (&[b"freezer", b"n", b"state", b"FROZEN"], "cgroup.freeze", "1"),
        ];
        for (words, file, value) in table {
            let group = group(&[words]);
            assert_eq!(group.values, [(file.as_bytes().into(), value.as_bytes().into())], "{words:?}");
        }
    }

    #[test]
    fn the_last_name_counts_and_every_controller() {
        let both = group(&[&[b"blkio", b"a"], &[b"cpu", b"b"], &[b"memory"]]);
        assert_eq!(both.name.as_deref(), Some(&b"b"[..]));
        assert_eq!(both.controllers, [b"io".as_slice().into(), b"cpu".as_slice().into(), b"memory".as_slice().into()]);
    }

    #[test]
    fn a_group_lies_below_our_own() {
        let lookup = |name: &[u8]| match name {
            b"UPSTART_JOB" => Some(&b"net/if"[..]),
            b"UPSTART_INSTANCE" => Some(&b"eth0"[..]),
            _ => None,
        };
        let path = |name: Option<&str>| path_in(Path::new("/c"), name.map(str::as_bytes), lookup);
        let good = |path: &str| Ok(PathBuf::from(path));
        assert_eq!(path(None), good("/c/net_if-eth0"));
        assert_eq!(path(Some("my-$UPSTART_CGROUP")), good("/c/my-net_if-eth0"));
        assert_eq!(path(Some("/all/${UPSTART_INSTANCE}")), good("/c/all/eth0"));
        for bad in ["", "/", "..", "a/../../b", "$NONE", "${"] {
            let error = SpawnError { stage: SpawnStage::CgroupSettings, code: Errno::EINVAL as i32 };
            assert_eq!(path(Some(bad)), Err(error), "{bad:?}");
        }
    }
}
