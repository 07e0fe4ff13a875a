//! The control socket of a system's supervisor. Its path must lead to it at all times, although the directory may not
//! be writable at boot, and a job may mount a file system over it.

use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};

use nix::sys::epoll::Epoll;
use nix::sys::stat::stat;

use crate::clients::control_socket::ControlSocket;
use crate::clients::listener::{SYSTEM_SOCKET, leads_here, listen_at};
use crate::descriptors::essential;
use crate::kernel::error::may_pass;
use crate::watch::wait::Wait;

/// The path of the socket.
pub(crate) struct SystemSocket {
    path: PathBuf,
    /// Device and inode of the socket that was opened; none if the previous program opened it, or if there is none.
    opened: Option<(u64, u64)>,
    /// The file by which the kernel reports mounts.
    mounts: Option<File>,
}

impl SystemSocket {
    /// A socket at that path, or at the default one.
    pub(crate) fn new(given: Option<&Path>) -> Self {
        SystemSocket { path: given.unwrap_or(Path::new(SYSTEM_SOCKET)).into(), opened: None, mounts: None }
    }

    /// Whether clients reach this process, as far as that can be known now. A path that may lead here is best left as
    /// it is; it is checked again the next time.
    fn is_found(&mut self) -> bool {
        let found = match stat(&self.path) {
            Err(errno) if may_pass(errno) => return true,
            found => found.ok().map(|found| (found.st_dev, found.st_ino)),
        };
        if found.is_some() && found == self.opened {
            return true;
        }
        let leads = if found.is_some() { leads_here(&self.path) } else { Some(false) };
        self.opened = found.filter(|_| leads == Some(true));
        leads != Some(false)
    }

    /// Listens again if the path does not lead to this process any more.
    pub(crate) fn reopen(&mut self, control: &mut ControlSocket, epoll: &Epoll) -> Result<()> {
        if self.is_found() && control.is_listening() {
            return Ok(());
        }
        control.replace(listen_at(&self.path)?, epoll)
    }

    /// Makes the kernel report mounts, which may hide the socket, or make its directory writable. If that fails, the
    /// socket is checked when job files are loaded again, and this is tried again.
    pub(crate) fn watch_mounts(&mut self, wait: &Wait) {
        if self.mounts.is_none() {
            self.mounts =
                essential(|| File::open("/proc/self/mounts")).ok().filter(|mounts| wait.watch_mounts(mounts).is_ok());
        }
    }
}
