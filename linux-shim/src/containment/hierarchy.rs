//! The place of the kernel's single hierarchy of control groups (version 2), and of the supervisor in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The supervisor's own group, if the hierarchy of version 2 is mounted.
pub(crate) fn find_base() -> Option<PathBuf> {
    let mounts = fs::read("/proc/self/mounts").ok()?;
    let mount = mounts.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == b"cgroup2").then_some(place)
    })?;
    let own = fs::read("/proc/self/cgroup").ok()?;
    let own = own.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"0::/"))?;
    Some(Path::new(OsStr::from_bytes(mount)).join(OsStr::from_bytes(own)))
}
