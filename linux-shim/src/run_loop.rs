//! The loop: one input in, every effect out, then the next input.

use uphold_core::Supervisor;

use crate::clients::published_files::PublishedFiles;
use crate::clock::now;
use crate::handover::hand_over::hand_over;
use crate::linux::Linux;

/// Supervises until the supervisor has ended.
pub fn run(supervisor: &mut Supervisor<'_>, linux: &mut Linux, files: &PublishedFiles) {
    loop {
        while let Some(effect) = supervisor.poll_effect() {
            if let Some(input) = linux.perform(supervisor, effect) {
                supervisor.handle(now(), input);
            }
        }
        if linux.has_ended() {
            return;
        }
        if supervisor.is_calm()
            && linux.is_to_restart()
            && let Some(clients) = linux.restart.take()
        {
            hand_over(clients, supervisor, linux, files);
        }
        let input = linux.wait_until(supervisor.next_deadline(), supervisor);
        supervisor.handle(now(), input);
    }
}
