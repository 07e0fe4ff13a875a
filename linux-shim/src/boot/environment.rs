//! The environment of jobs.

use std::os::unix::ffi::OsStrExt;

use uphold_core::Supervisor;
use uphold_core::bytes::Strings;

use crate::boot::options::Options;
use crate::linux::Linux;

/// PATH of a system's jobs, whatever its first process was started with: an initramfs or a container sets another.
const SYSTEM_PATH: &[u8] = b"PATH=/usr/local/sbin:/usr/local/bin:/usr/bin:/usr/sbin:/sbin:/bin\0";

/// Sets the environment of jobs, and the one from which `env NAME` copies.
pub(super) fn set_environment(options: &Options, supervisor: &mut Supervisor<'_>, linux: &mut Linux) {
    let own = own_environment(options.user);
    let base = base_environment(&own, options.user && options.inherit_environment);
    let set =
        supervisor.set_own_environment(Strings(&own)).and_then(|()| supervisor.set_base_environment(Strings(&base)));
    if let Err(full) = set {
        linux.error(format_args!("Unable to set environment: no room for more {}", full.limit));
    }
}

/// The environment of this process. A system's has always the same PATH.
fn own_environment(of_session: bool) -> Vec<u8> {
    let mut own = if of_session { Vec::new() } else { SYSTEM_PATH.to_vec() };
    for (name, value) in std::env::vars_os().filter(|(name, _)| of_session || name != "PATH") {
        own.extend_from_slice(&[name.as_bytes(), b"=", value.as_bytes(), b"\0"].concat());
    }
    own
}

/// The environment that every job begins with: PATH and TERM, and after them, if it inherits, the rest.
fn base_environment(own: &[u8], inherits: bool) -> Vec<u8> {
    let entries = || own.split_inclusive(|&byte| byte == 0);
    let is_first = |entry: &&[u8]| entry.starts_with(b"PATH=") || entry.starts_with(b"TERM=");
    let first = [&b"PATH="[..], b"TERM="].map(|name| entries().find(|entry| entry.starts_with(name)));
    let rest = entries().filter(|entry| inherits && !is_first(entry));
    first.into_iter().flatten().chain(rest).flatten().copied().collect()
}
