//! `initctl list-sessions`: the session supervisors of this user, from the files that hold their addresses.

use crate::context::Context;
use crate::failure::Failure;
use crate::print::line;
use std::fs;
use std::path::Path;

/// `list-sessions`: prints `PID ADDRESS` for each live session supervisor.
///
/// # Errors
/// `$XDG_RUNTIME_DIR` is not a directory, or writing fails.
pub fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let directory = std::env::var_os("XDG_RUNTIME_DIR").filter(|path| !path.is_empty());
    // A directory without sessions is not an error.
    let directory = directory.filter(|path| Path::new(path).is_dir());
    let directory = directory.ok_or_else(|| Failure::new("Unable to query session directory"))?;
    let entries = fs::read_dir(Path::new(&directory).join("upstart/sessions")).ok();
    let mut sessions = Vec::new();
    for entry in entries.into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_suffix(".session")?.parse::<u32>().ok());
        let Some(pid) = pid.filter(|pid| Path::new(&format!("/proc/{pid}")).exists()) else { continue };
        // A session that has just ended has removed its file.
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        if let Some(address) = text.lines().find_map(|line| line.strip_prefix("UPSTART_SESSION=")) {
            sessions.push((pid, address.to_owned()));
        }
    }
    sessions.sort_unstable();
    for (pid, address) in sessions.iter().filter(|_| !context.options.quiet) {
        line(context.out, b"", format!("{pid} {address}").as_bytes())?;
    }
    Ok(())
}
