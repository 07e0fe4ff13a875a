//! The directories of a session's user: job files, and the output of jobs (XDG Base Directory Specification).

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::clients::published_files::absolute;

fn home() -> Option<PathBuf> {
    absolute(std::env::var_os("HOME"))
}

/// The directories of a user's job files, the most important first.
pub fn user_conf_dirs() -> Vec<PathBuf> {
    let config = absolute(std::env::var_os("XDG_CONFIG_HOME")).or_else(|| Some(home()?.join(".config")));
    let shared =
        std::env::var_os("XDG_CONFIG_DIRS").filter(|dirs| !dirs.is_empty()).unwrap_or_else(|| "/etc/xdg".into());
    let shared = shared.as_bytes().split(|&byte| byte == b':').filter(|dir| dir.starts_with(b"/"));
    let own = [config.map(|config| config.join("upstart")), home().map(|home| home.join(".init"))];
    let shared = shared.map(|dir| Path::new(OsStr::from_bytes(dir)).join("upstart"));
    own.into_iter().flatten().chain(shared).chain([PathBuf::from("/usr/share/upstart/sessions")]).collect()
}

/// The directory of the output of a user's jobs, created if necessary.
pub fn user_log_dir() -> Option<PathBuf> {
    let cache = absolute(std::env::var_os("XDG_CACHE_HOME")).or_else(|| Some(home()?.join(".cache")))?;
    let directory = cache.join("upstart");
    // Without it there are no logs; the first output of each job logs an error.
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).unwrap_or_default();
    Some(directory)
}
