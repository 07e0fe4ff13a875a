//! The place of the kernel's single hierarchy of control groups (version 2), and of the supervisor in it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The supervisor's own group; `None` if the hierarchy of version 2 is not mounted.
///
/// # Errors
/// The kernel does not tell now.
pub(crate) fn find_base() -> io::Result<Option<PathBuf>> {
    let mounts = fs::read("/proc/self/mounts")?;
    let mount = mounts.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == b"cgroup2").then_some(place)
    });
    let Some(mount) = mount else { return Ok(None) };
    let own = fs::read("/proc/self/cgroup")?;
    let own = own.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"0::/"));
    Ok(own.map(|own| Path::new(OsStr::from_bytes(mount)).join(OsStr::from_bytes(own))))
}
