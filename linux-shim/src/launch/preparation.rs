//! The preparation of a job before its first process: loading AppArmor profiles and making temporary files.

use std::ffi::CStr;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::{AccessFlags, access, read};
use uphold_core::{SpawnError, SpawnStage};

use crate::conf::settings::{Preparation, Settings};
use crate::descriptors::essential;
use crate::kernel::error::may_pass;

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
///
/// # Errors
/// The kernel cannot tell now. A job that is to be confined must not run unconfined for that.
pub(crate) fn apparmor_is_on() -> Result<bool, SpawnError> {
    let mut state = [0];
    let file = essential(|| open(APPARMOR, OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()));
    match file.and_then(|file| read(&file, &mut state)) {
        Err(errno) if may_pass(errno) => Err(SpawnError { stage: SpawnStage::Profile, code: errno as i32 }),
        looked => Ok(looked.is_ok() && state == *b"Y"),
    }
}

/// The first of these programs that is installed.
fn installed(programs: &[&'static CStr]) -> Result<Option<&'static CStr>, SpawnError> {
    for program in programs {
        match access(*program, AccessFlags::X_OK) {
            Ok(()) => return Ok(Some(program)),
            Err(errno) if may_pass(errno) => {
                return Err(SpawnError { stage: SpawnStage::Helper, code: errno as i32 });
            }
            Err(_) => {}
        }
    }
    Ok(None)
}

/// The helpers before the first process of a job, and whether systemd-tmpfiles is missing.
///
/// # Errors
/// The kernel cannot tell now which are needed, or which are installed.
pub(crate) fn helpers(settings: &Settings) -> Result<([Option<Helper<'_>>; 2], bool), SpawnError> {
    let profile = settings.preparation(Preparation::Profile);
    let loader = if profile.is_empty() || !apparmor_is_on()? { None } else { LOADERS.first().copied() };
    let files = settings.preparation(Preparation::Files);
    let maker = if files.is_empty() { None } else { installed(&FILE_MAKERS)? };
    let missing = !files.is_empty() && maker.is_none();
    let helper = |program: Option<&'static CStr>, arguments| program.map(|program| Helper { program, arguments });
    Ok(([helper(loader, profile), helper(maker, files)], missing))
}
