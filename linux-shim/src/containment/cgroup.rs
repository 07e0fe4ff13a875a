//! `cgroup CONTROLLER [NAME] [KEY VALUE]` on the kernel's single hierarchy (version 2), without a manager.
//!
//! A job's processes are all in one group, since the hierarchy has no other way. Of several names the last counts;
//! every controller is enabled for the group, and every setting is made in it. Groups are below the supervisor's own. A
//! group that the supervisor has used is removed when the last process has left it.

use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor};
use uphold_core::conf::{ExpandError, expand};
use uphold_core::{SpawnError, SpawnStage};

use crate::capacity::CGROUP_NAME;
use crate::conf::cgroup_stanza::Cgroup;
use crate::containment::hierarchy::find_base;
use crate::descriptors::essential;
use crate::kernel::error;
use crate::watch::wait::Source;

/// The files that every group of version 2 has without a controller.
const ALWAYS: [&[u8]; 3] = [b"cpuacct", b"freezer", b"perf_event"];

/// The groups of `cgroup` stanzas.
pub struct Cgroups {
    /// The directory of the groups; searched again while there is none.
    base: Option<PathBuf>,
    /// The means by which the kernel reports empty groups; `None` while it has no descriptor for that.
    inotify: Option<Inotify>,
    /// Whether the supervisor waits for these reports.
    is_awaited: bool,
    known: Vec<(WatchDescriptor, PathBuf)>,
    /// Whether a report came when the kernel could not tell whether the group is empty.
    is_unsure: bool,
    /// The file by which a process enters the group that was prepared last.
    entrance: CString,
}

impl Cgroups {
    /// No groups yet.
    pub fn new() -> Self {
        Cgroups {
            base: None,
            inotify: inotify(),
            is_awaited: false,
            known: Vec::new(),
            is_unsure: false,
            entrance: CString::default(),
        }
    }

    /// Waits for the kernel's reports on groups. Called before each use: an attempt that failed is made again.
    pub(crate) fn await_reports(&mut self, epoll: &Epoll) {
        self.inotify = self.inotify.take().or_else(inotify);
        if let Some(inotify) = self.inotify.as_ref().filter(|_| !self.is_awaited) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, Source::Groups.token());
            self.is_awaited = epoll.add(inotify, event).is_ok();
        }
    }

    /// Makes sure that a job's group exists with its settings. Returns the file by which processes enter it; `None` if
    /// this system has no such groups.
    ///
    /// # Errors
    /// The group cannot be made, a controller is missing, or a setting is refused; the stage says which. Or the kernel
    /// cannot tell now whether there are groups.
    pub fn prepare<'v>(
        &mut self,
        group: &Cgroup,
        lookup: impl Fn(&[u8]) -> Option<&'v [u8]>,
    ) -> Result<Option<&CStr>, SpawnError> {
        if std::mem::take(&mut self.is_unsure) {
            self.remove_empty();
        }
        let found = self.base.take().map_or_else(find_base, |base| Ok(Some(base)));
        let found = found.map_err(|errno| SpawnError { stage: SpawnStage::Cgroup, code: errno as i32 })?;
        let Some(base) = found else { return Ok(None) };
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
        // Without a watch, an empty group is not removed.
        let Some(inotify) = &self.inotify else { return };
        if let Ok(watch) = inotify.add_watch(&group.join("cgroup.events"), AddWatchFlags::IN_MODIFY) {
            self.known.push((watch, group.into()));
        }
    }

    /// Removes the groups that have become empty.
    pub fn changed(&mut self) {
        while let Some(events) = self.inotify.as_ref().and_then(|inotify| inotify.read_events().ok()) {
            for event in events {
                let Some(at) = self.known.iter().position(|(watch, _)| *watch == event.wd) else { continue };
                if event.mask.contains(AddWatchFlags::IN_IGNORED) || is_removed(&self.known[at].1, &mut self.is_unsure)
                {
                    self.known.swap_remove(at);
                }
            }
        }
    }

    fn remove_empty(&mut self) {
        let Cgroups { known, is_unsure, .. } = self;
        known.retain(|(_, group)| !is_removed(group, is_unsure));
    }

    /// The groups that are to be removed when they become empty.
    pub(crate) fn carry(&self) -> impl Iterator<Item = &PathBuf> + Clone {
        self.known.iter().map(|(_, group)| group)
    }

    /// Takes over the groups of the previous program. A group that has become empty meanwhile is not reported any more.
    pub(crate) fn put_back(&mut self, groups: impl Iterator<Item = PathBuf>) {
        groups.for_each(|group| self.watch(&group));
        self.remove_empty();
    }
}

fn inotify() -> Option<Inotify> {
    essential(|| Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC)).ok()
}

/// Removes a group without processes, and returns whether it is gone. `is_unsure` is set if the kernel cannot tell now.
fn is_removed(group: &Path, is_unsure: &mut bool) -> bool {
    let state = essential(|| fs::read(group.join("cgroup.events"))).unwrap_or_else(|problem| {
        *is_unsure |= error::may_pass(error::errno(&problem));
        Vec::new()
    });
    let empty = state.split(|&byte| byte == b'\n').any(|line| line == b"populated 0");
    // The kernel does not remove a group with processes.
    empty && fs::remove_dir(group).is_ok()
}

impl Default for Cgroups {
    fn default() -> Self {
        Self::new()
    }
}

/// The directory of a group, by the name in the stanza.
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

/// Enables controllers for the groups below a group.
fn enable(group: &Path, controllers: &[Box<[u8]>]) -> Result<(), SpawnError> {
    let unknown = |errno| SpawnError { stage: SpawnStage::CgroupController, code: errno as i32 };
    // A hierarchy without such a file has no controllers.
    let read =
        |file| error::settled(essential(|| fs::read(group.join(file)))).map(Result::unwrap_or_default).map_err(unknown);
    let lists =
        |list: &[u8], controller: &[u8]| list.trim_ascii().split(|&byte| byte == b' ').any(|one| one == controller);
    let (available, enabled) = (read("cgroup.controllers")?, read("cgroup.subtree_control")?);
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

/// Writes to a file of the kernel in one piece; the file exists.
fn write(file: &Path, text: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    essential(|| fs::OpenOptions::new().write(true).open(file))?.write_all(text)
}

fn failed(stage: SpawnStage, problem: &std::io::Error) -> SpawnError {
    SpawnError { stage, code: error::number(problem) }
}

#[cfg(test)]
mod tests {
    use super::*;

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
