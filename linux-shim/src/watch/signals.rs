//! The signals that the supervisor gets.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::read;
use std::os::fd::OwnedFd;

use crate::kernel::crash;
use crate::kernel::descriptors::set_signals;
use crate::kernel::memory::NO_PAGE;

/// The meaning of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignalRequest {
    /// A child has changed.
    Children,
    /// Load the job files again.
    Reload,
    /// Stop everything and end.
    Shutdown,
    /// Re-execute the supervisor's program.
    Reexecute,
    /// Emit this event.
    Event(&'static [u8]),
    /// Nothing.
    Nothing,
}

/// The signals that are read from the descriptor; the others stay blocked and pending.
const TAKEN: [Signal; 6] =
    [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPWR, Signal::SIGWINCH];

/// Blocks every signal, and opens the descriptor from which some of them are read.
///
/// # Errors
/// The kernel has no descriptor or no memory.
pub fn open() -> nix::Result<OwnedFd> {
    block()?;
    let taken: SigSet = TAKEN.into_iter().collect();
    SignalFd::with_flags(&taken, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map(OwnedFd::from)
}

/// The same with the descriptor of the previous program.
pub(super) fn read_on(handed: &OwnedFd) {
    // Both fail only if the kernel refuses what it has done before. Then it is still as the previous program left it.
    block().unwrap_or_default();
    set_signals(handed, &TAKEN.into_iter().collect()).unwrap_or_default();
}

/// Blocks every signal, except the one by which the kernel says that it has no page, and those of faults: they cannot
/// wait.
pub(crate) fn block() -> nix::Result<()> {
    let mut blocked = SigSet::all();
    blocked.remove(NO_PAGE);
    crash::taken().iter().for_each(|&fault| blocked.remove(fault));
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&blocked), None)
}

/// The number of the next signal.
pub(super) fn next(descriptor: &OwnedFd) -> Option<u32> {
    let mut information = [0; size_of::<siginfo>()];
    // The number comes first.
    let whole = read(descriptor, &mut information).is_ok_and(|length| length == information.len());
    information.first_chunk().filter(|_| whole).map(|number| u32::from_ne_bytes(*number))
}

/// The meaning of a signal by what is supervised (init(8), events control-alt-delete(7),
/// keyboard-request(7) and power-status-changed(7)).
pub fn meaning(number: u32, of: Supervised) -> SignalRequest {
    use Supervised::{Container, Session, System};
    let signal = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok());
    match (signal, of) {
        (Some(Signal::SIGCHLD), _) => SignalRequest::Children,
        (Some(Signal::SIGHUP), _) => SignalRequest::Reload,
        (Some(Signal::SIGTERM | Signal::SIGINT), Session | Container) => SignalRequest::Shutdown,
        (Some(Signal::SIGTERM), System) => SignalRequest::Reexecute,
        (Some(Signal::SIGINT), System) => SignalRequest::Event(b"control-alt-delete"),
        // To a container it says that its terminal has another size.
        (Some(Signal::SIGWINCH), System) => SignalRequest::Event(b"keyboard-request"),
        (Some(Signal::SIGPWR), System | Container) => SignalRequest::Event(b"power-status-changed"),
        _ => SignalRequest::Nothing,
    }
}

/// The thing that is supervised.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Supervised {
    /// A whole system, by its process 1.
    System,
    /// A container, by its process 1, which ends at a signal.
    Container,
    /// A session of a user.
    Session,
}

#[cfg(test)]
mod tests {
    use super::Supervised::{Container, Session, System};
    use super::*;

    #[test]
    fn only_what_can_end_is_ended_by_a_signal() {
        let of = |signal: Signal| [System, Container, Session].map(|of| meaning(signal as u32, of));
        let event = SignalRequest::Event;
        assert_eq!(of(Signal::SIGTERM), [SignalRequest::Reexecute, SignalRequest::Shutdown, SignalRequest::Shutdown]);
        let delete = event(b"control-alt-delete");
        assert_eq!(of(Signal::SIGINT), [delete, SignalRequest::Shutdown, SignalRequest::Shutdown]);
        assert_eq!(of(Signal::SIGWINCH), [event(b"keyboard-request"), SignalRequest::Nothing, SignalRequest::Nothing]);
        let power = event(b"power-status-changed");
        assert_eq!(of(Signal::SIGPWR), [power, event(b"power-status-changed"), SignalRequest::Nothing]);
    }
}
