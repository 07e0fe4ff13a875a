//! The control socket of a system's supervisor, whose path must lead to it for as long as it lives: the directory may not be
//! writable when it starts, and a job may mount another over it.

use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};

use nix::sys::epoll::Epoll;
use nix::sys::stat::stat;

use crate::clients::control_socket::ControlSocket;
use crate::clients::listener::{SYSTEM_SOCKET, leads_here, listen_at};
use crate::watch::wait::Wait;

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

    /// Listens anew if the path does not lead here any more.
    pub(crate) fn reopen(&mut self, control: &mut ControlSocket, epoll: &Epoll) -> Result<()> {
        if self.is_found() {
            return Ok(());
        }
        control.replace(listen_at(&self.path)?, epoll)
    }

    /// Has the kernel tell when something is mounted, which may hide the socket, or give it a place at last.
    pub(crate) fn watch_mounts(&mut self, wait: &Wait) {
        // Without it the socket is looked for when job files are loaded anew.
        self.mounts = File::open("/proc/self/mounts").ok();
        self.mounts.as_ref().map_or(Ok(()), |mounts| wait.watch_mounts(mounts)).unwrap_or_default();
    }
}
