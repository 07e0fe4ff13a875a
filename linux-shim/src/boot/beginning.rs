//! Attempts to get the things that a supervisor cannot begin without. Process 1 never gives up: if it exits, the kernel
//! panics, or every process of its namespace is killed. Neither does a program that was re-executed, since jobs run.

use std::collections::VecDeque;

use crate::capacity::{BLIND_PAUSE, CHILDREN};
use crate::descriptors::essential;
use crate::output::message_log::MessageLog;
use crate::watch::reap::{ChildChange, next_change};
use crate::watch::signals;

/// The attempts to begin.
pub(super) struct Beginning {
    /// Whether a failed attempt is repeated.
    insists: bool,
    is_logged: bool,
    /// The changes of children meanwhile. They are handled when the supervisor has begun.
    fetched: VecDeque<ChildChange>,
}

impl Beginning {
    pub(super) fn new(insists: bool) -> Self {
        Beginning { insists, is_logged: false, fetched: VecDeque::new() }
    }

    /// Makes an attempt, and repeats it until it succeeds. Meanwhile children are reaped, and nothing of that is lost.
    ///
    /// # Errors
    /// The attempt has failed, and is not repeated.
    pub(super) fn insist<T>(
        &mut self,
        log: &mut MessageLog,
        mut attempt: impl FnMut() -> nix::Result<T>,
    ) -> Result<T, String> {
        loop {
            let reason = match essential(&mut attempt) {
                Ok(done) => return Ok(done),
                Err(errno) => errno.desc(),
            };
            if !self.insists {
                return Err(format!("Unable to begin: {reason}"));
            }
            if !std::mem::replace(&mut self.is_logged, true) {
                log.error(format_args!("Unable to begin, trying again: {reason}"));
            }
            // Signals wait until they can be read. This cannot fail: the set is valid.
            signals::block().unwrap_or_default();
            while self.fetched.len() < CHILDREN
                && let Some(change) = next_change()
            {
                self.fetched.push_back(change);
            }
            std::thread::sleep(BLIND_PAUSE);
        }
    }

    /// The changes of children that were fetched.
    pub(super) fn fetched(self) -> VecDeque<ChildChange> {
        self.fetched
    }
}
