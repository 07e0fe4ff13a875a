//! The loop: one input in, every effect out, then the next input.

use uphold_core::supervisor::Supervisor;

use crate::linux::Linux;
use crate::wait::now;

/// Supervises until everything has ended that was told to end, or the kernel no longer lets it wait.
pub fn run(supervisor: &mut Supervisor<'_>, linux: &mut Linux) -> nix::Result<()> {
    loop {
        while let Some(effect) = supervisor.poll_effect() {
            if let Some(input) = linux.perform(supervisor, effect) {
                supervisor.handle(now(), input);
            }
        }
        if linux.has_ended() {
            return Ok(());
        }
        let input = linux.wait_until(supervisor.next_deadline(), supervisor)?;
        supervisor.handle(now(), input);
    }
}
