//! The files by which programs find a supervisor: its socket, its pid file, its session file.

use std::fs::{self, DirBuilder, File};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::clients::listener::{SYSTEM_SOCKET, listen_at};

/// The files and directories that were made, and are removed when the supervisor ends.
#[derive(Default)]
pub struct PublishedFiles {
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl PublishedFiles {
    /// Listens at the control socket's path: the given one, or the default for a system or a session.
    ///
    /// # Errors
    /// The directory or the socket cannot be made.
    pub fn path_socket(&mut self, given: Option<&Path>, user: bool) -> Result<(PathBuf, UnixListener)> {
        let path = match given {
            Some(path) => path.to_path_buf(),
            None if !user => PathBuf::from(SYSTEM_SOCKET),
            None => self.session_directory()?.join("control"),
        };
        let listener = listen_at(&path)?;
        self.files.push(path.clone());
        Ok((path, listener))
    }

    /// A directory of this session's own, which no other user can have made.
    fn session_directory(&mut self) -> Result<PathBuf> {
        let base = session_base();
        let own = base.join(std::process::id().to_string());
        for directory in [&base, &own] {
            match DirBuilder::new().mode(0o700).create(directory) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            let found = fs::symlink_metadata(directory)?;
            if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o022 != 0 {
                return Err(Error::from(ErrorKind::PermissionDenied));
            }
        }
        self.directories.extend([own.clone(), base]);
        Ok(own)
    }

    /// Also removes that file when the supervisor ends.
    pub(crate) fn add(&mut self, path: PathBuf) {
        if !self.files.contains(&path) {
            self.files.push(path);
        }
    }

    /// The path of the control socket, which is made first.
    pub(crate) fn socket(&self) -> Option<&Path> {
        self.files.first().map(PathBuf::as_path)
    }

    /// Removes the files of a supervisor that was killed, unless this one has files of the same names.
    pub(crate) fn clear_away(&self, old: &mut PublishedFiles) {
        old.files.retain(|path| !self.files.contains(path));
        old.directories.retain(|path| !self.directories.contains(path));
    }

    /// Writes the supervisor's process id to a file beside its socket.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn pid_file(&mut self, socket: &Path) -> Result<()> {
        let mut path = socket.as_os_str().to_owned();
        path.push(".pid");
        self.write(PathBuf::from(path), &format!("{}\n", std::process::id()))
    }

    /// Writes the session file where Upstart does, for programs that search for sessions.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn session_file(&mut self, session: &str) -> Result<()> {
        let Some(runtime) = absolute(std::env::var_os("XDG_RUNTIME_DIR")) else { return Ok(()) };
        let directory = runtime.join("upstart/sessions");
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        self.write(directory.join(format!("{}.session", std::process::id())), &format!("UPSTART_SESSION={session}\n"))
    }

    /// The paths of all files, and of all directories.
    pub(crate) fn carry(&self) -> [&[PathBuf]; 2] {
        [&self.files, &self.directories]
    }

    /// Takes over the files that the previous program made.
    pub(crate) fn put_back(&mut self, [files, directories]: [impl Iterator<Item = PathBuf>; 2]) {
        self.files.extend(files);
        self.directories.extend(directories);
    }

    /// A new file replaces what is there: a link would redirect the text, and a pipe would block the supervisor.
    fn write(&mut self, path: PathBuf, text: &str) -> Result<()> {
        // If the old file cannot be removed, creating the new one fails.
        fs::remove_file(&path).unwrap_or_default();
        File::create_new(&path)?.write_all(text.as_bytes())?;
        self.files.push(path);
        Ok(())
    }
}

impl Drop for PublishedFiles {
    fn drop(&mut self) {
        // A file that has been removed already, or a directory that is in use, needs no removal.
        self.files.iter().for_each(|file| fs::remove_file(file).unwrap_or_default());
        self.directories.iter().for_each(|directory| fs::remove_dir(directory).unwrap_or_default());
    }
}

/// The directory below which each session's supervisor of this user has its own.
pub(crate) fn session_base() -> PathBuf {
    match absolute(std::env::var_os("XDG_RUNTIME_DIR")) {
        Some(runtime) => runtime.join("uphold"),
        None => PathBuf::from(format!("/tmp/uphold-{}", geteuid())),
    }
}

/// An XDG path counts only if it is absolute.
pub(crate) fn absolute(path: Option<std::ffi::OsString>) -> Option<PathBuf> {
    path.map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_place_of_a_file_leads_nowhere() {
        let directory = std::env::temp_dir().join(format!("uphold-traces-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let (letter, socket) = (directory.join("letter"), directory.join("socket"));
        fs::write(&letter, "a letter").unwrap();
        std::os::unix::fs::symlink(&letter, directory.join("socket.pid")).unwrap();
        let mut files = PublishedFiles::default();
        for _ in 0..2 {
            files.pid_file(&socket).unwrap();
        }
        assert_eq!(fs::read_to_string(directory.join("socket.pid")).unwrap(), format!("{}\n", std::process::id()));
        assert_eq!(fs::read_to_string(&letter).unwrap(), "a letter");
        drop(files);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
        fs::remove_dir_all(&directory).unwrap();
    }
}
