//! Texts for clients: refusals and the lines of `initctl status` in Upstart's wording, and what a job waits for.

use core::fmt;

use super::{Cause, Holder, JobName, Refusal, Status, Waiting};
use crate::bytes::{Printable, Show};
use crate::process::Process;

impl fmt::Display for JobName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JobName(job, instance) = *self;
        Show(job).fmt(f)?;
        if instance.is_empty() { Ok(()) } else { write!(f, " ({})", Show(instance)) }
    }
}

/// The error that `initctl` prints, without the program's name and without a line end.
impl fmt::Display for Refusal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Refusal::UnknownJob(job) => write!(f, "Unknown job: {}", Show(job)),
            Refusal::UnknownInstance(instance) => write!(f, "Unknown instance: {}", Show(instance)),
            Refusal::UnknownParameter { name, usage: _ } => write!(f, "Unknown parameter: {}", Show(name)),
            Refusal::TooManyInstances { job, limit } => {
                write!(f, "Too many instances of {}: the limit is {limit} (instance limit)", Show(job))
            }
            Refusal::MismatchedBraces => f.write_str("Mismatched braces"),
            Refusal::ExpectedOperator => f.write_str("Expected operator"),
            Refusal::AlreadyRunning { job, instance } => {
                write!(f, "Job is already running: {}", JobName(job, instance))
            }
            Refusal::AlreadyStopped { job, instance } => {
                write!(f, "Job has already been stopped: {}", JobName(job, instance))
            }
            Refusal::RestartStopped(instance) => write!(f, "Job has already been stopped: {}", Show(instance)),
            Refusal::NotRunning { job, instance } => write!(f, "Job is not running: {}", JobName(job, instance)),
            Refusal::NoSuchProcess => f.write_str("No such process"),
            Refusal::FailedToStart => f.write_str("Job failed to start"),
            Refusal::FailedToStop => f.write_str("Job failed while stopping"),
            Refusal::FailedToRestart => f.write_str("Job failed to restart"),
            Refusal::EventFailed => f.write_str("Event failed"),
            Refusal::BadEnvironment => f.write_str("Env must be KEY=VALUE pairs"),
            Refusal::EmptyName => f.write_str("Name may not be empty string"),
            Refusal::PermissionDenied => f.write_str("Permission denied"),
            Refusal::UnknownInstanceOf { job, instance } => {
                write!(f, "Unknown instance: {} of job {}", Show(instance), Show(job))
            }
            Refusal::NoSuchVariable(name) => write!(f, "No such variable: {}", Show(name)),
            Refusal::EmptyVariable => f.write_str("Variable may not be empty string"),
            Refusal::EmptyJob => f.write_str("Job may not be empty string"),
            Refusal::NotInSystem => f.write_str("Not permissible to modify PID 1 job environment"),
            Refusal::NoBusInSystem => f.write_str("Not permissible to notify D-Bus address for PID 1"),
            Refusal::ShuttingDown => f.write_str("Supervisor is shutting down"),
            Refusal::Malformed => f.write_str("The supervisor does not understand the request"),
            Refusal::Busy => f.write_str("The supervisor is in the middle of something: try again"),
            Refusal::NotReexecuted(reason) => write!(f, "Unable to run the supervisor anew: {reason}"),
            Refusal::Full(limit) => write!(f, "The supervisor's capacity is exhausted: {limit}"),
        }
    }
}

impl core::error::Error for Refusal<'_> {}

/// The lines of `initctl status` and `initctl list` (initctl(8)), without the last line end:
///
/// `JOB[ (INSTANCE)] GOAL/STATE[, process PID]`, then a line `\tNAME process PID` for each further process. If a
/// post-start or pre-stop process comes first, its name precedes it in parentheses. The last line is `\tTEXT` if the
/// main process has sent its status.
impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", JobName(self.job, self.instance), self.goal, self.state)?;
        let mut processes = self.processes.iter();
        match processes.next() {
            Some((process @ (Process::PostStart | Process::PreStop), pid)) => write!(f, ", ({process}) process {pid}")?,
            Some((_, pid)) => write!(f, ", process {pid}")?,
            None => {}
        }
        processes.try_for_each(|(process, pid)| write!(f, "\n\t{process} process {pid}"))?;
        if self.status_text.is_empty() { Ok(()) } else { write!(f, "\n\t{}", Printable(self.status_text)) }
    }
}

/// The line that `initctl` prints while it waits: `[JOB[ (INSTANCE)]: ]waiting for ...`.
impl fmt::Display for Waiting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.job.iter().try_for_each(|job| write!(f, "{job}: "))?;
        f.write_str("waiting ")?;
        match self.cause {
            Cause::Step | Cause::Goal(_) => f.write_str("for its turn"),
            Cause::Stop => f.write_str("to be stopped: a task without a process does not end by itself"),
            Cause::Spawned(process) => write!(f, "for its {process} process to be made"),
            Cause::Ended(Process::Main, pid) => write!(f, "for its main process ({pid}) to end"),
            Cause::Ended(process, pid) => write!(f, "for its {process} process ({pid})"),
            Cause::Ready(pid, expect) => write!(f, "for its main process ({pid}) to be ready (expect {expect})"),
            Cause::Survivors => f.write_str("to learn which of its processes live"),
            Cause::Event { event, of_failure, holder, others } => {
                let rest = if of_failure { "/failed" } else { "" };
                write!(f, "for the event {}{rest}", Show(event))?;
                match (holder, others) {
                    (Holder::Unknown, _) => Ok(()),
                    (_, 0) => write!(f, ", which {holder} holds"),
                    (_, 1) => write!(f, ", which {holder} and one other hold"),
                    _ => write!(f, ", which {holder} and {others} others hold"),
                }
            }
            Cause::Delay(seconds) => write!(f, "to be started again in {seconds} s (respawn delay)"),
            Cause::Retry(seconds) => write!(f, "to be tried again in {seconds} s (respawn retry)"),
            Cause::Budget(seconds) => {
                write!(f, "to be started again in {seconds} s or later (the respawn budget of all jobs is spent)")
            }
            Cause::Nothing => f.write_str("for nothing that is known"),
        }
    }
}

impl fmt::Display for Holder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Holder::Unknown => f.write_str("nothing that is known"),
            Holder::Job { job, instance } => write!(f, "the job {}", JobName(job, instance)),
            Holder::StartOn { job } => write!(f, "\"start on\" of the job {}", Show(job)),
            Holder::StopOn { job, instance } => write!(f, "\"stop on\" of the job {}", JobName(job, instance)),
        }
    }
}
