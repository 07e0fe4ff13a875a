//! Messages with their sender's credentials, and random bytes for the names of sockets.

use std::ffi::c_uint;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use uphold_core::Pid;

/// Unpredictable bytes; zeros where the kernel has none to give yet. Does not wait for better ones.
pub(crate) fn random(room: &mut [u8]) {
    /// GRND_INSECURE (Linux 5.6): whatever is available, even early in the boot.
    const INSECURE: c_uint = 4;
    for flags in [INSECURE, libc::GRND_NONBLOCK] {
        // Not the C library's function: the standard library refers to it weakly, and whole-program optimisation makes
        // this call weak too, so that a static program may be linked without the function and call nothing.
        // SAFETY: the buffer has the stated size.
        let got = unsafe { libc::syscall(libc::SYS_getrandom, room.as_mut_ptr(), room.len(), flags) };
        if usize::try_from(got) == Ok(room.len()) {
            return;
        }
    }
}

/// A message with its sender's credentials from the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Received {
    /// The number of bytes received.
    pub(crate) length: usize,
    /// Whether the message was received whole.
    pub(crate) whole: bool,
    /// The sender: process id (none if it is in another pid namespace) and user id.
    pub(crate) sender: Option<(Option<Pid>, u32)>,
}

/// Receives the next message from a socket with SO_PASSCRED (unix(7)).
pub(crate) fn receive(socket: &OwnedFd, room: &mut [u8]) -> Result<Received, Errno> {
    // Space for the credentials, which come first, and for nothing else: the kernel closes descriptors that come with
    // them.
    // SAFETY: takes a number.
    const CONTROL: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as c_uint) } as usize;
    let mut control = [0_u64; CONTROL.div_ceil(8)];
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    // SAFETY: msghdr consists of numbers and pointers, for which zeros are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    (header.msg_iov, header.msg_iovlen) = (&raw mut part, 1);
    (header.msg_control, header.msg_controllen) = (control.as_mut_ptr().cast(), CONTROL as _);
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header names one buffer and one control buffer with their sizes; all outlive the call.
    let length = Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    // SAFETY: the kernel has filled in the header.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header).as_ref() };
    let first = first.filter(|first| first.cmsg_level == libc::SOL_SOCKET && first.cmsg_type == libc::SCM_CREDENTIALS);
    let sender = first.map(|first| {
        // SAFETY: control data of this type is such a structure, and the buffer has space for it.
        let sender: libc::ucred = unsafe { libc::CMSG_DATA(first).cast::<libc::ucred>().read_unaligned() };
        (u32::try_from(sender.pid).ok().and_then(Pid::new), sender.uid)
    });
    let whole = header.msg_flags & libc::MSG_TRUNC == 0;
    Ok(Received { length: length.unsigned_abs(), whole, sender })
}
