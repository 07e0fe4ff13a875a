//! The message that processes cannot be seen: once for each time of trouble, however many searches are in it.

use nix::errno::Errno;
use uphold_core::Instant;

use crate::capacity::UNSEEN_SECONDS;
use crate::clock::Trouble;
use crate::output::message_log::MessageLog;

/// Whether it was logged.
pub(crate) struct Unseen(Trouble);

impl Default for Unseen {
    fn default() -> Self {
        Unseen(Trouble::new(UNSEEN_SECONDS))
    }
}

impl Unseen {
    /// Notes a look, and why it has shown nothing.
    pub(crate) fn note(&mut self, now: Instant, unknown: Option<Errno>, log: &mut MessageLog) {
        let Some(errno) = unknown else { return self.0.is_over(now) };
        if self.0.begins(now) {
            log.warn(format_args!(
                "Unable to see which processes live: {}; jobs that wait for it go on when they can be seen",
                errno.desc()
            ));
        }
    }
}
