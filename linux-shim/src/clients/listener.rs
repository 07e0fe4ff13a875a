//! Listening sockets: at a path, in place of a dead supervisor's socket, or under a session's abstract name.

use std::fs::{self, DirBuilder};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;

use nix::errno::Errno;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket};

use crate::descriptors::essential;
use crate::kernel::error::may_pass;

/// The system's control socket.
pub(crate) const SYSTEM_SOCKET: &str = "/run/uphold/control";

/// Connects to a path without waiting. EAGAIN means that the listener's queue is full.
fn knock(path: &Path) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let client = essential(|| socket(AddressFamily::Unix, SockType::Stream, flags, None))?;
    connect(client.as_raw_fd(), &UnixAddr::new(path)?)?;
    Ok(client)
}

/// Whether a client that connects to this path reaches this very process. `None` if that cannot be known now: the
/// queue of the listener is full, or there is no descriptor for a client.
pub(crate) fn leads_here(path: &Path) -> Option<bool> {
    match knock(path).and_then(|client| getsockopt(&client, PeerCredentials)) {
        Ok(peer) => Some(u32::try_from(peer.pid()) == Ok(std::process::id())),
        Err(errno) if may_pass(errno) => None,
        Err(_) => Some(false),
    }
}

/// Listens at a path. A socket left by a supervisor that was killed is replaced. Any other file is left in place.
///
/// # Errors
/// Another process listens there, or the path cannot be used.
pub fn bind(path: &Path) -> std::io::Result<UnixListener> {
    match essential(|| UnixListener::bind(path)) {
        Err(error) if error.raw_os_error() == Some(Errno::EADDRINUSE as i32) => {
            let is_socket = std::fs::symlink_metadata(path)?.file_type().is_socket();
            if !is_socket || knock(path).err() != Some(Errno::ECONNREFUSED) {
                return Err(error);
            }
            std::fs::remove_file(path)?;
            essential(|| UnixListener::bind(path))
        }
        bound => bound,
    }
}

/// Listens at a path, replacing a socket at which no process listens any more.
pub(crate) fn listen_at(path: &Path) -> std::io::Result<UnixListener> {
    if path == Path::new(SYSTEM_SOCKET)
        && let Some(directory) = path.parent()
    {
        DirBuilder::new().recursive(true).mode(0o755).create(directory)?;
    }
    let listener = bind(path)?;
    // Rights depend on the user id that the kernel reports of each client, so every user may connect.
    fs::set_permissions(path, fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Opens the socket of a session whose supervisor was killed.
///
/// # Errors
/// The address is not one of a session, or the socket cannot be made.
pub(crate) fn session_socket(address: &str) -> std::io::Result<UnixListener> {
    let name = address.strip_prefix("unix:abstract=").ok_or(std::io::ErrorKind::InvalidInput)?;
    UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)
}

/// Opens Upstart's socket of this session, which has a name but no path, and returns the session's address.
///
/// # Errors
/// The socket cannot be made.
pub fn abstract_socket() -> std::io::Result<(String, UnixListener)> {
    let name = format!("/com/ubuntu/upstart-session/{}/{}", nix::unistd::getuid(), std::process::id());
    let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?;
    Ok((format!("unix:abstract={name}"), listener))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn place(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("uphold-socket-{}-{name}", std::process::id()))
    }

    fn is_taken(path: &Path) -> bool {
        bind(path).is_err_and(|error| error.raw_os_error() == Some(Errno::EADDRINUSE as i32))
    }

    #[test]
    fn only_a_socket_without_a_listener_is_taken_over() {
        let path = place("old");
        drop(UnixListener::bind(&path).unwrap());
        let listener = bind(&path).unwrap();
        assert!(is_taken(&path));
        drop(listener);
        drop(bind(&path).unwrap());
        std::fs::remove_file(&path).unwrap();

        std::fs::write(&path, "a letter").unwrap();
        assert!(is_taken(&path));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a letter");
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_listener_with_a_full_queue_is_not_waited_for() {
        let path = place("full");
        let _listener = UnixListener::bind(&path).unwrap();
        let waiting: Vec<OwnedFd> = std::iter::from_fn(|| knock(&path).ok()).collect();
        assert!(!waiting.is_empty());
        assert!(is_taken(&path));
        drop(waiting);
        std::fs::remove_file(&path).unwrap();
    }
}
