//! `reboot`, `halt` and `poweroff` (reboot(8)): a shutdown without delay, or, forced or at its end, the deed itself.

use crate::context::Context;
use crate::failure::{Failure, words};
use crate::options::{Halting, Then};
use crate::system::runlevel;
use crate::system::shutdown::Plan;
use crate::system::telinit::need_root;
use nix::sys::reboot::RebootMode;

/// `reboot`
///
/// # Errors
/// It is for root alone, or the supervisor or the kernel refuses.
pub fn reboot(context: &mut Context<'_>) -> Result<(), Failure> {
    go_down(context, Then::Reboot, Halting::Halt)
}

/// `halt`
///
/// # Errors
/// It is for root alone, or the supervisor or the kernel refuses.
pub fn halt(context: &mut Context<'_>) -> Result<(), Failure> {
    go_down(context, Then::Halt, context.options.halting.unwrap_or(Halting::Halt))
}

/// `poweroff`
///
/// # Errors
/// It is for root alone, or the supervisor or the kernel refuses.
pub fn poweroff(context: &mut Context<'_>) -> Result<(), Failure> {
    go_down(context, Then::Halt, Halting::PowerOff)
}

fn go_down(context: &mut Context<'_>, then: Then, halting: Halting) -> Result<(), Failure> {
    need_root(context.options)?;
    let files = runlevel::files(context.options);
    // Its jobs have run in these two: they call this to end it.
    let goes_down = matches!(runlevel::current(&files), Some((_, b'0' | b'6')));
    if !(context.options.force || context.options.wtmp_only || goes_down) {
        let plan = Plan { then: Some(then), halting: Some(halting), message: String::new() };
        return plan.carry_out(context, 0);
    }
    let written = files.write_shutdown();
    if context.options.wtmp_only {
        return written.map_err(|error| Failure::new(format_args!("Unable to write wtmp: {}", words(&error))));
    }
    nix::unistd::sync();
    let mode = match (then, halting) {
        (Then::Reboot, _) => RebootMode::RB_AUTOBOOT,
        (Then::Halt, Halting::Halt) => RebootMode::RB_HALT_SYSTEM,
        (Then::Halt, Halting::PowerOff) => RebootMode::RB_POWER_OFF,
    };
    match nix::sys::reboot::reboot(mode) {
        Err(errno) => Err(Failure::new(format_args!("Unable to do it: {}", errno.desc()))),
    }
}
