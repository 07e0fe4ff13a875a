//! Reading files of `/proc` (proc(5)) into buffers of fixed size. Nothing here allocates.

use std::fmt::Arguments;
use std::io::Write;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;
use uphold_core::Pid;

/// Bytes of one read: `/proc` gives no more.
const PIECE: usize = 4096;

/// Opens a file of a process.
pub(crate) fn open_file(pid: Pid, name: &str) -> Option<OwnedFd> {
    let mut path = [0u8; 32];
    write!(&mut path[..], "/proc/{pid}/{name}").ok()?;
    let length = path.iter().position(|&byte| byte == 0)?;
    open(&path[..length], OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Reads a file to its end, or as much as fits.
pub(crate) fn fill<'r>(file: &OwnedFd, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut used = 0;
    while let Some(space) = room.get_mut(used..).filter(|space| !space.is_empty()) {
        match read(file, space) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
    room.get(..used)
}

pub(crate) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(crate) fn open_in_proc(place: Arguments<'_>) -> Option<OwnedFd> {
    let mut path = [0u8; 64];
    write!(&mut path[..], "/proc/{place}").ok()?;
    let length = path.iter().position(|&byte| byte == 0)?;
    open(&path[..length], OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Reads a file to its end, piece by piece.
pub(crate) fn each_piece(file: &OwnedFd, mut take: impl FnMut(&[u8])) {
    let mut piece = [0; PIECE];
    loop {
        match read(file, &mut piece) {
            Ok(0) => return,
            Ok(length) => take(piece.get(..length).unwrap_or_default()),
            Err(Errno::EINTR) => {}
            // The process has exited meanwhile.
            Err(_) => return,
        }
    }
}

/// Reads numbers with blanks or line ends between them, none of them zero.
pub(crate) fn each_number(file: &OwnedFd, mut take: impl FnMut(Pid)) {
    let mut number: u32 = 0;
    let mut done = |number: &mut u32| {
        Pid::new(std::mem::take(number)).into_iter().for_each(&mut take);
    };
    each_piece(file, |piece| {
        for &byte in piece {
            match byte {
                b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')),
                _ => done(&mut number),
            }
        }
    });
    done(&mut number);
}
