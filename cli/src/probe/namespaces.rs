//! Namespaces of its own for a probe: of processes, so that nothing outlives it and no process of the system can be
//! reached; of the network, so that ports are free; of IPC objects; of mounts, so that what the daemon writes
//! below /run is thrown away.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use nix::sys::wait::{WaitStatus, wait};
use std::fs::{File, create_dir};
use std::io::{self, Write};

/// Puts what this process starts from now on into new namespaces.
///
/// # Errors
/// The kernel, or the container, does not allow it.
pub fn enter() -> io::Result<()> {
    let of_mounts_and_processes = CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWNS;
    Ok(unshare(of_mounts_and_processes | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC)?)
}

/// Prepares the namespaces, as their process 1.
///
/// # Errors
/// /proc cannot be mounted.
pub fn prepare() -> io::Result<()> {
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, none)?;
    // Without these two the daemon has a network without 127.0.0.1, or the system's own /run; both may do.
    bring_loopback_up().unwrap_or_default();
    cover_run().unwrap_or_default();
    Ok(())
}

/// Reaps children until one has ended, and returns its exit status.
///
/// # Errors
/// There is no such child.
pub fn reap_until(child: u32) -> io::Result<u8> {
    loop {
        match wait()? {
            WaitStatus::Exited(pid, status) if pid.as_raw() as u32 == child => return Ok(status as u8),
            WaitStatus::Signaled(pid, ..) if pid.as_raw() as u32 == child => return Ok(1),
            _ => {}
        }
    }
}

/// Lays a file system in memory over /run: the daemon finds what is there, and what it writes is thrown away.
fn cover_run() -> io::Result<()> {
    // The layers need a place in the file tree for a moment, and only this namespace sees it.
    mount(Some("tmpfs"), "/tmp", Some("tmpfs"), MsFlags::empty(), Some("mode=755"))?;
    let layers = ["/tmp/upper", "/tmp/work"].into_iter().try_for_each(create_dir);
    let options = Some("lowerdir=/run,upperdir=/tmp/upper,workdir=/tmp/work");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    let covered = layers.and_then(|()| Ok(mount(Some("overlay"), "/run", Some("overlay"), flags, options)?));
    umount2("/tmp", MntFlags::MNT_DETACH)?;
    covered
}

/// Sets the flag IFF_UP of the first interface, which is `lo`, by a message of rtnetlink(7).
fn bring_loopback_up() -> io::Result<()> {
    const LENGTH: u32 = 32;
    const NEW_LINK: u16 = 16; // RTM_NEWLINK
    const REQUEST: u16 = 1; // NLM_F_REQUEST
    const UP: u32 = 1; // IFF_UP
    let route = SockProtocol::NetlinkRoute;
    let mut kernel = File::from(socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, route)?);
    let mut message = vec![];
    message.extend(LENGTH.to_ne_bytes());
    message.extend(NEW_LINK.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]); // sequence number, sender
    message.extend([0; 4]); // family, type
    message.extend(1u32.to_ne_bytes()); // the index of the interface
    message.extend(UP.to_ne_bytes()); // the flags
    message.extend(UP.to_ne_bytes()); // the flags to change
    kernel.write_all(&message)
}
