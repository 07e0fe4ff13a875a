//! `runlevel`, and the functions about runlevels that other programs share.

use crate::context::Context;
use crate::failure::Failure;
use crate::options::Options;
use crate::system::utmp::Files;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// `runlevel [UTMP]`: prints the previous and the current runlevel, with `N` for no previous one.
///
/// # Errors
/// No runlevel is known. The output is `unknown` then.
pub fn runlevel(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut files = files(context.options);
    if let Some(path) = context.invocation.first() {
        files.utmp = path.into();
    }
    match current(&files) {
        Some((previous, level)) => {
            let previous = char::from(previous.unwrap_or(b'N'));
            Ok(writeln!(context.out, "{previous} {}", char::from(level))?)
        }
        None => {
            writeln!(context.out, "unknown")?;
            Err(Failure::AlreadyReported)
        }
    }
}

/// The previous runlevel, if there was one, and the current one, from the environment or else from the file.
pub fn current(files: &Files) -> Option<(Option<u8>, u8)> {
    match variable("RUNLEVEL") {
        Some(level) => Some((variable("PREVLEVEL").filter(|&previous| previous != b'N'), level)),
        None => files.runlevel(),
    }
}

/// The record files, by the options or the default paths.
pub fn files(options: &Options) -> Files {
    let usual = Files::default();
    Files {
        utmp: options.utmp.as_ref().map_or(usual.utmp, Into::into),
        wtmp: options.wtmp.as_ref().map_or(usual.wtmp, Into::into),
    }
}

fn variable(name: &str) -> Option<u8> {
    std::env::var_os(name).as_deref().map(OsStr::as_bytes)?.first().copied()
}
