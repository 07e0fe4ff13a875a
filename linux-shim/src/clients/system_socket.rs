//! The control socket of a system's supervisor, whose path must lead to it for as long as it lives: the directory may not be
//! writable when it starts, and a job may mount another over it.

use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};

use nix::sys::stat::stat;

use crate::clients::control_socket::leads_here;
use crate::clients::sessions::{SYSTEM_SOCKET, listen_at};
use crate::linux::Linux;

/// Where the socket is.
pub(crate) struct SystemSocket {
    path: PathBuf,
    /// Device and inode of the one that was opened; none if another program did that, or nobody.
    opened: Option<(u64, u64)>,
    /// By this the kernel tells what is mounted.
    mounts: Option<File>,
}

impl SystemSocket {
    /// At that path, or at the usual one.
    pub(crate) fn new(given: Option<&Path>) -> Self {
        SystemSocket { path: given.unwrap_or(Path::new(SYSTEM_SOCKET)).into(), opened: None, mounts: None }
    }

    /// Whether clients come to us.
    fn is_found(&mut self) -> bool {
        let found = stat(&self.path).ok().map(|found| (found.st_dev, found.st_ino));
        if found.is_none() || found != self.opened {
            self.opened = found.filter(|_| leads_here(&self.path));
        }
        self.opened.is_some()
    }
}

impl Linux {
    /// Listens anew at the system's socket if its path does not lead here any more.
    pub(crate) fn open_socket_again(&mut self) -> Result<()> {
        let Some(socket) = &mut self.socket else { return Ok(()) };
        if socket.is_found() {
            return Ok(());
        }
        let listener = listen_at(&socket.path)?;
        self.control.replace(listener, &self.wait.epoll)
    }

    /// Has the kernel tell when something is mounted, which may hide the socket, or give it a place at last.
    pub(crate) fn watch_mounts(&mut self) {
        let Some(socket) = &mut self.socket else { return };
        // Without it the socket is looked for when job files are loaded anew.
        socket.mounts = File::open("/proc/self/mounts").ok();
        socket.mounts.as_ref().map_or(Ok(()), |mounts| self.wait.watch_mounts(mounts)).unwrap_or_default();
    }
}
