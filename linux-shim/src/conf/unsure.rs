//! Paths below the configuration directories of which the kernel could not tell what is there (EIO, ENOMEM, no
//! descriptor), or which it cannot watch. That is neither a yes nor a no, so the jobs stay as they are, and the paths
//! are looked at again: soon at first, then in growing intervals.

use std::path::PathBuf;

use nix::errno::Errno;
use uphold_core::Instant;

use crate::capacity::{FIRST_PAUSE, LONGEST_PAUSE};
use crate::clock::Retry;
use crate::conf::job_file::not_loaded;
use crate::kernel::error::may_pass;
use crate::output::message_log::MessageLog;

/// A path that is looked at again.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Sight {
    /// The place of the configuration directory.
    pub(super) place: usize,
    /// The path below that directory; empty for the directory itself.
    pub(super) path: PathBuf,
    /// Whether it is a directory that was read, and is not watched.
    pub(super) is_unwatched: bool,
}

/// The paths that are looked at again, and when.
pub(super) struct Unsure {
    paths: Vec<Sight>,
    /// The paths of the last look, while they are looked at again: what is still so is not logged again.
    logged: Vec<Sight>,
    retry: Retry,
}

impl Default for Unsure {
    fn default() -> Self {
        Unsure { paths: Vec::new(), logged: Vec::new(), retry: Retry::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }
}

impl Unsure {
    /// Everything is looked at now.
    pub(super) fn clear(&mut self) {
        self.paths.clear();
        self.retry.end();
    }

    /// Logs a path of which the kernel cannot tell what is there, or a directory that it cannot watch, and notes it if
    /// that may pass.
    pub(super) fn note(&mut self, sight: Sight, errno: Errno, directories: &[PathBuf], log: &mut MessageLog) {
        let Sight { place, path, is_unwatched } = sight.clone();
        let lasts = is_unwatched && !may_pass(errno);
        if !lasts && !self.add(sight) {
            return;
        }
        let (whole, reason) = (directories[place].join(&path), errno.desc());
        if is_unwatched {
            log.warn(format_args!("{}: Unable to watch configuration directory: {reason}", whole.display()));
        } else if path.as_os_str().is_empty() {
            log.error(format_args!("{}: Unable to load configuration: {reason}", directories[place].display()));
        } else {
            not_loaded(&whole, reason, log);
        }
    }

    /// Adds a path, and returns whether it is to be logged.
    fn add(&mut self, sight: Sight) -> bool {
        if self.paths.contains(&sight) {
            return false;
        }
        let is_logged = self.logged.contains(&sight);
        self.paths.push(sight);
        !is_logged
    }

    /// Plans the next look. `lacks_reports`: changes are not reported at all now.
    pub(super) fn plan(&mut self, lacks_reports: bool) {
        match self.paths.is_empty() && !lacks_reports {
            true => self.clear(),
            false => self.retry.plan(),
        }
    }

    /// The time of the next look.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.retry.deadline()
    }

    /// Whether it is time for the next look.
    pub(super) fn is_due(&mut self) -> bool {
        self.retry.begin()
    }

    /// The paths to be looked at again, now.
    pub(super) fn begin_again(&mut self) -> Vec<Sight> {
        self.logged = std::mem::take(&mut self.paths);
        self.logged.clone()
    }

    /// They were looked at.
    pub(super) fn end_again(&mut self) {
        self.logged.clear();
    }
}
