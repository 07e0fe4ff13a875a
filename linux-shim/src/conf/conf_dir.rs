//! Job files: finding them, reading them, and noticing changes (init(5), inotify(7); which file names count was
//! measured on Upstart 1.13.2).
//!
//! A job's name is its file's path below the directory, without `.conf`. If several directories have a file of that
//! name, the first one counts. The first `.override` up to that directory is read on top of it. A file counts as a
//! whole or not at all.
//!
//! If the kernel cannot tell now what is at a path (EIO, ENOMEM, no descriptor), the jobs stay as they are, and the
//! path is looked at again later (see `unsure`).

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::{ffi::OsStrExt, fs::MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify, InotifyEvent, WatchDescriptor};
use uphold_core::Instant;

use crate::conf::job_file::{
    LoadResult, Loading, apply, begin, check_settings, log_wrong, not_loaded, read_file, sound, unreadable,
};
use crate::conf::names::{counts, found, is_conf, is_looked_into, names_in};
use crate::conf::unsure::{Sight, Unsure};
use crate::descriptors::essential;
use crate::kernel::error::{self, may_pass, settled};

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
    /// The directories that a user named: the first load reports those that do not exist. Later ones report nothing, as
    /// the original.
    named: Vec<PathBuf>,
    inotify: Result<Inotify, Errno>,
    /// Whether the supervisor waits for the reports of inotify.
    is_awaited: bool,
    watches: Vec<Watch>,
    unsure: Unsure,
}

/// A file that the kernel does not show now: the place of its directory, its path there, and the error.
type Untold = (usize, PathBuf, Errno);

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
        let (inotify, watches, unsure) = (inotify(), Vec::new(), Unsure::default());
        ConfDir { settings_file, directories, named: Vec::new(), inotify, is_awaited: false, watches, unsure }
    }

    /// The same, where a user named some of the directories.
    pub fn naming(self, named: Vec<PathBuf>) -> Self {
        ConfDir { named, ..self }
    }

    /// Makes the supervisor wait for the descriptor that becomes readable when a directory changes. Called before each
    /// use: an attempt that failed is made again.
    pub(crate) fn await_changes(&mut self, wait: impl FnOnce(BorrowedFd<'_>) -> bool) {
        if self.inotify.is_err() {
            self.inotify = inotify();
        }
        if let Ok(inotify) = &self.inotify
            && !self.is_awaited
        {
            self.is_awaited = wait(inotify.as_fd());
        }
    }

    /// Plans the next look at what could not be seen. Called after each use.
    pub(crate) fn plan(&mut self) {
        let lacks_reports = match &self.inotify {
            Ok(_) => !self.is_awaited,
            Err(errno) => may_pass(*errno),
        };
        self.unsure.plan(lacks_reports);
    }

    /// The time of that look.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.unsure.deadline()
    }

    /// Whether its time has come.
    pub(crate) fn is_due(&mut self) -> bool {
        self.unsure.is_due()
    }

    /// Looks again at what could not be seen.
    pub(crate) fn look_again(&mut self, to: &mut Loading<'_, '_>) {
        let paths = self.unsure.begin_again();
        for Sight { place, path, is_unwatched } in &paths {
            // The files of an unwatched directory are read again when it is watched: otherwise all would be read for
            // nothing at each look.
            match if *is_unwatched { self.watch(*place, path) } else { Ok(()) } {
                Err(errno) => self.note_unwatched(*place, path, errno, to),
                Ok(()) => self.look_at(*place, path, to),
            }
        }
        if !paths.is_empty() {
            self.drop_vanished(to);
        }
        self.unsure.end_again();
    }

    /// Looks at a path at which there may be a job file, a directory, or nothing.
    fn look_at(&mut self, place: usize, path: &Path, to: &mut Loading<'_, '_>) {
        let Some(name) = path.file_name() else { return self.visit(place, path, &mut Vec::new(), to) };
        let full = self.directories[place].join(path);
        let is_directory = found(&full).and_then(|found| match found {
            Some(found) if found.is_dir() => is_looked_into(name, &full).map(Some),
            _ => Ok(None),
        });
        match is_directory {
            Ok(Some(true)) => self.visit(place, path, &mut self.ways_to(place, path), to),
            Ok(Some(false)) => {}
            Ok(None) => self.touch(path, to),
            Err(errno) => self.note(place, path, errno, to),
        }
    }

    /// Notes that the kernel cannot tell now what is at a path.
    fn note(&mut self, place: usize, path: &Path, errno: Errno, to: &mut Loading<'_, '_>) {
        let sight = Sight { place, path: path.into(), is_unwatched: false };
        self.unsure.note(sight, errno, &self.directories, to.log);
    }

    /// Notes that a directory cannot be watched.
    fn note_unwatched(&mut self, place: usize, path: &Path, errno: Errno, to: &mut Loading<'_, '_>) {
        let sight = Sight { place, path: path.into(), is_unwatched: true };
        self.unsure.note(sight, errno, &self.directories, to.log);
    }

    /// Loads every job file, and drops the jobs without a file.
    pub fn load_all(&mut self, to: &mut Loading<'_, '_>) {
        self.unsure.clear();
        if let Some(file) = &self.settings_file {
            to.log.info(format_args!("Loading configuration from {}", file.display()));
            check_settings(file, to.log);
        }
        for place in 0..self.directories.len() {
            to.log.info(format_args!("Loading configuration from {}", self.directories[place].display()));
            self.visit(place, &PathBuf::new(), &mut Vec::new(), to);
        }
        self.named.clear();
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
            self.take_change(mask, place, &below.join(name), to);
        }
    }

    /// Handles the creation, removal or change of what is at a path.
    fn take_change(&mut self, mask: AddWatchFlags, place: usize, path: &Path, to: &mut Loading<'_, '_>) {
        let full = self.directories[place].join(path);
        // The kernel marks events of a directory itself, but not those of a link to one. Something new may also have
        // replaced what was there.
        let was_directory = !mask.contains(AddWatchFlags::IN_CLOSE_WRITE)
            && self.watches.iter().any(|watch| watch.place == place && watch.below.starts_with(path));
        if was_directory {
            self.unwatch(place, path);
        }
        match counts(mask, &full) {
            Ok(true) => self.look_at(place, path, to),
            Ok(false) => {}
            Err(errno) => self.note(place, path, errno, to),
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
                self.note_unwatched(place, below, errno, to);
            }
            Ok((names, own))
        });
        let (names, own) = match names {
            Ok(found) => found,
            Err(error) => return self.not_visited(place, below, &error, to),
        };
        within.push(own);
        for name in names {
            self.meet(place, &below.join(&name), within, to);
        }
        within.pop();
    }

    /// A directory cannot be read, or does not exist.
    fn not_visited(&mut self, place: usize, below: &Path, error: &std::io::Error, to: &mut Loading<'_, '_>) {
        let errno = error::errno(error);
        if may_pass(errno) {
            return self.note(place, below, errno, to);
        }
        let mut directory = self.directories[place].clone();
        // An empty path would add a slash.
        directory.extend(below.components());
        // The usual directories need not exist.
        if errno != Errno::ENOENT || self.named.contains(&directory) {
            let directory = directory.display();
            to.log.error(format_args!("{directory}: Unable to load configuration: {}", errno.desc()));
        }
    }

    /// Loads what has a name in a directory that is being visited. Links are followed: a linked file is a job.
    fn meet(&mut self, place: usize, path: &Path, within: &mut Vec<(u64, u64)>, to: &mut Loading<'_, '_>) {
        let name = path.file_name().unwrap_or_default();
        let whole = self.directories[place].join(path);
        let known = match fs::metadata(&whole) {
            Ok(file) if file.is_dir() => match is_looked_into(name, &whole) {
                Ok(true) => return self.visit(place, path, within, to),
                Ok(false) => return,
                Err(errno) => Err((place, errno)),
            },
            Err(error) if is_conf(name) && error.kind() == std::io::ErrorKind::NotFound => {
                return to.log.warn(format_args!("{}: {}", whole.display(), error::words(&error)));
            }
            Err(error) if may_pass(error::errno(&error)) => Err((place, error::errno(&error))),
            _ => self.place_of(path),
        };
        match known {
            Ok(Some(first)) if first >= place => self.touch(path, to),
            Ok(_) => {}
            Err((place, errno)) => self.note(place, path, errno, to),
        }
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
    ///
    /// # Errors
    /// The kernel cannot tell now whether this directory has it.
    fn place_of(&self, path: &Path) -> Result<Option<usize>, (usize, Errno)> {
        for (place, directory) in self.directories.iter().enumerate() {
            if found(&directory.join(path)).map_err(|errno| (place, errno))?.is_some_and(|found| found.is_file()) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    /// Loads or drops the job of a file that has changed, appeared or disappeared.
    fn touch(&mut self, path: &Path, to: &mut Loading<'_, '_>) {
        let bytes = path.as_os_str().as_bytes();
        let above = bytes.strip_suffix(b".override");
        let job = bytes.strip_suffix(b".conf").or(above);
        let Some(job) = job.filter(|job| !job.is_empty() && !job.ends_with(b"/")) else { return };
        let file = with_suffix(job, b".conf");
        let loaded = match self.place_of(&file) {
            Ok(Some(place)) => self.load(job, place, above.is_some(), to),
            Ok(None) => {
                to.delete(job);
                Ok(())
            }
            Err((place, errno)) => Err((place, file, errno)),
        };
        if let Err((place, path, errno)) = loaded {
            self.note(place, &path, errno, to);
        }
    }

    /// Loads one job: its file, and the override on top of it. Each counts only if it has no error. As in Upstart, a
    /// file with an unknown signal has no override, and a change of the override (`above_only`) does not log it again.
    ///
    /// # Errors
    /// The kernel cannot tell now what is in this file. The job stays as it is.
    fn load(&mut self, job: &[u8], place: usize, above_only: bool, to: &mut Loading<'_, '_>) -> Result<(), Untold> {
        let [name, above] = [&b".conf"[..], b".override"].map(|suffix| with_suffix(job, suffix));
        let file = self.directories[place].join(&name);
        let first = self.place_of(&above).map_err(|(place, errno)| (place, above.clone(), errno))?;
        let first = first.filter(|&first| first <= place);
        // Both are read before anything of the job changes.
        let text = settled(read_file(&file)).map_err(|errno| (place, name, errno))?;
        let above = match first {
            Some(first) => {
                let path = self.directories[first].join(&above);
                let text = settled(read_file(&path)).map_err(|errno| (first, above, errno))?;
                Some((path, text))
            }
            None => None,
        };
        let Some((class, mut draft)) = begin(job, &file, to) else { return Ok(()) };
        let mut read = Some(class);
        let mut outcome = match text {
            Ok(mut text) => apply(&file, &mut text, class, &mut draft, to),
            Err(error) => unreadable(&file, &error, to),
        };
        if let LoadResult::Rejected(error) = outcome {
            to.supervisor.abandon_class(class);
            to.delete(job);
            if !above_only {
                log_wrong(&file, error, to);
            }
            return Ok(());
        }
        if outcome == LoadResult::Bad {
            to.supervisor.abandon_class(class);
            read = None;
        }
        if let Some((above, text)) = above.filter(|_| outcome != LoadResult::Full)
            && let Some(mut text) = sound(&above, text, to)
        {
            if read.is_none() {
                // The override makes the job by itself.
                let Some((class, fresh)) = begin(job, &above, to) else { return Ok(()) };
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
        Ok(())
    }

    /// Drops the jobs for which no file is left.
    fn drop_vanished(&mut self, to: &mut Loading<'_, '_>) {
        let mut vanished: Vec<Vec<u8>> = Vec::new();
        for (status, _) in to.supervisor.statuses(0) {
            if vanished.last().is_some_and(|job| job == status.job) {
                continue;
            }
            let file = with_suffix(status.job, b".conf");
            match self.place_of(&file) {
                Ok(None) => vanished.push(status.job.to_vec()),
                Ok(_) => {}
                Err((place, errno)) => {
                    let sight = Sight { place, path: file, is_unwatched: false };
                    self.unsure.note(sight, errno, &self.directories, to.log);
                }
            }
        }
        for job in vanished {
            to.delete(&job);
        }
    }
}

fn inotify() -> Result<Inotify, Errno> {
    essential(|| Inotify::init(InitFlags::IN_NONBLOCK | InitFlags::IN_CLOEXEC))
}

fn with_suffix(job: &[u8], suffix: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(&[job, suffix].concat()))
}
