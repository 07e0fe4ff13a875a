//! Processes of a killed supervisor that have never begun.

use nix::errno::Errno;
use uphold_core::{Pid, SpawnError, SpawnStage, Supervisor};

use crate::containment::process::ClaimedName;
use crate::linux::{Linux, is_called};
use crate::pending::PendingInput;

impl Linux {
    /// A process that was to be traced has ended before it ran its program, since its tracer was killed: it is launched
    /// again. `None` for any other process.
    pub(crate) fn never_began(&mut self, supervisor: &Supervisor<'_>, pid: Pid) -> Option<PendingInput> {
        let at = self.legacy.unborn.iter().position(|&unborn| unborn == pid)?;
        self.legacy.unborn.swap_remove(at);
        let (job, process) = supervisor.owner(pid)?;
        // If another process of the job lives, this one was a daemon's first step.
        let is_called = |job, named: &ClaimedName| is_called(supervisor, job, named);
        let survey = self.containment.survey(job, None, true, &is_called);
        if !survey.survivors.is_empty() || survey.unknown.is_some() {
            return None;
        }
        let error = SpawnError { stage: SpawnStage::Trace, code: Errno::EAGAIN as i32 };
        Some(PendingInput::Failed { job, process, pid, error, passing: true })
    }
}
