//! Messages to the system's log daemon (syslog(3)), if there is one. Nothing waits for it, and nothing is kept for it.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, sendto, socket};
use uphold_core::Priority;

/// The socket of the log daemon.
const SOCKET: &str = "/dev/log";

/// Daemons without a facility of their own (LOG_DAEMON), in the place that it has in a message.
const FACILITY: u8 = 3 << 3;

/// The way to the log daemon.
pub(super) struct Syslog {
    socket: Option<OwnedFd>,
    path: &'static str,
}

impl Syslog {
    pub(super) const fn new() -> Syslog {
        Syslog { socket: None, path: SOCKET }
    }

    /// The number that begins a message of that priority: `<N>`.
    pub(super) const fn code(priority: Priority) -> u8 {
        FACILITY | priority as u8
    }

    /// Sends a message. Where there is no daemon, or where it does not read, the message is not sent.
    pub(super) fn send(&mut self, message: &[u8]) {
        let Ok(address) = UnixAddr::new(self.path) else { return };
        if self.socket.is_none() {
            if !std::path::Path::new(self.path).exists() {
                return;
            }
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            self.socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None).ok();
        }
        if let Some(socket) = &self.socket {
            sendto(socket.as_raw_fd(), message, &address, MsgFlags::MSG_NOSIGNAL).map(drop).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;

    #[test]
    fn a_daemon_that_comes_goes_and_does_not_read_costs_nothing() {
        let path = std::env::temp_dir().join(format!("uphold-syslog-{}", std::process::id()));
        let place: &'static str = Box::leak(path.display().to_string().into_boxed_str());
        let mut log = Syslog { socket: None, path: place };
        log.send(b"lost");
        assert!(log.socket.is_none(), "no descriptor without a daemon");
        for _ in 0..2 {
            let daemon = UnixDatagram::bind(&path).unwrap();
            // More than the daemon has room for.
            (0..10_000).for_each(|_| log.send(b"<28>init: a"));
            let mut read = [0; 100];
            let length = daemon.recv(&mut read).unwrap();
            assert_eq!(&read[..length], b"<28>init: a");
            std::fs::remove_file(&path).unwrap();
        }
        assert_eq!(Syslog::code(Priority::Warn), 28);
    }
}
