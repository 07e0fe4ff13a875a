//! Waiting for a process that is about to run its program, without being blocked by it: it may have been stopped by a
//! signal, or may need a disk that does not answer.
//!
//! Nothing here allocates, and nothing writes to `errno`, which such a process may be using at this moment (see
//! `child`).

use std::time::Duration;

use nix::errno::Errno;
use uphold_core::{Instant, Pid, Signal};

use crate::capacity::{LAUNCH_LAST, LAUNCH_LOOK};
use crate::clock::now;
use crate::kernel;
use crate::watch::reap;

/// The result of the wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WaitOutcome {
    /// The process runs its program, or has exited.
    Clear,
    /// The process had to be killed, because it was stopped (EINTR) or took too long (ETIMEDOUT), and has exited.
    Killed(Errno),
    /// The same, but the kernel has not let it exit yet. It will not continue.
    Stuck(Errno),
}

/// How long a process has been waited for, and what was done about it.
pub(crate) struct LaunchWait {
    most: Duration,
    began: Option<Instant>,
    killed: Option<(Errno, Instant)>,
}

impl LaunchWait {
    /// A wait that has not begun; the process gets that long.
    pub(crate) fn new(most: Duration) -> Self {
        LaunchWait { most, began: None, killed: None }
    }

    /// The process has reached what was waited for.
    pub(crate) fn over(&self) -> WaitOutcome {
        self.killed.map_or(WaitOutcome::Clear, |(errno, _)| WaitOutcome::Killed(errno))
    }

    /// Checks a process that has not reported; `None` means that it is to be waited for again. If it is found stopped,
    /// `is_clear` tells whether it has got there meanwhile.
    pub(crate) fn look(&mut self, pid: Pid, is_clear: impl Fn() -> bool) -> Option<WaitOutcome> {
        let now = now();
        let began = *self.began.get_or_insert(Instant(now.0.saturating_sub(milliseconds(LAUNCH_LOOK))));
        let seen = kernel::process::peek(pid);
        if is_clear() || seen.is_some_and(|seen| seen.has_ended()) {
            return Some(self.over());
        }
        let passed = |since: Instant, most: Duration| now.0.saturating_sub(since.0) >= milliseconds(most);
        match self.killed {
            Some((errno, at)) => return passed(at, LAUNCH_LAST).then_some(WaitOutcome::Stuck(errno)),
            None if seen.is_some() => self.kill(pid, Errno::EINTR, now),
            None if passed(began, self.most) => self.kill(pid, Errno::ETIMEDOUT, now),
            None => {}
        }
        None
    }

    fn kill(&mut self, pid: Pid, why: Errno, now: Instant) {
        self.killed = Some((why, now));
        // It is a child, so it can be killed.
        kernel::process::kill(pid, false, Signal::KILL).unwrap_or_default();
    }
}

/// Waits until a process that runs its program has reached its first stop. A process that does not get there is killed;
/// its exit is reported like any other.
pub(crate) fn await_stop(pid: Pid, most: Duration) {
    if !reap::changes_within(pid, most) {
        kernel::process::kill(pid, false, Signal::KILL).unwrap_or_default();
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
