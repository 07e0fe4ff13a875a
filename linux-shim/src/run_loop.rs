//! The loop: one input in, every effect out, then the next input.

use uphold_core::Supervisor;

use crate::clients::published_files::PublishedFiles;
use crate::clock::now;
use crate::crash::lifeline::Lifeline;
use crate::handover::hand_over::hand_over;
use crate::linux::Linux;

/// Supervises until the supervisor has ended. `lifeline` is for crashes of process 1.
pub fn run(supervisor: &mut Supervisor<'_>, linux: &mut Linux, files: &PublishedFiles, mut lifeline: Option<Lifeline>) {
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
        if let Some(lifeline) = &mut lifeline {
            lifeline.note(supervisor, linux, files);
        }
        let input = linux.wait_until(supervisor.next_deadline(), supervisor);
        #[cfg(feature = "planted-crash")]
        crate::crash::planted::look_at(&input);
        supervisor.handle(now(), input);
    }
}
