//! Every message of the log in Upstart's words: the `Display` of a [`Notice`](crate::notice::Notice).

use core::fmt;

use crate::bytes::Show;
use crate::ids::{ClassId, EventId, JobId};
use crate::limits::LOOP_RUNS;
use crate::machine::Supervisor;
use crate::notice::{Notice, Priority};
use crate::process::Exit;
use crate::signal::Signal;
use crate::spawn::{SpawnError, SpawnStage};

struct Words<'a, 's> {
    supervisor: &'a Supervisor<'s>,
    notice: Notice,
    explain: fn(i32) -> &'static str,
}

impl fmt::Display for Words<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id: JobId| self.supervisor.job_name(id);
        match self.notice {
            Notice::HandlingEvent(event) => {
                let (event, rest) = self.supervisor.event_name(event);
                write!(f, "Handling {}{} event", Show(event), Show(rest))
            }
            Notice::GoalChanged { job, from, to } => write!(f, "{} goal changed from {from} to {to}", name(job)),
            Notice::StateChanged { job, from, to } => write!(f, "{} state changed from {from} to {to}", name(job)),
            Notice::ProcessStarted { job, process, pid } => write!(f, "{} {process} process ({pid})", name(job)),
            Notice::SpawnFailed { job, process, error } => {
                write!(f, "Failed to spawn {} {process} process: unable to ", name(job))?;
                write_error(f, error, self.explain)
            }
            Notice::SpawnDelayed { job, process, error } => {
                write!(f, "Temporary process spawn error: {} {process} process: unable to ", name(job))?;
                write_error(f, error, self.explain)?;
                f.write_str("; trying again")
            }
            Notice::Circle { class } => write_circle(f, self.supervisor, class),
            Notice::WaitCircle { job, event } => write_wait_circle(f, self.supervisor, job, event),
            Notice::CircleLeft { class, rounds } => {
                let class = Show(self.supervisor.class_name(class));
                write!(f, "{class} has left its circle after {rounds} rounds; not every message of them is logged")
            }
            Notice::Untraced { error } => {
                f.write_str("Unable to ")?;
                write_error(f, error, self.explain)?;
                f.write_str("; \"expect fork\" and \"expect daemon\" are followed without it")
            }
            Notice::ProcessBecame { job, process, old, new } => {
                write!(f, "{} {process} process ({old}) became new process ({new})", name(job))
            }
            Notice::ExecutableChanged { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) executable changed", name(job))
            }
            Notice::ProcessEnded { job, process, pid, exit, .. } => {
                write!(f, "{} {process} process ({pid}) ", name(job))?;
                write_end(f, exit)
            }
            Notice::ProcessStopped { job, process, pid, signal } => {
                write!(f, "{} {process} process ({pid}) stopped by {signal} signal", name(job))
            }
            Notice::ProcessContinued { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) continued by {} signal", name(job), Signal::CONT)
            }
            Notice::Respawning { job, process } => write!(f, "{} {process} process ended, respawning", name(job)),
            Notice::RespawningTooFast { job } => write!(f, "{} respawning too fast, stopped", name(job)),
            Notice::SlowLoop { job } => {
                let often = format_args!("{LOOP_RUNS} times in a row, each time within a minute");
                write!(f, "{} main process has ended {often}; the respawn limit does not end that", name(job))
            }
            Notice::BudgetSpent { job, count, seconds } => {
                let spent = format_args!("the respawn budget of all jobs ({count} in {seconds} seconds) is spent");
                write!(f, "{} is respawned later: {spent}", name(job))
            }
            Notice::Signalling { job, process, pid, signal } => {
                write!(f, "Sending {signal} signal to {} {process} process ({pid})", name(job))
            }
            Notice::FailedToStop { job } => write!(f, "job {} failed to stop", name(job)),
            Notice::Mistaken { job, expected, saw, right, following } => {
                write!(f, "{} expected {expected}, saw {saw}", name(job))?;
                if let Some(pid) = following {
                    write!(f, ": following {pid}")?;
                }
                match (right, following) {
                    (Some(right), _) => write!(f, "; \"expect {right}\" is right"),
                    (None, Some(_)) => f.write_str("; the next launch is traced to learn which is right"),
                    (None, None) => f.write_str("; only a traced launch tells which is right"),
                }
            }
            Notice::Outlived { job, left } => write!(
                f,
                "{} failed while process {left} of its predecessor still runs; with \"kill scope job\" that ends first",
                name(job)
            ),
            Notice::NotReady { job, seconds } => write!(f, "{} was not ready within {seconds} seconds", name(job)),
            Notice::HookOverdue { job, process, pid, seconds } => {
                write!(f, "{} {process} process ({pid}) has run for more than {seconds} seconds", name(job))
            }
            Notice::WatchdogMissed { job, pid, seconds } => {
                write!(f, "{} main process ({pid}) has not said for {seconds} seconds that it is alive", name(job))
            }
            Notice::GivenUp { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) does not end, not waiting for it", name(job))
            }
            Notice::Unseen { job } => {
                let unknown = "cannot find out which of its processes live, trying again until that is known";
                write!(f, "{}: {unknown}", name(job))
            }
            Notice::NoInstance { class, why } => {
                let class = Show(self.supervisor.class_name(class));
                write!(f, "Failed to obtain {class} instance: {}", self.supervisor.refusal(why))
            }
            Notice::Full { class, limit } => {
                write!(f, "No room for {}: the limit of {limit} is reached", Show(self.supervisor.class_name(class)))
            }
        }
    }
}

/// The reason for which a process could not be made.
fn write_error(f: &mut fmt::Formatter<'_>, error: SpawnError, explain: fn(i32) -> &'static str) -> fmt::Result {
    match error {
        SpawnError { stage: SpawnStage::FindUser, code: 0 } => f.write_str("find setuid user"),
        SpawnError { stage: SpawnStage::FindGroup, code: 0 } => f.write_str("find setgid group"),
        SpawnError { stage, code } => write!(f, "{stage}: {}", explain(code)),
    }
}

/// The classes of a circle.
fn write_circle(f: &mut fmt::Formatter<'_>, supervisor: &Supervisor<'_>, class: ClassId) -> fmt::Result {
    write!(f, "{}", Show(supervisor.class_name(class)))?;
    let mut others = false;
    for member in supervisor.causes(class).skip(1).take_while(|member| *member != class) {
        write!(f, ", {}", Show(supervisor.class_name(member)))?;
        others = true;
    }
    let deed = if others { "start each other" } else { "starts itself" };
    write!(f, " {deed}, and no process lives in between: from now on each start waits up to a second")
}

/// The job and the event that would wait for each other.
fn write_wait_circle(
    f: &mut fmt::Formatter<'_>,
    supervisor: &Supervisor<'_>,
    job: JobId,
    event: EventId,
) -> fmt::Result {
    let (name, rest) = supervisor.event_name(event);
    let job = supervisor.job_name(job);
    write!(f, "{job} waits for the event {}{}", Show(name), Show(rest))?;
    if let Some(owner) = supervisor.event_owner(event) {
        write!(f, " of {}", supervisor.job_name(owner))?;
    }
    write!(f, ", which would wait for {job}: the event does not wait")
}

/// How a process exited.
fn write_end(f: &mut fmt::Formatter<'_>, exit: Exit) -> fmt::Result {
    match exit {
        Exit::Status(0) => f.write_str("exited normally"),
        Exit::Status(status) => write!(f, "terminated with status {status}"),
        Exit::Signal(number) => match Signal(number).name() {
            Some(signal) => write!(f, "killed by {signal} signal"),
            None => write!(f, "killed by signal {number}"),
        },
        Exit::Unknown => f.write_str("is gone"),
    }
}

impl Supervisor<'_> {
    /// The text of a notice, and its priority. `explain` gives the world's words for the number in a [`SpawnError`].
    pub fn message<'a>(
        &'a self,
        notice: Notice,
        explain: fn(i32) -> &'static str,
    ) -> (Priority, impl fmt::Display + 'a) {
        (notice.priority(), Words { supervisor: self, notice, explain })
    }
}
