//! Job files: finding them, reading them, and noticing changes (init(5), inotify(7); which file names count was
//! measured on Upstart 1.13.2).
//!
//! A job's name is its file's path below the directory, without `.conf`. If several directories have a file of that
//! name, the first one counts. The first `.override` up to that directory is read on top of it. A file counts as a
//! whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};

use crate::conf::job_file::{
    LoadResult, Loading, apply, begin, check_settings, not_loaded, read_file, read_sound, unreadable,
};
use crate::kernel::error;

/// The events that are watched in a directory.
const WATCHED: AddWatchFlags = AddWatchFlags::IN_CREATE
    .union(AddWatchFlags::IN_DELETE)
    .union(AddWatchFlags::IN_CLOSE_WRITE)
    .union(AddWatchFlags::IN_MOVED_FROM)
    .union(AddWatchFlags::IN_MOVED_TO)
    .union(AddWatchFlags::IN_DELETE_SELF)
    .union(AddWatchFlags::IN_MOVE_SELF);

/// The directories of job files.
pub struct ConfDir {
    /// Upstart's own settings file, which has no settings; it is read first when everything is loaded.
    settings_file: Option<PathBuf>,
    directories: Vec<PathBuf>,
    inotify: Result<Inotify, Errno>,
    watches: Vec<Watch>,
}

/// A watched directory: `below` the directory of that place. A directory that links lead to has a watch for each name,
/// all with the same descriptor.
#[derive(Clone)]
struct Watch {
    descriptor: WatchDescriptor,
    place: usize,
    below: PathBuf,
}

impl ConfDir {
    /// Job files in these directories, the most important first.
    pub fn new(settings_file: Option<PathBuf>, directories: Vec<PathBuf>) -> Self {
        let inotify = Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC);
        ConfDir { settings_file, directories, inotify, watches: Vec::new() }
    }

    /// The descriptor that becomes readable when a directory changes.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.inotify.as_ref().ok().map(AsFd::as_fd)
    }

    /// Loads every job file, and drops the jobs without a file.
    pub fn load_all(&mut self, to: &mut Loading<'_, '_>) {
        if let Some(file) = &self.settings_file {
            to.log.info(format_args!("Loading configuration from {}", file.display()));
            check_settings(file, to.log);
        }
        for place in 0..self.directories.len() {
            to.log.info(format_args!("Loading configuration from {}", self.directories[place].display()));
            self.visit(place, &PathBuf::new(), &mut Vec::new(), to);
        }
        self.drop_vanished(to);
    }

    /// Reads and handles the changes of the directories.
    pub fn changed(&mut self, to: &mut Loading<'_, '_>) {
        while let Some(events) = self.inotify.as_ref().ok().and_then(|inotify| inotify.read_events().ok()) {
            for event in events {
                if event.mask.contains(AddWatchFlags::IN_Q_OVERFLOW) {
                    self.load_all(to);
                } else {
                    self.take_event(&event, to);
                }
            }
        }
    }

    fn take_event(&mut self, event: &InotifyEvent, to: &mut Loading<'_, '_>) {
        let names: Vec<Watch> = self.watches.iter().filter(|watch| watch.descriptor == event.wd).cloned().collect();
        let mask = event.mask;
        if mask.intersects(AddWatchFlags::IN_DELETE_SELF | AddWatchFlags::IN_MOVE_SELF | AddWatchFlags::IN_IGNORED) {
            self.watches.retain(|watch| watch.descriptor != event.wd);
            for Watch { place, below, .. } in names {
                if !below.as_os_str().is_empty() {
                    // A link may lead to nothing now.
                    self.unwatch(place, &below);
                    self.drop_vanished(to);
                } else if !mask.contains(AddWatchFlags::IN_IGNORED) {
                    let directory = self.directories[place].display();
                    to.log.warn(format_args!("{directory}: Configuration directory deleted"));
                }
            }
            return;
        }
        let Some(name) = &event.name else { return };
        for Watch { place, below, .. } in names {
            self.take_change(mask, name, place, &below.join(name), to);
        }
    }

    /// Handles the creation, removal or change of this name at that path.
    fn take_change(&mut self, mask: AddWatchFlags, name: &OsStr, place: usize, path: &Path, to: &mut Loading<'_, '_>) {
        let full = self.directories[place].join(path);
        let came = mask.intersects(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO);
        // The kernel marks events of a directory itself, but not those of a link to one. Something new may also have
        // replaced what was there.
        let was_directory = !mask.contains(AddWatchFlags::IN_CLOSE_WRITE)
            && self.watches.iter().any(|watch| watch.place == place && watch.below.starts_with(path));
        if was_directory {
            self.unwatch(place, path);
        }
        if came && full.is_dir() {
            if is_looked_into(name, &full) {
                self.visit(place, path, &mut self.ways_to(place, path), to);
            }
        } else if !mask.contains(AddWatchFlags::IN_ISDIR)
            && (!mask.contains(AddWatchFlags::IN_CREATE) || is_complete(&full))
        {
            self.touch(path, to);
        }
        if was_directory {
            self.drop_vanished(to);
        }
    }

    /// Device and inode of the directories that contain this one.
    fn ways_to(&self, place: usize, below: &Path) -> Vec<(u64, u64)> {
        let directories = below.ancestors().skip(1).map(|way| fs::metadata(self.directories[place].join(way)));
        directories.flatten().map(|directory| (directory.dev(), directory.ino())).collect()
    }

    /// Loads the files of one directory and of those below it, by name, and watches it. The directory lies `within`
    /// these.
    fn visit(&mut self, place: usize, below: &Path, within: &mut Vec<(u64, u64)>, to: &mut Loading<'_, '_>) {
        let directory = self.directories[place].join(below);
        let names = fs::metadata(&directory).and_then(|own| {
            let own = (own.dev(), own.ino());
            if within.contains(&own) {
                return Err(Errno::ELOOP.into());
            }
            // A file that appears after the names were read is reported by inotify.
            let watched = self.watch(place, below);
            let names = names_in(&directory)?;
            if let Err(errno) = watched {
                let (directory, reason) = (directory.display(), errno.desc());
                to.log.warn(format_args!("{directory}: Unable to watch configuration directory: {reason}"));
            }
            Ok((names, own))
        });
        let (names, own) = match names {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => {
                let (directory, reason) = (directory.display(), error::words(&error));
                return to.log.error(format_args!("{directory}: Unable to load configuration: {reason}"));
            }
        };
        within.push(own);
        for name in names {
            let path = below.join(&name);
            let whole = self.directories[place].join(&path);
            // Links are followed: a linked file is a job.
            match fs::metadata(&whole) {
                Ok(file) if file.is_dir() && is_looked_into(&name, &whole) => self.visit(place, &path, within, to),
                Ok(file) if file.is_dir() => {}
                Err(error) if is_conf(&name) && error.kind() == std::io::ErrorKind::NotFound => {
                    to.log.warn(format_args!("{}: {}", whole.display(), error::words(&error)));
                }
                _ if self.place_of(&path).is_some_and(|first| first >= place) => self.touch(&path, to),
                _ => {}
            }
        }
        within.pop();
    }

    fn watch(&mut self, place: usize, below: &Path) -> Result<(), Errno> {
        let inotify = self.inotify.as_ref().map_err(|errno| *errno)?;
        let descriptor = match inotify.add_watch(&self.directories[place].join(below), WATCHED) {
            // The directory has been removed meanwhile, with its files.
            Err(Errno::ENOENT) => return Ok(()),
            added => added?,
        };
        self.watches.retain(|watch| watch.place != place || watch.below != below);
        self.watches.push(Watch { descriptor, place, below: below.into() });
        Ok(())
    }

    /// Stops watching a directory that is gone, and those below it, wherever they are now.
    fn unwatch(&mut self, place: usize, below: &Path) {
        let is_gone = |watch: &Watch| watch.place == place && watch.below.starts_with(below);
        let (gone, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.watches).into_iter().partition(is_gone);
        self.watches = left;
        for Watch { descriptor, .. } in gone {
            let is_watched = self.watches.iter().any(|watch| watch.descriptor == descriptor);
            if let Some(inotify) = self.inotify.as_ref().ok().filter(|_| !is_watched) {
                // The kernel has stopped watching a deleted directory already.
                inotify.rm_watch(descriptor).unwrap_or_default();
            }
        }
    }

    /// The first directory that has a file of this name.
    fn place_of(&self, path: &Path) -> Option<usize> {
        self.directories
            .iter()
            .position(|directory| fs::metadata(directory.join(path)).is_ok_and(|file| file.is_file()))
    }

    /// Loads or drops the job of a file that has changed, appeared or disappeared.
    fn touch(&mut self, path: &Path, to: &mut Loading<'_, '_>) {
        let bytes = path.as_os_str().as_bytes();
        let job = bytes.strip_suffix(b".conf").or_else(|| bytes.strip_suffix(b".override"));
        let Some(job) = job.filter(|job| !job.is_empty() && !job.ends_with(b"/")) else { return };
        match self.place_of(&with_suffix(job, b".conf")) {
            Some(place) => self.load(job, place, to),
            None => to.delete(job),
        }
    }

    /// Loads one job: its file, and the override on top of it. Each counts only if it has no error.
    fn load(&mut self, job: &[u8], place: usize, to: &mut Loading<'_, '_>) {
        let file = self.directories[place].join(with_suffix(job, b".conf"));
        let above = with_suffix(job, b".override");
        let above =
            self.place_of(&above).filter(|&first| first <= place).map(|first| self.directories[first].join(above));
        let Some((class, mut draft)) = begin(job, &file, to) else { return };
        let mut read = Some(class);
        let mut outcome = match read_file(&file) {
            Ok(mut text) => apply(&file, &mut text, class, &mut draft, to),
            Err(error) => unreadable(&file, &error, to),
        };
        if outcome == LoadResult::Bad {
            to.supervisor.abandon_class(class);
            read = None;
        }
        if let Some(above) = above.filter(|_| outcome != LoadResult::Full)
            && let Some(mut text) = read_sound(&above, to)
        {
            if read.is_none() {
                // The override makes the job by itself.
                let Some((class, fresh)) = begin(job, &above, to) else { return };
                (read, draft) = (Some(class), fresh);
            }
            outcome = read.map_or(LoadResult::Bad, |class| apply(&above, &mut text, class, &mut draft, to));
        }
        match (outcome, read) {
            (LoadResult::Good, Some(class)) => {
                to.programs.keep(class, draft);
                if let Err(full) = to.supervisor.commit_class(class) {
                    to.programs.retire(class);
                    not_loaded(&file, full, to.log);
                }
                to.settle();
            }
            // The new definition does not fit, so the old one stays.
            (_, Some(class)) => to.supervisor.abandon_class(class),
            (_, None) => to.delete(job),
        }
    }

    /// Drops the jobs for which no file is left.
    fn drop_vanished(&self, to: &mut Loading<'_, '_>) {
        let mut vanished: Vec<Vec<u8>> = Vec::new();
        for (status, _) in to.supervisor.statuses(0) {
            let known = vanished.last().is_some_and(|job| job == status.job);
            if !known && self.place_of(&with_suffix(status.job, b".conf")).is_none() {
                vanished.push(status.job.to_vec());
            }
        }
        for job in vanished {
            to.delete(&job);
        }
    }
}

/// The names in a directory, sorted.
fn names_in(directory: &Path) -> std::io::Result<Vec<OsString>> {
    let mut names =
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

fn with_suffix(job: &[u8], suffix: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&[job, suffix].concat()))
}

/// Directories without job files: those of version control systems, …
const IGNORED: [&str; 7] = ["RCS", "CVS", "CVS.adm", "SCCS", "BitKeeper", "{arch}", "_darcs"];

/// … and the endings of backups and of files that editors and package managers leave behind.
const LEFT_BEHIND: [&str; 9] = ["~", ".bak", ".swp", ".swo", ".swn", ",v", ".rpmsave", ".rpmorig", ".rpmnew"];

/// Whether a directory, with everything below it, is skipped.
fn is_ignored(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let ending = Path::new(name).extension().unwrap_or_default().as_bytes();
    bytes.starts_with(b".")
        || IGNORED.iter().any(|ignored| name == *ignored)
        || LEFT_BEHIND.iter().any(|end| bytes.len() > end.len() && bytes.ends_with(end.as_bytes()))
        || (bytes.len() > 1 && bytes.starts_with(b"#") && bytes.ends_with(b"#"))
        || ending.starts_with(b"dpkg-")
}

/// Whether a name is that of a job file.
fn is_conf(name: &OsStr) -> bool {
    [&b".conf"[..], b".override"].iter().any(|end| name.as_bytes().ends_with(end))
}

/// Whether a directory may contain jobs: a linked one does unless it has the name of a job file.
fn is_looked_into(name: &OsStr, whole: &Path) -> bool {
    let linked = fs::symlink_metadata(whole).is_ok_and(|link| link.is_symlink());
    if linked { is_conf(name) } else { !is_ignored(name) }
}

/// Whether a file that has just appeared is complete: a link is; a new file is still being written, and will be closed.
fn is_complete(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.is_symlink() || file.nlink() > 1)
}
