//! A temporary folder for each system.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes a folder that any user may read: daemons give up root's rights.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        loop {
            // A short name: the path of a socket, which begins with it, has a limit.
            let name = format!("uphold-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            match DirBuilder::new().mode(0o755).create(&path) {
                Ok(()) => return Folder(path),
                // An earlier process with the same id left it, or a process in another pid namespace uses it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", path.display()),
            }
        }
    }

    /// The path of a name in the folder, or of the folder itself if the name is empty.
    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.clone() } else { self.0.join(name) }
    }

    /// Makes a folder in it, for this user alone.
    pub fn below(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        DirBuilder::new().mode(0o700).recursive(true).create(&path).expect("a folder is made");
        path
    }

    /// Writes a file in it.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file is written");
        path
    }

    /// Copies a program into it, since other users may not be able to read the original. `cp` writes the copy: a file
    /// that is open for writing cannot be executed, and a descriptor of this process is open for a moment in every
    /// child of another test.
    pub fn copied(&self, program: impl AsRef<Path>) -> PathBuf {
        self.copied_to("", program)
    }

    /// The same into a folder in it.
    pub fn copied_to(&self, below: &str, program: impl AsRef<Path>) -> PathBuf {
        let program = program.as_ref();
        let copy = self.path(below).join(program.file_name().expect("a program has a name"));
        if !copy.exists() {
            let made = Command::new("cp").arg(program).arg(&copy).status().expect("cp runs");
            assert!(made.success(), "{}: {made}", copy.display());
        }
        copy
    }

    /// Writes a script that can be executed at once. `sh` writes it, for the same reason.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        let mut command = Command::new("sh");
        command
            .args(["-c", "rm -f \"$1\" && printf %s \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(&path)
            .arg(text);
        let made = command.status().expect("sh runs");
        assert!(made.success(), "{}: {made}", path.display());
        path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Folder::new()
    }
}

impl AsRef<Path> for Folder {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A daemon that is exiting may still write to the folder. Then the folder stays, and the test does not fail.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
