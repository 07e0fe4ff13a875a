//! Files and directories below the configuration directories: which names count (measured on Upstart 1.13.2), and what
//! the kernel says is there. Its answer is yes, no, or an error that may pass.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::inotify::AddWatchFlags;

use crate::descriptors::essential;
use crate::kernel::error::settled;

/// The file or directory at a path; `None` if nothing can be reached there.
///
/// # Errors
/// The kernel cannot tell now.
pub(super) fn found(path: &Path) -> Result<Option<Metadata>, Errno> {
    Ok(settled(fs::metadata(path))?.ok())
}

/// The same without following a link.
fn found_link(path: &Path) -> Result<Option<Metadata>, Errno> {
    Ok(settled(fs::symlink_metadata(path))?.ok())
}

/// Whether there is anything to be looked at after this change.
pub(super) fn counts(mask: AddWatchFlags, path: &Path) -> Result<bool, Errno> {
    let came = mask.intersects(AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO);
    if came && found(path)?.is_some_and(|found| found.is_dir()) {
        return Ok(true);
    }
    match mask {
        mask if mask.contains(AddWatchFlags::IN_ISDIR) => Ok(false),
        mask if mask.contains(AddWatchFlags::IN_CREATE) => is_complete(path),
        _ => Ok(true),
    }
}

/// The names in a directory, sorted.
pub(super) fn names_in(directory: &Path) -> std::io::Result<Vec<OsString>> {
    let mut names = essential(|| fs::read_dir(directory))?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Directories without job files: those of version control systems, …
const IGNORED: [&str; 7] = ["RCS", "CVS", "CVS.adm", "SCCS", "BitKeeper", "{arch}", "_darcs"];

/// … and the endings of backups and of files that editors and package managers leave behind.
const LEFT_BEHIND: [&str; 9] = ["~", ".bak", ".swp", ".swo", ".swn", ",v", ".rpmsave", ".rpmorig", ".rpmnew"];

/// Whether a directory, with everything below it, is skipped.
fn is_ignored(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let ending = Path::new(name).extension().unwrap_or_default().as_bytes();
    bytes.starts_with(b".")
        || IGNORED.iter().any(|ignored| name == *ignored)
        || LEFT_BEHIND.iter().any(|end| bytes.len() > end.len() && bytes.ends_with(end.as_bytes()))
        || (bytes.len() > 1 && bytes.starts_with(b"#") && bytes.ends_with(b"#"))
        || ending.starts_with(b"dpkg-")
}

/// Whether a name is that of a job file.
pub(super) fn is_conf(name: &OsStr) -> bool {
    [&b".conf"[..], b".override"].iter().any(|end| name.as_bytes().ends_with(end))
}

/// Whether a directory may contain jobs: a linked one does unless it has the name of a job file.
pub(super) fn is_looked_into(name: &OsStr, whole: &Path) -> Result<bool, Errno> {
    let linked = found_link(whole)?.is_some_and(|link| link.is_symlink());
    Ok(if linked { is_conf(name) } else { !is_ignored(name) })
}

/// Whether a file that has just appeared is complete: a link is; a new file is still being written, and will be closed.
fn is_complete(path: &Path) -> Result<bool, Errno> {
    Ok(found_link(path)?.is_some_and(|file| file.is_symlink() || file.nlink() > 1))
}
