//! The loop: one input in, every effect out, then the next input.

use uphold_core::Supervisor;

use crate::clients::published_files::PublishedFiles;
use crate::clock::now;
use crate::handover::hand_over::{hand_over, write_checkpoint};
use crate::keep::keeper::Keep;
use crate::kernel::error;
use crate::linux::Linux;

/// Supervises until the supervisor has ended.
pub fn run(supervisor: &mut Supervisor<'_>, linux: &mut Linux, files: &PublishedFiles, keep: &mut Keep) {
    loop {
        while let Some(effect) = keep.poll(supervisor) {
            if let Some(input) = linux.perform(supervisor, keep, effect) {
                keep.handle(supervisor, now(), input);
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
        keep_state(supervisor, linux, files, keep);
        let input = linux.wait_until(supervisor.next_deadline(), supervisor, keep);
        #[cfg(feature = "planted-crash")]
        crate::crash::planted::look_at(&input);
        keep.handle(supervisor, now(), input);
    }
}

/// Takes a checkpoint of the state if one is due, and possible now.
pub(crate) fn keep_state(supervisor: &Supervisor<'_>, linux: &mut Linux, files: &PublishedFiles, keep: &mut Keep) {
    if keep.is_due() && supervisor.is_calm() {
        linux.control.input_taken();
        let failed = keep.checkpoint(|writer| write_checkpoint(writer, supervisor, linux, files));
        if let Some(problem) = failed {
            linux.log.warn(format_args!("Unable to keep the state: {}", error::words(&problem)));
        }
    }
}
