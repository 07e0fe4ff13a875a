//! File descriptors and directories.

use std::ffi::{CStr, c_int, c_uint};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollEvent};
use nix::sys::signal::SigSet;

/// Takes ownership of a descriptor that has just been opened, or was handed over, and that has no other owner.
pub fn adopt_descriptor(number: RawFd) -> OwnedFd {
    // SAFETY: the caller guarantees that the descriptor has no owner. If that is wrong, a descriptor is closed too
    // early, which affects what is read and written, but not memory.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Takes ownership of a descriptor that was handed over.
pub(crate) fn adopt(number: i32) -> std::io::Result<OwnedFd> {
    if number <= 2 {
        return Err(Errno::EINVAL.into());
    }
    let descriptor = adopt_descriptor(number);
    match fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)) {
        Ok(_) => Ok(descriptor),
        Err(errno) => {
            // There is no such descriptor, so it must not be closed.
            let _number = descriptor.into_raw_fd();
            Err(errno.into())
        }
    }
}

/// Adds a descriptor to an epoll, or changes what is reported of it: a descriptor that was handed over may be in the
/// epoll already. For that the kernel needs no memory.
pub fn await_events(epoll: &Epoll, what: impl AsFd, mut event: EpollEvent) -> Result<(), Errno> {
    epoll.add(&what, event).or_else(|errno| epoll.modify(&what, &mut event).map_err(|_| errno))
}

/// Makes a descriptor, from which signals are read, report these signals.
pub(crate) fn set_signals(descriptor: &OwnedFd, signals: &SigSet) -> Result<(), Errno> {
    // SAFETY: the set outlives the call. The descriptor is changed, so that none is returned that has no owner.
    Errno::result(unsafe { libc::signalfd(descriptor.as_raw_fd(), signals.as_ref(), 0) }).map(drop)
}

/// Close the range for this process alone, without copying the rest of the table of descriptors first (close_range(2)).
pub(crate) const UNSHARE: c_uint = 2;

/// close_range(2), in a process that has a table of descriptors of its own, or gets one by this call.
pub(crate) fn close_range(first: c_int, last: c_int, flags: c_uint) -> Result<(), Errno> {
    // SAFETY: takes numbers. It is called by children before exec on their own table, and by a program before it opens
    // any descriptor.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, flags) }).map(drop)
}

/// Lets the next program have every descriptor from 3 up to this number: clears their close-on-exec flags.
pub(crate) fn hand_all_over(most: c_int) {
    for number in 3..=most {
        // SAFETY: takes numbers; where there is no such descriptor, nothing happens.
        unsafe { libc::fcntl(number, libc::F_SETFD, 0) };
    }
}

/// Writes to a descriptor if that does not block, and does not allocate.
pub(crate) fn write_if_ready(number: c_int, text: &[u8]) {
    let mut about = libc::pollfd { fd: number, events: libc::POLLOUT, revents: 0 };
    // SAFETY: one structure, which outlives the call.
    if unsafe { libc::poll(&raw mut about, 1, 0) } == 1 {
        // SAFETY: the text has the stated length.
        unsafe { libc::write(number, text.as_ptr().cast(), text.len()) };
    }
}

/// Makes `to` a descriptor of the same file as `from`, which programs inherit.
pub(crate) fn duplicate(from: c_int, to: c_int) -> Result<(), Errno> {
    if from == to {
        // dup2(2) would change nothing.
        // SAFETY: takes numbers.
        return Errno::result(unsafe { libc::fcntl(from, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: takes numbers; only children call this before exec, on their own table.
    Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Duplicates the descriptor to a number of at least that value, which programs do not inherit.
pub(crate) fn duplicate_above(from: c_int, number: c_int) -> Result<c_int, Errno> {
    // SAFETY: takes numbers.
    Errno::result(unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, number + 1) })
}

/// The target of a symbolic link, or as much of it as fits (readlink(2)). It does not allocate.
pub(crate) fn read_link<'r>(link: &CStr, room: &'r mut [u8]) -> Option<&'r [u8]> {
    // SAFETY: `link` ends in NUL, and `room` is writable for the stated size.
    let length = unsafe { libc::readlink(link.as_ptr(), room.as_mut_ptr().cast(), room.len()) };
    room.get(..usize::try_from(length).ok()?)
}

/// Reads a directory: the name of each entry, and whether the entry is a directory. Unlike readdir(3), it does not
/// allocate.
///
/// # Errors
/// The kernel does not give all entries.
pub(crate) fn each_entry(directory: &OwnedFd, mut take: impl FnMut(&[u8], bool)) -> Result<(), Errno> {
    /// Offsets in an entry: its length, its type, and its name, which ends in NUL (getdents64(2)).
    const LENGTH: std::ops::Range<usize> = 16..18;
    const KIND: usize = 18;
    const NAME: usize = 19;
    let mut buffer = [0u64; 256];
    loop {
        let size = size_of_val(&buffer);
        let pointer = buffer.as_mut_ptr();
        // SAFETY: the pointer is valid for the stated size.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), pointer, size) };
        let read = match usize::try_from(Errno::result(read)?) {
            Ok(read @ 1..) => read,
            _ => return Ok(()),
        };
        // SAFETY: initialised numbers, viewed as bytes, within the buffer.
        let bytes = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), read.min(size)) };
        let mut rest = bytes;
        while let (Some(&[low, high]), Some(kind)) = (rest.get(LENGTH), rest.get(KIND)) {
            let length = usize::from(u16::from_ne_bytes([low, high])).max(NAME);
            let name = rest.get(NAME..length).unwrap_or_default();
            let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
            if !matches!(name, b"" | b"." | b"..") {
                take(name, *kind == libc::DT_DIR);
            }
            rest = rest.get(length..).unwrap_or_default();
        }
    }
}

/// Called by the C library before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = hold_standard_descriptors;

/// Rust's library opens the null device for closed standard descriptors, and aborts the program if there is none. A
/// kernel without a console starts process 1 in this way, on a disk where `/dev` is still bare. So a directory is
/// opened before that; `first_process` replaces it with the console or the null device after it has mounted `/dev`.
extern "C" fn hold_standard_descriptors() {
    // SAFETY: takes no arguments.
    if unsafe { libc::getpid() } != 1 {
        return;
    }
    loop {
        // SAFETY: the path ends in NUL. The lowest free number is taken.
        let number = unsafe { libc::open(c"/".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY) };
        if number > 2 {
            // SAFETY: opened just now, and owned by nothing else.
            unsafe { libc::close(number) };
        }
        if !(0..2).contains(&number) {
            return;
        }
    }
}
