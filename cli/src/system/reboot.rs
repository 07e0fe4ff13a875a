//! `reboot`, `halt` and `poweroff`: a shutdown without delay or, as its last step and with `--force`, the call to the
//! kernel.

use crate::context::Context;
use crate::failure::{Failure, error_text};
use crate::options::{AfterShutdown, HaltMode};
use crate::system::runlevel;
use crate::system::shutdown::Plan;
use crate::system::telinit::need_root;
use nix::sys::reboot::RebootMode;

/// `reboot`
///
/// # Errors
/// The user is not root, or the supervisor or the kernel refuses.
pub fn reboot(context: &mut Context<'_>) -> Result<(), Failure> {
    go_down(context, AfterShutdown::Reboot, HaltMode::Halt)
}

/// `halt`
///
/// # Errors
/// The user is not root, or the supervisor or the kernel refuses.
pub fn halt(context: &mut Context<'_>) -> Result<(), Failure> {
    go_down(context, AfterShutdown::Halt, context.options.halt_mode.unwrap_or(HaltMode::Halt))
}

/// `poweroff`
///
/// # Errors
/// The user is not root, or the supervisor or the kernel refuses.
pub fn poweroff(context: &mut Context<'_>) -> Result<(), Failure> {
    go_down(context, AfterShutdown::Halt, HaltMode::PowerOff)
}

fn go_down(context: &mut Context<'_>, after: AfterShutdown, halt_mode: HaltMode) -> Result<(), Failure> {
    need_root(context.options)?;
    let files = runlevel::files(context.options);
    // In these runlevels the jobs of the shutdown run, and the last of them calls this program.
    let goes_down = matches!(runlevel::current(&files), Some((_, b'0' | b'6')));
    if !(context.options.force || context.options.wtmp_only || goes_down) {
        let plan = Plan { after_shutdown: Some(after), halt_mode: Some(halt_mode), message: String::new() };
        return plan.carry_out(context, 0);
    }
    let written = files.write_shutdown();
    if context.options.wtmp_only {
        return written.map_err(|error| Failure::new(format_args!("Unable to write wtmp: {}", error_text(&error))));
    }
    nix::unistd::sync();
    let mode = match (after, halt_mode) {
        (AfterShutdown::Reboot, _) => RebootMode::RB_AUTOBOOT,
        (AfterShutdown::Halt, HaltMode::Halt) => RebootMode::RB_HALT_SYSTEM,
        (AfterShutdown::Halt, HaltMode::PowerOff) => RebootMode::RB_POWER_OFF,
    };
    match nix::sys::reboot::reboot(mode) {
        Err(errno) => Err(Failure::new(format_args!("Unable to do it: {}", errno.desc()))),
    }
}
