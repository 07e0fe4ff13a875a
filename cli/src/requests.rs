//! The requests of the commands that send a single one.

use crate::invocation::Invocation;
use crate::options::Options;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use uphold_core::control::Request;

/// A request, or the message about the operand that is missing.
pub type RequestResult<'a> = Result<Request<'a>, &'static str>;

/// `start`
pub fn start<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    invocation.target(options).map(|(target, wait)| Request::Start { target, wait })
}

/// `stop`
pub fn stop<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    let (target, wait) = invocation.target(options)?;
    Ok(if options.force { Request::Force { target, wait } } else { Request::Stop { target, wait } })
}

/// `restart`
pub fn restart<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    invocation.target(options).map(|(target, wait)| Request::Restart { target, wait })
}

/// `reload`
pub fn reload<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    invocation.target(options).map(|(target, _)| Request::Reload { target })
}

/// `emit`
pub fn emit<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    let event = invocation.required("missing event name")?;
    Ok(Request::Emit { event, environment: invocation.variables(), wait: !options.no_wait })
}

/// `reload-configuration`
pub fn reload_configuration<'a>(_: &'a Invocation, _: &Options) -> RequestResult<'a> {
    Ok(Request::ReloadConfiguration)
}

/// `version`
pub fn version<'a>(_: &'a Invocation, _: &Options) -> RequestResult<'a> {
    Ok(Request::Version)
}

/// `usage`
pub fn usage<'a>(invocation: &'a Invocation, _: &Options) -> RequestResult<'a> {
    let job = invocation.first().or(invocation.own_job()).map(OsStr::as_bytes);
    Ok(Request::Usage { job: job.ok_or("missing job name")? })
}

/// `get-env`
pub fn get_env<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    let name = invocation.required("missing variable name")?;
    Ok(Request::GetEnvironment { table: invocation.environment_table(options)?, name })
}

/// `reset-env`
pub fn reset_env<'a>(invocation: &'a Invocation, options: &Options) -> RequestResult<'a> {
    Ok(Request::ResetEnvironment { table: invocation.environment_table(options)? })
}

/// `notify-disk-writeable`
pub fn notify_disk_writeable<'a>(_: &'a Invocation, _: &Options) -> RequestResult<'a> {
    Ok(Request::NotifyDiskWriteable)
}

/// `notify-dbus-address`
pub fn notify_dbus_address<'a>(invocation: &'a Invocation, _: &Options) -> RequestResult<'a> {
    invocation.required("missing D-Bus address").map(Request::NotifyDbusAddress)
}

/// `notify-cgroup-manager-address`
pub fn notify_cgroup_manager_address<'a>(invocation: &'a Invocation, _: &Options) -> RequestResult<'a> {
    invocation.required("missing address").map(Request::NotifyCgroupManagerAddress)
}

/// `end-session`
pub fn end_session<'a>(_: &'a Invocation, _: &Options) -> RequestResult<'a> {
    Ok(Request::EndSession)
}

/// `restart-init`
pub fn restart_init<'a>(_: &'a Invocation, _: &Options) -> RequestResult<'a> {
    Ok(Request::Reexecute)
}
