//! Terminals.

use std::ffi::{CStr, c_int, c_uint};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

use super::descriptors::adopt_descriptor;

/// Makes a terminal the controlling one of the session.
pub(crate) fn control_terminal(terminal: c_int) -> Result<(), Errno> {
    // SAFETY: the request takes a number.
    Errno::result(unsafe { libc::ioctl(terminal, libc::TIOCSCTTY, 1) }).map(drop)
}

/// Makes the kernel send this process a signal for the keyboard request at a virtual terminal (KDSIGACCEPT).
pub(crate) fn accept_keyboard_request(terminal: &OwnedFd, signal: c_int) -> Result<(), Errno> {
    const KDSIGACCEPT: u32 = 0x4b4e;
    // SAFETY: the request takes a number.
    Errno::result(unsafe { libc::ioctl(terminal.as_raw_fd(), KDSIGACCEPT as _, signal) }).map(drop)
}

/// How both ends are opened: programs inherit neither.
const TERMINAL: OFlag = OFlag::O_RDWR.union(OFlag::O_NOCTTY).union(OFlag::O_CLOEXEC);

/// Opens a new terminal: the end to be read, which never blocks, and the end for a process. Programs inherit neither.
///
/// As openpty(3), but without looking anything up by name: half as many calls.
///
/// # Errors
/// The kernel has no terminal (ENOSPC), or no descriptor (EMFILE, ENFILE).
pub fn open_terminal() -> Result<(OwnedFd, OwnedFd), Errno> {
    let reader = open_reader()?;
    let writer = open_writer(&reader)?;
    Ok((reader, writer))
}

/// Opens the end to be read of a new terminal.
///
/// # Errors
/// As [`open_terminal`].
pub(crate) fn open_reader() -> Result<OwnedFd, Errno> {
    let reader = open(c"/dev/ptmx", TERMINAL | OFlag::O_NONBLOCK, Mode::empty())?;
    let locked: c_int = 0;
    // SAFETY: the request reads one number.
    Errno::result(unsafe { libc::ioctl(reader.as_raw_fd(), libc::TIOCSPTLCK, &raw const locked) })?;
    Ok(reader)
}

/// Opens the end for a process.
///
/// # Errors
/// The kernel has no descriptor (EMFILE, ENFILE).
pub(crate) fn open_writer(reader: &OwnedFd) -> Result<OwnedFd, Errno> {
    // SAFETY: the request takes a number, and returns a new descriptor.
    let writer = Errno::result(unsafe { libc::ioctl(reader.as_raw_fd(), libc::TIOCGPTPEER, TERMINAL.bits()) });
    match writer.map(adopt_descriptor) {
        Ok(writer) => Ok(writer),
        Err(errno @ (Errno::EMFILE | Errno::ENFILE)) => Err(errno),
        // Linux before 4.13 lacks the request.
        Err(_) => {
            let mut path = [0; 24];
            write!(&mut path[..], "/dev/pts/{}\0", terminal_number(reader)?).map_err(|_| Errno::ENAMETOOLONG)?;
            let path = CStr::from_bytes_until_nul(&path).map_err(|_| Errno::ENAMETOOLONG)?;
            open(path, TERMINAL, Mode::empty())
        }
    }
}

/// The number of the terminal below `/dev/pts`.
pub(crate) fn terminal_number(reader: &OwnedFd) -> Result<c_uint, Errno> {
    let mut number: c_uint = 0;
    // SAFETY: the request writes one number.
    Errno::result(unsafe { libc::ioctl(reader.as_raw_fd(), libc::TIOCGPTN, &raw mut number) }).map(|_| number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::stat::{fstat, stat};

    #[test]
    fn a_terminal_has_the_name_of_its_number() {
        let (reader, writer) = open_terminal().unwrap();
        let path = format!("/dev/pts/{}", terminal_number(&reader).unwrap());
        assert_eq!(stat(path.as_str()).unwrap().st_rdev, fstat(&writer).unwrap().st_rdev);
        nix::unistd::write(&writer, b"a\n").unwrap();
        let mut text = [0; 8];
        assert_eq!(nix::unistd::read(&reader, &mut text), Ok(3));
        assert_eq!(nix::unistd::read(&reader, &mut text), Err(Errno::EAGAIN), "it blocks");
    }
}
