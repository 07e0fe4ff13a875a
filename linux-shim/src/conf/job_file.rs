//! One job file, read into a class that is not in force yet, and the errors in it.

use std::fmt;
use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use uphold_core::conf::{ConfError, ErrorKind, Parser};
use uphold_core::{ClassId, Effect, Supervisor};

use crate::capacity::JOB_FILE;
use crate::conf::programs::{Draft, Programs};
use crate::descriptors::essential;
use crate::kernel::error;
use crate::output::message_log::MessageLog;

/// Everything that loading a job file changes.
pub struct Loading<'t, 's> {
    /// The supervisor, which gets the class.
    pub supervisor: &'t mut Supervisor<'s>,
    /// The programs and settings of the classes.
    pub programs: &'t mut Programs,
    /// The log, which gets the errors.
    pub log: &'t mut MessageLog,
    /// The supervisor's effects meanwhile, other than the retiring of classes.
    pub effects: &'t mut Vec<Effect>,
}

impl Loading<'_, '_> {
    /// Called after each class that was added or removed: the programs of its predecessor are freed before another
    /// class takes the place.
    pub(crate) fn settle(&mut self) {
        while let Some(effect) = self.supervisor.poll_effect() {
            match effect {
                Effect::Retired(class) => self.programs.retire(class),
                other => self.effects.push(other),
            }
        }
    }

    pub(crate) fn delete(&mut self, job: &[u8]) {
        self.supervisor.delete_class(job);
        self.settle();
    }
}

/// The result of reading a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum LoadResult {
    Good,
    Bad,
    /// The file has an error that rules out an override too, and that is not logged yet: an unknown signal.
    Rejected(ConfError),
    /// A capacity is exhausted.
    Full,
}

pub(crate) fn begin(job: &[u8], file: &Path, to: &mut Loading<'_, '_>) -> Option<(ClassId, Draft)> {
    match to.supervisor.begin_class(job) {
        Ok(class) => Some((class, to.programs.draft())),
        Err(full) => {
            not_loaded(file, full, to.log);
            None
        }
    }
}

/// Logs the reason for which a file is not loaded. An older definition of the job stays.
pub(crate) fn not_loaded(file: &Path, reason: impl fmt::Display, log: &mut MessageLog) {
    log.error(format_args!("{}: Error while loading configuration file: {reason}", file.display()));
}

/// Reads one file into a class that is not in force yet, and logs its errors.
pub(crate) fn apply(
    file: &Path,
    text: &mut [u8],
    class: ClassId,
    draft: &mut Draft,
    to: &mut Loading<'_, '_>,
) -> LoadResult {
    let mut parser = Parser::new(text);
    while let Some(next) = parser.next() {
        let stanza = match next {
            Ok(stanza) => stanza,
            Err(error) if error.kind == ErrorKind::IllegalSignal => return LoadResult::Rejected(error),
            Err(error) => {
                log_wrong(file, error, to);
                return LoadResult::Bad;
            }
        };
        if let Err(full) = to.supervisor.apply(class, &stanza) {
            not_loaded(file, full, to.log);
            return LoadResult::Full;
        }
        if draft.apply(&stanza).is_err() {
            log_wrong(file, ConfError { line: None, kind: ErrorKind::ZeroByte }, to);
            return LoadResult::Bad;
        }
    }
    LoadResult::Good
}

/// The text that was read from a file, if it has no errors.
pub(crate) fn sound(file: &Path, text: std::io::Result<Vec<u8>>, to: &mut Loading<'_, '_>) -> Option<Vec<u8>> {
    let text = match text {
        Ok(text) => text,
        Err(error) => {
            unreadable(file, &error, to);
            return None;
        }
    };
    let mut trial = text.clone();
    let mut parser = Parser::new(&mut trial);
    while let Some(next) = parser.next() {
        if let Err(error) = next {
            log_wrong(file, error, to);
            return None;
        }
    }
    Some(text)
}

pub(crate) fn unreadable(file: &Path, error: &std::io::Error, to: &mut Loading<'_, '_>) -> LoadResult {
    not_loaded(file, error::words(error), to.log);
    LoadResult::Bad
}

pub(crate) fn log_wrong(file: &Path, error: ConfError, to: &mut Loading<'_, '_>) {
    match error.line {
        Some(line) => to.log.error(format_args!("{}:{line}: {error}", file.display())),
        None => not_loaded(file, error, to.log),
    }
}

/// Checks the settings file, in which every stanza is unknown.
pub(crate) fn check_settings(file: &Path, log: &mut MessageLog) {
    let text = match read_file(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
        Err(error) => {
            let (file, reason) = (file.display(), error::words(&error));
            return log.error(format_args!("{file}: Unable to load configuration: {reason}"));
        }
    };
    let says_something = |line: &[u8]| !matches!(line.trim_ascii_start().first(), None | Some(b'#'));
    if let Some(line) = text.split(|&byte| byte == b'\n').position(says_something) {
        log.error(format_args!("{}:{}: {}", file.display(), line + 1, ErrorKind::UnknownStanza));
    }
}

/// Reads a file. A pipe in the place of the file is not waited for.
pub(crate) fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut how = fs::OpenOptions::new();
    let file = essential(|| how.read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path))?;
    file.take(JOB_FILE as u64 + 1).read_to_end(&mut text)?;
    if text.len() > JOB_FILE { Err(Errno::EFBIG.into()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_in_the_place_of_a_file_is_not_waited_for() {
        let path = std::env::temp_dir().join(format!("uphold-job-file-{}", std::process::id()));
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read_file(&path).unwrap().is_empty());
        fs::remove_file(&path).unwrap();
    }
}
