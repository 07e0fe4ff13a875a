//! File descriptors and directories.

use std::ffi::{c_int, c_uint};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use nix::NixPath;
use nix::errno::Errno;

/// Takes charge of a descriptor that has just come into being, or that was handed over, and that nobody else has charge of.
pub fn adopt_descriptor(number: RawFd) -> OwnedFd {
    // SAFETY: the caller says that the descriptor is nobody's. Should it be wrong, a descriptor is closed too early,
    // which harms what is read and written, not memory.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Close the descriptors of this range for ourselves alone, without copying the rest of the table of descriptors first
/// (close_range(2)).
pub(crate) const UNSHARE: c_uint = 2;

/// close_range(2), in a process that has a table of descriptors of its own, or is to have one.
pub(crate) fn close_range(first: c_int, last: c_int, flags: c_uint) -> Result<(), Errno> {
    // SAFETY: takes numbers. Children that are about to run another program use it on their own table, and a program that
    // was handed descriptors which it does not know, before it opens any.
    Errno::result(unsafe { libc::syscall(libc::SYS_close_range, first as c_uint, last as c_uint, flags) }).map(drop)
}

/// Makes `to` a number of the descriptor `from`, inherited by programs.
pub(crate) fn duplicate(from: c_int, to: c_int) -> Result<(), Errno> {
    if from == to {
        // dup2(2) would leave it as it is.
        // SAFETY: takes numbers.
        return Errno::result(unsafe { libc::fcntl(from, libc::F_SETFD, 0) }).map(drop);
    }
    // SAFETY: takes numbers; only children that are about to run another program use this, on their own table.
    Errno::result(unsafe { libc::dup2(from, to) }).map(drop)
}

/// Has the descriptor under one more number, above that one, which no program inherits.
pub(crate) fn duplicate_above(from: c_int, number: c_int) -> Result<c_int, Errno> {
    // SAFETY: takes numbers.
    Errno::result(unsafe { libc::fcntl(from, libc::F_DUPFD_CLOEXEC, number + 1) })
}

/// Reads a directory: the name of each entry, and whether it is a directory itself. Unlike readdir(3), it asks nobody for
/// memory.
pub(crate) fn each_entry(directory: &OwnedFd, mut take: impl FnMut(&[u8], bool)) {
    /// In an entry: its length, its kind, and its name, which ends in NUL (getdents64(2)).
    const LENGTH: std::ops::Range<usize> = 16..18;
    const KIND: usize = 18;
    const NAME: usize = 19;
    let mut buffer = [0u64; 256];
    loop {
        let size = size_of_val(&buffer);
        let pointer = buffer.as_mut_ptr();
        // SAFETY: the buffer is as large as said.
        let read = unsafe { libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), pointer, size) };
        let Ok(read @ 1..) = usize::try_from(read) else { return };
        // SAFETY: plain numbers seen as bytes, of which there are no more.
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

/// rmdir(2), of a path that need not end in NUL.
pub(crate) fn remove_directory(path: &[u8]) -> Result<(), Errno> {
    // SAFETY: the path ends in NUL.
    path.with_nix_path(|path| Errno::result(unsafe { libc::rmdir(path.as_ptr()) }).map(drop))?
}

/// Called by the C library before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = hold_standard_descriptors;

/// Rust's library opens the null device for standard descriptors that are closed, and ends the program where there is none.
/// A kernel that finds no console starts process 1 so, on a disk where `/dev` is still bare. So something else is opened
/// before that: `first_process` puts the console or the null device there when it has made `/dev`.
extern "C" fn hold_standard_descriptors() {
    // SAFETY: takes nothing.
    if unsafe { libc::getpid() } != 1 {
        return;
    }
    loop {
        // SAFETY: the path ends in NUL. The lowest number that is free is taken.
        let number = unsafe { libc::open(c"/".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY) };
        if number > 2 {
            // SAFETY: opened just now, and nobody else's.
            unsafe { libc::close(number) };
        }
        if !(0..2).contains(&number) {
            return;
        }
    }
}
