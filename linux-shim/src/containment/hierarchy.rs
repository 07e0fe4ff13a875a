//! The place of the kernel's single hierarchy of control groups (version 2), and of the supervisor in it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::descriptors::essential;
use crate::kernel::error::settled;

/// The supervisor's own group, if the hierarchy of version 2 is mounted.
///
/// # Errors
/// The kernel cannot tell now: it has no descriptor or no memory for the answer.
pub(crate) fn find_base() -> Result<Option<PathBuf>, Errno> {
    let read = |file| Ok::<_, Errno>(settled(essential(|| fs::read(file)))?.ok());
    let (Some(mounts), Some(own)) = (read("/proc/self/mounts")?, read("/proc/self/cgroup")?) else { return Ok(None) };
    Ok(base(&mounts, &own))
}

fn base(mounts: &[u8], own: &[u8]) -> Option<PathBuf> {
    let mount = mounts.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        (kind == b"cgroup2").then_some(place)
    })?;
    let own = own.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(b"0::/"))?;
    Some(Path::new(OsStr::from_bytes(mount)).join(OsStr::from_bytes(own)))
}
