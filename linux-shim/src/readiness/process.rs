//! A process that a message names, as `/proc` shows it: proc(5), read into buffers of fixed size.

use nix::errno::Errno;
use nix::unistd::read;
use uphold_core::Pid;

use crate::capacity::ENVIRONMENT_SEARCHED;
use crate::watch::proc_files::{fill, open_file};

/// The effective user of a process.
pub(super) fn user(pid: Pid) -> Option<u32> {
    let mut room = [0; 1024];
    let text = fill(&open_file(pid, "status").ok()??, &mut room).ok()??;
    let line = text.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"Uid:"))?;
    // Real, effective, saved, of the file system.
    let effective = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty()).nth(1)?;
    std::str::from_utf8(effective).ok()?.parse().ok()
}

/// Whether a process was started with this text in its environment.
pub(super) fn was_given(pid: Pid, text: &[u8]) -> bool {
    let Ok(Some(file)) = open_file(pid, "environ") else { return false };
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
        // The text may lie across two pieces.
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
        assert_eq!(user(own), Some(nix::unistd::geteuid().as_raw()));
        let path = std::env::var("PATH").unwrap();
        assert!(was_given(own, format!("PATH={path}\0").as_bytes()));
        assert!(!was_given(own, b"PATH=/no/such/thing\0"));
        assert_eq!(user(Pid::new(i32::MAX as u32).unwrap()), None);
    }
}
