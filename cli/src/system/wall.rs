//! A message to all logged-in users, in the form of wall(1).

use crate::system::utmp::{self, Kind};
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes to each terminal in utmp, without waiting for a terminal that does not accept output.
pub fn broadcast(utmp: &Path, message: &str) {
    let mut text = header().replace('\n', "\r\n");
    text.push_str(&message.replace('\n', "\r\n"));
    text.push_str("\r\n");
    for terminal in terminals(utmp) {
        let flags = nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY;
        if let Ok(mut terminal) = OpenOptions::new().write(true).custom_flags(flags).open(terminal) {
            // The terminal may be stopped, or its user may have just logged out.
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
        // Skips entries that are not terminals, such as X displays, and paths that lead out of /dev.
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

/// The hour and the minute of the day in local time, from date(1) since the standard library has no time zones; without
/// date(1), in UTC.
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
