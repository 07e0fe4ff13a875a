//! The signals that the supervisor is sent.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// What a signal asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignalRequest {
    /// A child has changed.
    Children,
    /// Load the job files anew.
    Reload,
    /// End the session.
    Shutdown,
    /// Run the supervisor's program anew.
    Reexecute,
    /// Emit this event.
    Event(&'static [u8]),
    /// Nothing, here.
    Nothing,
}

/// The signals that are taken from the descriptor; the others stay blocked and wait there for ever.
const TAKEN: [Signal; 6] =
    [Signal::SIGCHLD, Signal::SIGHUP, Signal::SIGINT, Signal::SIGTERM, Signal::SIGPWR, Signal::SIGWINCH];

/// Blocks every signal, and opens the descriptor on which some of them are read.
///
/// # Errors
/// The kernel has no descriptor or no memory for it.
pub fn open() -> nix::Result<SignalFd> {
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?;
    let taken: SigSet = TAKEN.into_iter().collect();
    SignalFd::with_flags(&taken, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)
}

/// What a signal means to a session's supervisor or to the system's (init(8), events control-alt-delete(7),
/// keyboard-request(7) and power-status-changed(7)).
pub fn meaning(number: u32, user: bool) -> SignalRequest {
    let signal = i32::try_from(number).ok().and_then(|number| Signal::try_from(number).ok());
    match (signal, user) {
        (Some(Signal::SIGCHLD), _) => SignalRequest::Children,
        (Some(Signal::SIGHUP), _) => SignalRequest::Reload,
        (Some(Signal::SIGTERM | Signal::SIGINT), true) => SignalRequest::Shutdown,
        (Some(Signal::SIGTERM), false) => SignalRequest::Reexecute,
        (Some(Signal::SIGINT), false) => SignalRequest::Event(b"control-alt-delete"),
        (Some(Signal::SIGWINCH), false) => SignalRequest::Event(b"keyboard-request"),
        (Some(Signal::SIGPWR), false) => SignalRequest::Event(b"power-status-changed"),
        _ => SignalRequest::Nothing,
    }
}
