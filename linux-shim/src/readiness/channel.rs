//! The socket or pipe by which a main process reports that it is ready.

use std::fmt::Write;
use std::os::fd::{AsFd, OwnedFd};

use heapless::String;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, setsockopt, socket, sockopt};

use super::table::Name;
use crate::kernel;
use crate::kernel::descriptors::await_events;
use crate::watch::wait::Source;

/// The means by which a main process reports.
#[derive(Debug, Default)]
pub struct NotifyChannel {
    pub(super) name: Option<Name>,
    /// The write end of a pipe, and its descriptor in the process.
    pub(crate) pipe: Option<(OwnedFd, u16)>,
    /// Whether the process gets the variables of its watchdog.
    pub(crate) watched: bool,
}

impl NotifyChannel {
    /// The variable with the process's socket, if it has one.
    pub fn variable(&self) -> Option<String<64>> {
        self.name.map(variable)
    }
}

fn socket_name(name: Name) -> String<64> {
    let mut text = String::new();
    // The name is shorter.
    write!(text, "uphold/notify/{:016x}{:016x}", name[0], name[1]).unwrap_or_default();
    text
}

pub(super) fn variable(name: Name) -> String<64> {
    let mut text = String::new();
    // The variable is 61 bytes long.
    write!(text, "NOTIFY_SOCKET=@{}", socket_name(name)).unwrap_or_default();
    text
}

pub(super) fn open_socket() -> Result<(Name, OwnedFd), Errno> {
    let mut random = [[0; 8]; 2];
    kernel::socket::random(random.as_flattened_mut());
    let name = random.map(u64::from_ne_bytes);
    open_named(name).map(|opened| (name, opened))
}

/// The name in the address of such a socket.
pub(super) fn name_in(address: &[u8]) -> Option<Name> {
    let digits = std::str::from_utf8(address.strip_prefix(b"@uphold/notify/")?).ok()?;
    let (first, second) = digits.split_at_checked(16)?;
    Some([u64::from_str_radix(first, 16).ok()?, u64::from_str_radix(second, 16).ok()?])
}

/// Opens the socket of that name.
pub(super) fn open_named(name: Name) -> Result<OwnedFd, Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let opened = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    setsockopt(&opened, sockopt::PassCred, &true)?;
    bind(std::os::fd::AsRawFd::as_raw_fd(&opened), &UnixAddr::new_abstract(socket_name(name).as_bytes())?)?;
    Ok(opened)
}

pub(super) fn watch(epoll: &Epoll, what: impl AsFd, source: Source) -> Result<(), Errno> {
    await_events(epoll, what, EpollEvent::new(EpollFlags::EPOLLIN, source.token()))
}
