//! A message to everybody who is logged in, as wall(1) shows it.

use crate::system::utmp::{self, Kind};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes to each terminal that utmp knows. Who cannot be told is not waited for.
pub fn broadcast(utmp: &Path, message: &str) {
    let mut text = header().replace('\n', "\r\n");
    text.push_str(&message.replace('\n', "\r\n"));
    text.push_str("\r\n");
    for terminal in terminals(utmp) {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        if let Ok(mut terminal) = OpenOptions::new().write(true).custom_flags(flags).open(terminal) {
            // Its user may have stopped it, or just left.
            terminal.write_all(text.as_bytes()).unwrap_or_default();
        }
    }
}

fn terminals(utmp: &Path) -> Vec<PathBuf> {
    let records = utmp::read(utmp).unwrap_or_default();
    let mut lines: Vec<_> = records
        .into_iter()
        .filter(|record| record.kind == Kind::User)
        .map(|record| record.line)
        // Others than terminals are there too (X displays); and none may lead out of /dev.
        .filter(|line| !line.is_empty() && !line.starts_with(b":") && !line.starts_with(b"/"))
        .filter(|line| !line.split(|&byte| byte == b'/').any(|part| part == b".."))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    lines.into_iter().map(|line| Path::new("/dev").join(OsStr::from_bytes(&line))).collect()
}

fn header() -> String {
    let known = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let user = known("SUDO_USER").or_else(|| known("LOGNAME")).or_else(|| known("USER")).unwrap_or("root".into());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let terminal = std::fs::read_link("/proc/self/fd/0").ok().filter(|path| path.starts_with("/dev/"));
    let terminal = terminal.map_or("unknown".into(), |path| path.display().to_string());
    let (hours, minutes) = local_time();
    format!("\nBroadcast message from {user}@{}\n\t({terminal}) at {hours}:{minutes:02} ...\n\n", host.trim_end())
}

/// The hour and the minute of the day. What the local time is only date(1) knows here; without it, UTC.
pub fn local_time() -> (u32, u32) {
    let local = Command::new("date").arg("+%H %M").output().ok().and_then(|output| {
        let text = String::from_utf8(output.stdout).ok()?;
        let (hours, minutes) = text.trim().split_once(' ')?;
        Some((hours.parse().ok()?, minutes.parse().ok()?))
    });
    local.unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let minutes = now.as_secs() / 60 % (24 * 60);
        ((minutes / 60) as u32, (minutes % 60) as u32)
    })
}
