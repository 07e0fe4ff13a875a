//! The preparation of a job before its first process: loading AppArmor profiles and making temporary files.

use std::ffi::CStr;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access, read};

use crate::conf::settings::{Preparation, Settings};

/// The file that says whether AppArmor is enabled.
const APPARMOR: &str = "/sys/module/apparmor/parameters/enabled";

/// The programs that load profiles.
const LOADERS: [&CStr; 1] = [c"/sbin/apparmor_parser"];

/// The programs that make temporary files.
const FILE_MAKERS: [&CStr; 2] = [c"/usr/bin/systemd-tmpfiles", c"/bin/systemd-tmpfiles"];

/// A program that runs before the job's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Helper<'a> {
    /// The path.
    pub program: &'a CStr,
    /// The arguments, each terminated by NUL.
    pub arguments: &'a [u8],
}

/// Whether AppArmor is enabled. If it is not, `apparmor` has no effect (init(5)).
pub(crate) fn apparmor_is_on() -> bool {
    let mut state = [0];
    let file = open(APPARMOR, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty());
    file.is_ok_and(|file| read(&file, &mut state).is_ok()) && state == *b"Y"
}

/// The helpers before the first process of a job, and whether systemd-tmpfiles is missing.
pub(crate) fn helpers(settings: &Settings) -> ([Option<Helper<'_>>; 2], bool) {
    let profile = settings.preparation(Preparation::Profile);
    let loader = if profile.is_empty() || !apparmor_is_on() { None } else { LOADERS.first().copied() };
    let files = settings.preparation(Preparation::Files);
    let maker = FILE_MAKERS.into_iter().find(|maker| !files.is_empty() && access(*maker, AccessFlags::X_OK).is_ok());
    let missing = !files.is_empty() && maker.is_none();
    let helper = |program: Option<&'static CStr>, arguments| program.map(|program| Helper { program, arguments });
    ([helper(loader, profile), helper(maker, files)], missing)
}
