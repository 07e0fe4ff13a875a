//! Reading files of `/proc` (proc(5)) into buffers of fixed size. Nothing here allocates.
//!
//! Each reading has three answers: what is there, that the process is not there any more, and that the kernel does not
//! tell now. The third must not be taken for the second: a process that cannot be seen may live. Two things make it
//! rare. The directory is opened once, so that a later mount over it hides nothing; and looks may take from the reserve
//! of descriptors.

use std::fmt::Arguments;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use nix::unistd::read;
use uphold_core::Pid;

use crate::descriptors::{MayBeShort, essential};
use crate::kernel::error::is_absence;

/// A reading: `None` if there is no such process.
///
/// # Errors
/// The kernel does not tell now: it has no descriptors or no memory, or `/proc` is covered.
pub(crate) type Reading<T> = Result<Option<T>, Errno>;

/// Bytes of one read: `/proc` gives no more.
const PIECE: usize = 4096;

/// `/proc`.
struct Held {
    directory: Option<OwnedFd>,
}

static HELD: Mutex<Held> = Mutex::new(Held { directory: None });

impl Held {
    /// Opens `/proc`, unless it is open. Another file system that is mounted there is not kept.
    fn directory(&mut self) -> Result<&OwnedFd, Errno> {
        match self.directory.take() {
            Some(open) => Ok(self.directory.insert(open)),
            None => {
                let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
                let found = open("/proc", flags, Mode::empty())?;
                let is_proc = fstatfs(&found)?.filesystem_type() == PROC_SUPER_MAGIC;
                if !is_proc || !shows_us(&found)? {
                    return Err(Errno::ENODEV);
                }
                Ok(self.directory.insert(found))
            }
        }
    }
}

/// Whether a `/proc` is that of the supervisor's own namespace of process ids.
fn shows_us(proc: &OwnedFd) -> Result<bool, Errno> {
    let mut room = [0; 512];
    let file = openat(proc, "self/stat", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    let text = fill(&file, &mut room)?.unwrap_or_default();
    let shown = text.split(|&byte| byte == b' ').next().and_then(number);
    Ok(shown == Some(u64::from(std::process::id())))
}

/// Opens `/proc` if it is there, so that the first look needs no descriptor for it. Otherwise it is opened later.
pub(crate) fn prepare() {
    HELD.lock().unwrap_or_else(PoisonError::into_inner).directory().map(drop).unwrap_or_default();
}

/// Opens a file of a process.
pub(crate) fn open_file(pid: Pid, name: &str) -> Reading<OwnedFd> {
    open_in_proc(format_args!("{pid}/{name}"))
}

/// Opens a file by its path in `/proc`.
pub(crate) fn open_in_proc(place: Arguments<'_>) -> Reading<OwnedFd> {
    let mut path = [0u8; 64];
    write!(&mut path[..], "{place}").map_err(|_| Errno::ENAMETOOLONG)?;
    let length = path.iter().position(|&byte| byte == 0).unwrap_or(path.len());
    let opened = essential(|| {
        let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
        let directory = held.directory().map_err(|errno| if errno.is_short() { errno } else { Errno::EIO })?;
        openat(directory, &path[..length], OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())
    });
    present(opened)
}

/// The three answers of a call.
pub(crate) fn present<T>(called: Result<T, Errno>) -> Reading<T> {
    match called {
        Ok(found) => Ok(Some(found)),
        Err(errno) if is_absence(errno) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Reads a file to its end, or as much as fits.
pub(crate) fn fill<'r>(file: &OwnedFd, room: &'r mut [u8]) -> Reading<&'r [u8]> {
    let mut used = 0;
    while let Some(space) = room.get_mut(used..).filter(|space| !space.is_empty()) {
        match read(file, space) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(Errno::EINTR) => {}
            Err(errno) if is_absence(errno) => return Ok(None),
            Err(errno) => return Err(errno),
        }
    }
    Ok(room.get(..used))
}

pub(crate) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Calls `take` for every process.
///
/// # Errors
/// The kernel does not tell now: there may be more.
pub(crate) fn each_process(mut take: impl FnMut(Pid)) -> Result<(), Errno> {
    let Some(directory) = open_in_proc(format_args!("."))? else { return Err(Errno::ENOENT) };
    crate::kernel::descriptors::each_entry(&directory, |name, is_directory| {
        let pid = number(name).filter(|_| is_directory).and_then(|number| u32::try_from(number).ok());
        pid.and_then(Pid::new).into_iter().for_each(&mut take);
    })
}

/// Reads a file to its end, piece by piece. The process may exit meanwhile, which is an end too.
///
/// # Errors
/// The kernel does not tell now.
pub(crate) fn each_piece(file: &OwnedFd, mut take: impl FnMut(&[u8])) -> Result<(), Errno> {
    let mut piece = [0; PIECE];
    loop {
        match read(file, &mut piece) {
            Ok(0) => return Ok(()),
            Ok(length) => take(piece.get(..length).unwrap_or_default()),
            Err(Errno::EINTR) => {}
            Err(errno) if is_absence(errno) => return Ok(()),
            Err(errno) => return Err(errno),
        }
    }
}

/// Reads numbers with blanks or line ends between them, none of them zero.
///
/// # Errors
/// The kernel does not tell now: there may be more numbers.
pub(crate) fn each_number(file: &OwnedFd, mut take: impl FnMut(Pid)) -> Result<(), Errno> {
    let mut number: u32 = 0;
    let mut done = |number: &mut u32| {
        Pid::new(std::mem::take(number)).into_iter().for_each(&mut take);
    };
    let read = each_piece(file, |piece| {
        for &byte in piece {
            match byte {
                b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')),
                _ => done(&mut number),
            }
        }
    });
    done(&mut number);
    read
}
