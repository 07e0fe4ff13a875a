//! The message that processes cannot be seen: once for each time of trouble, however many searches are in it.

use nix::errno::Errno;
use uphold_core::Instant;

use crate::capacity::UNSEEN_SECONDS;
use crate::output::message_log::MessageLog;

/// Whether it was logged.
#[derive(Default)]
pub(crate) struct Unseen {
    /// The time until which it is taken for the same trouble.
    until: Option<Instant>,
}

impl Unseen {
    /// Notes a look, and why it has shown nothing.
    pub(crate) fn note(&mut self, now: Instant, unknown: Option<Errno>, log: &mut MessageLog) {
        let Some(errno) = unknown else {
            self.until = self.until.filter(|&until| now < until);
            return;
        };
        if self.until.is_none() {
            log.warn(format_args!(
                "Unable to see which processes live: {}; jobs that wait for it go on when they can be seen",
                errno.desc()
            ));
        }
        self.until = Some(now.after_seconds(UNSEEN_SECONDS));
    }
}
