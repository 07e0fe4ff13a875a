//! What `/proc` says of a process that a message names: proc(5), read into buffers of fixed size.

use std::ffi::CStr;
use std::io::Write;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;
use uphold_core::process::Pid;

use crate::capacity::ENVIRONMENT_SEARCHED;

/// A process: which one, and where it belongs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kin {
    /// Its parent; `None` for one that has none here.
    pub(super) parent: Option<Pid>,
    /// Its session.
    pub(super) session: u32,
    /// When it began, in ticks since boot: tells it from a later process of the same number.
    pub(super) began: u64,
    /// Whether it has not ended.
    pub(super) live: bool,
}

/// Reads a file of that process, at most as much as there is room for.
fn read_file<'r>(pid: Pid, name: &str, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut path = [0; 40];
    write!(&mut path[..], "/proc/{pid}/{name}\0").ok()?;
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC;
    let file = open(CStr::from_bytes_until_nul(&path).ok()?, flags, Mode::empty()).ok()?;
    let mut used = 0;
    while used < room.len() {
        match read(&file, &mut room[used..]) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
    room.get(..used)
}

/// A process and where it belongs, if there is one of that number.
pub(super) fn kin(pid: Pid) -> Option<Kin> {
    let mut room = [0; 1024];
    let text = read_file(pid, "stat", &mut room)?;
    // `PID (NAME) STATE PPID PGRP SESSION ...`, and the name may hold anything.
    let end = text.iter().rposition(|&byte| byte == b')')?;
    let fields = || text[end + 1..].split(|&byte| byte == b' ').filter(|field| !field.is_empty());
    let number = |at: usize| std::str::from_utf8(fields().nth(at)?).ok()?.parse::<u64>().ok();
    Some(Kin {
        parent: u32::try_from(number(1)?).ok().and_then(Pid::new),
        session: u32::try_from(number(3)?).ok()?,
        began: number(19)?,
        live: !matches!(fields().next()?, b"Z" | b"X" | b"x"),
    })
}

/// The user in whose name a process acts.
pub(super) fn user(pid: Pid) -> Option<u32> {
    let mut room = [0; 1024];
    let text = read_file(pid, "status", &mut room)?;
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    // Real, effective, saved, of the file system.
    let effective = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).nth(1)?;
    std::str::from_utf8(effective).ok()?.parse().ok()
}

/// Whether a process was started with this text in its environment.
pub(super) fn was_given(pid: Pid, text: &[u8]) -> bool {
    let mut path = [0; 40];
    let file = write!(&mut path[..], "/proc/{pid}/environ\0").ok().and_then(|()| {
        open(CStr::from_bytes_until_nul(&path).ok()?, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()
    });
    let Some(file) = file else { return false };
    let mut room = [0; 4096];
    let (mut used, mut seen) = (0, 0);
    while let Some(space) = room.get_mut(used..).filter(|space| !space.is_empty() && seen < ENVIRONMENT_SEARCHED) {
        match read(&file, space) {
            Ok(0) => break,
            Ok(count) => (used, seen) = (used + count, seen + count),
            Err(Errno::EINTR) => continue,
            Err(_) => break,
        }
        if room[..used].windows(text.len()).any(|window| window == text) {
            return true;
        }
        // It may lie across the border.
        let keep = used.min(text.len());
        room.copy_within(used - keep..used, 0);
        used = keep;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn we_are_who_we_are() {
        let own = Pid::new(std::process::id()).unwrap();
        let kin = kin(own).unwrap();
        assert_eq!(kin.parent, Pid::new(std::os::unix::process::parent_id()));
        assert_eq!(Ok(kin.session as i32), nix::unistd::getsid(None).map(nix::unistd::Pid::as_raw));
        assert!(kin.live && kin.began > 0);
        assert_eq!(user(own), Some(nix::unistd::geteuid().as_raw()));
        let path = std::env::var("PATH").unwrap();
        assert!(was_given(own, format!("PATH={path}\0").as_bytes()));
        assert!(!was_given(own, b"PATH=/no/such/thing\0"));
        assert_eq!(super::kin(Pid::new(i32::MAX as u32).unwrap()), None);
    }
}
