//! A folder of its own for each system.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A folder that is gone with its owner.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// A new folder, which any user may look into: daemons give up root's rights.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Short, for it begins the paths of sockets, which are limited.
        let name = format!("uphold-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o755).create(&path).expect("a folder is made");
        Folder(path)
    }

    /// The path of something in it; of the folder itself if the name is empty.
    pub fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { self.0.clone() } else { self.0.join(name) }
    }

    /// A folder below, for this user alone.
    pub fn below(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        DirBuilder::new().mode(0o700).recursive(true).create(&path).expect("a folder is made");
        path
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file is written");
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
        // A daemon that is just ending may still write to it; then it stays, which is no reason to fail.
        fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
