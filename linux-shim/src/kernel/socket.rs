//! Messages with their sender's credentials, and random bytes for the names of sockets.

use std::ffi::c_uint;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use uphold_core::Pid;

/// Bytes that nobody can guess; zeros stay where the kernel has none to give yet. Does not wait for better ones.
pub(crate) fn random(room: &mut [u8]) {
    /// GRND_INSECURE (Linux 5.6): what there is, early in the boot too.
    const INSECURE: c_uint = 4;
    for flags in [INSECURE, libc::GRND_NONBLOCK] {
        // Not by the C library's function: the standard library names it weakly, and whole-program optimisation then makes
        // our call weak too, so that a static program may be linked without it and calls nothing.
        // SAFETY: the room is as large as said.
        let got = unsafe { libc::syscall(libc::SYS_getrandom, room.as_mut_ptr(), room.len(), flags) };
        if usize::try_from(got) == Ok(room.len()) {
            return;
        }
    }
}

/// A message, as the kernel vouches for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Received {
    /// Bytes of it that were taken.
    pub(crate) length: usize,
    /// Whether that is all.
    pub(crate) whole: bool,
    /// Who sent it: process (none if it is in another world of numbers) and user.
    pub(crate) sender: Option<(Option<Pid>, u32)>,
}

/// Takes the next message from a socket that asks for credentials (SO_PASSCRED in unix(7)).
pub(crate) fn receive(socket: &OwnedFd, room: &mut [u8]) -> Result<Received, Errno> {
    // Room for the credentials, which come first, and for nothing else: descriptors that come with them are closed by the
    // kernel.
    // SAFETY: takes a number.
    const CONTROL: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as c_uint) } as usize;
    let mut control = [0_u64; CONTROL.div_ceil(8)];
    let mut part = libc::iovec { iov_base: room.as_mut_ptr().cast(), iov_len: room.len() };
    // SAFETY: msghdr is numbers and pointers, for which zeros are a value.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    (header.msg_iov, header.msg_iovlen) = (&raw mut part, 1);
    (header.msg_control, header.msg_controllen) = (control.as_mut_ptr().cast(), CONTROL as _);
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header names one part and one control buffer, each as large as it says; all live past the call.
    let length = Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    // SAFETY: the kernel has filled in the header.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header).as_ref() };
    let first = first.filter(|first| first.cmsg_level == libc::SOL_SOCKET && first.cmsg_type == libc::SCM_CREDENTIALS);
    let sender = first.map(|first| {
        // SAFETY: control data of this kind is such a structure, for which the buffer has room.
        let who: libc::ucred = unsafe { libc::CMSG_DATA(first).cast::<libc::ucred>().read_unaligned() };
        (u32::try_from(who.pid).ok().and_then(Pid::new), who.uid)
    });
    let whole = header.msg_flags & libc::MSG_TRUNC == 0;
    Ok(Received { length: length.unsigned_abs(), whole, sender })
}
