//! What may be asked without changing anything: names, statuses, and the words for answers and notices.

use core::fmt;

use crate::bytes::{Show, Strings};
use crate::control::{Refusal, Reply, Select, Status, Target};
use crate::effect::{Answer, Denial};
use crate::lifecycle::{Goal, State};
use crate::notice::{Notice, Priority};
use crate::process::{Exit, Process, SpawnError, Stage};
use crate::signal::Signal;
use crate::storage::{ClassId, JobId};
use crate::supervisor::Supervisor;

impl Supervisor<'_> {
    /// A job's class.
    pub fn class_of(&self, job: JobId) -> Option<ClassId> {
        self.jobs.get(job).map(|job| job.class)
    }

    /// A job's instance name; empty for the only instance of a class without `instance`.
    pub fn instance_name(&self, job: JobId) -> &[u8] {
        self.jobs.get(job).map_or(&[], |job| self.text.get(job.name))
    }

    /// One job's status (initctl(8) status). A class without `instance` has one at rest too.
    ///
    /// # Errors
    /// There is no such job, or its name cannot be told from the variables.
    pub fn status(&mut self, target: Target<'_>) -> Result<Status<'_>, Refusal<'_>> {
        match self.resolve_job(target) {
            Ok((_, Some(job))) => Ok(Status { said: self.said(job), ..self.job_status(job) }),
            Ok((class, None))
                if self.has_one_instance(class) && target.select == Select::Environment(Strings::EMPTY) =>
            {
                Ok(self.class_status(class))
            }
            Ok((class, None)) => Err(self.refusal(Denial::UnknownInstance(class))),
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    /// What a job's main process says that it is doing.
    fn said(&self, id: JobId) -> &[u8] {
        let job = self.jobs.get(id).filter(|job| job.pid(Process::Main).is_some());
        job.map_or(&[], |job| self.text.get(job.said))
    }

    fn has_one_instance(&self, class: ClassId) -> bool {
        self.classes.get(class).is_some_and(|class| class.instance.is_empty())
    }

    /// The first status of the list at or after a place, and the place after it; 0 is the first place.
    pub fn next_status(&self, from: u32) -> Option<(Status<'_>, u32)> {
        let (mut slot, mut ordinal) = ((from >> 16) as usize, from & 0xffff);
        loop {
            let id = self.classes.id_from(slot)?;
            if id.index() != slot {
                (slot, ordinal) = (id.index(), 0);
            }
            let class = self.classes.get(id)?;
            if class.is_current() {
                let here = (slot as u32) << 16 | (ordinal + 1);
                let mut job = class.first_job;
                for _ in 0..ordinal {
                    job = job.and_then(|job| self.jobs.get(job)).and_then(|job| job.after);
                }
                match job {
                    Some(job) => return Some((self.job_status(job), here)),
                    None if ordinal == 0 => return Some((self.class_status(id), here)),
                    None => {}
                }
            }
            (slot, ordinal) = (slot + 1, 0);
        }
    }

    fn class_status(&self, class: ClassId) -> Status<'_> {
        Status { job: self.class_name(class), ..Status::default() }
    }

    fn job_status(&self, id: JobId) -> Status<'_> {
        let Some(job) = self.jobs.get(id) else { return Status::default() };
        if job.state == State::Waiting && job.goal == Goal::Stop {
            return self.class_status(job.class);
        }
        let live = Process::ALL.iter().filter_map(|&process| Some((process, job.pid(process)?.get())));
        Status {
            job: self.class_name(job.class),
            instance: self.text.get(job.name),
            goal: job.goal,
            state: job.state,
            processes: live.collect(),
            said: &[],
        }
    }

    /// An answer as the client gets it.
    pub fn reply(&self, answer: Answer) -> Reply<'_> {
        match answer {
            Answer::Done => Reply::Done,
            Answer::Job(job, class) if self.jobs.get(job).is_none() => Reply::Job(self.class_status(class)),
            Answer::Job(job, _) => Reply::Job(self.job_status(job)),
            Answer::Denied(denial) => Reply::Error(self.refusal(denial)),
        }
    }

    /// A denial as the client gets it. What the request named is still in scratch memory.
    pub(crate) fn refusal(&self, denial: Denial) -> Refusal<'_> {
        let names = |id: JobId| {
            let job = self.jobs.get(id).map_or(&[][..], |job| self.class_name(job.class));
            (job, self.instance_name(id))
        };
        match denial {
            Denial::UnknownJob => Refusal::UnknownJob(self.scratch),
            Denial::UnknownInstance(_) => Refusal::UnknownInstance(self.scratch),
            Denial::UnknownParameter(class) => {
                Refusal::UnknownParameter { name: self.scratch, usage: self.usage(class) }
            }
            Denial::MismatchedBraces => Refusal::MismatchedBraces,
            Denial::ExpectedOperator => Refusal::ExpectedOperator,
            Denial::AlreadyRunning(id) => {
                let (job, instance) = names(id);
                Refusal::AlreadyRunning { job, instance }
            }
            Denial::AlreadyStopped(id) => {
                let (job, instance) = names(id);
                Refusal::AlreadyStopped { job, instance }
            }
            Denial::RestartStopped(id) => Refusal::RestartStopped(self.instance_name(id)),
            Denial::NotRunning(id) => {
                let (job, instance) = names(id);
                Refusal::NotRunning { job, instance }
            }
            Denial::NoSuchProcess => Refusal::NoSuchProcess,
            Denial::FailedToStart => Refusal::FailedToStart,
            Denial::FailedToStop => Refusal::FailedToStop,
            Denial::FailedToRestart => Refusal::FailedToRestart,
            Denial::EventFailed => Refusal::EventFailed,
            Denial::UnknownInstanceOf(class) => {
                Refusal::UnknownInstanceOf { job: self.class_name(class), instance: self.scratch }
            }
            Denial::EmptyJob => Refusal::EmptyJob,
            Denial::BadEnvironment => Refusal::BadEnvironment,
            Denial::EmptyName => Refusal::EmptyName,
            Denial::ShuttingDown => Refusal::ShuttingDown,
            Denial::Full(limit) => Refusal::Full(limit.name()),
        }
    }

    /// A notice in words, and how loud it is. `explain` gives the world's words for the number in a
    /// [`SpawnError`].
    pub fn say<'a>(&'a self, notice: Notice, explain: fn(i32) -> &'static str) -> (Priority, impl fmt::Display + 'a) {
        (notice.priority(), Words { supervisor: self, notice, explain })
    }
}

struct Words<'a, 's> {
    supervisor: &'a Supervisor<'s>,
    notice: Notice,
    explain: fn(i32) -> &'static str,
}

/// A job as messages name it: `JOB`, or `JOB (INSTANCE)`.
struct JobName<'a>(&'a [u8], &'a [u8]);

impl fmt::Display for JobName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            [] => Show(self.0).fmt(f),
            instance => write!(f, "{} ({})", Show(self.0), Show(instance)),
        }
    }
}

impl fmt::Display for Words<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |id: JobId| {
            let class = self.supervisor.class_of(id);
            JobName(class.map_or(&[], |class| self.supervisor.class_name(class)), self.supervisor.instance_name(id))
        };
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
                match error {
                    SpawnError { stage: Stage::FindUser, code: 0 } => f.write_str("find setuid user"),
                    SpawnError { stage: Stage::FindGroup, code: 0 } => f.write_str("find setgid group"),
                    SpawnError { stage, code } => write!(f, "{stage}: {}", (self.explain)(code)),
                }
            }
            Notice::ProcessBecame { job, process, old, new } => {
                write!(f, "{} {process} process ({old}) became new process ({new})", name(job))
            }
            Notice::ExecutableChanged { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) executable changed", name(job))
            }
            Notice::ProcessEnded { job, process, pid, exit, .. } => {
                write!(f, "{} {process} process ({pid}) ", name(job))?;
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
            Notice::ProcessStopped { job, process, pid, signal } => {
                write!(f, "{} {process} process ({pid}) stopped by {signal} signal", name(job))
            }
            Notice::ProcessContinued { job, process, pid } => {
                write!(f, "{} {process} process ({pid}) continued by {} signal", name(job), Signal::CONT)
            }
            Notice::Respawning { job, process } => write!(f, "{} {process} process ended, respawning", name(job)),
            Notice::RespawningTooFast { job } => write!(f, "{} respawning too fast, stopped", name(job)),
            Notice::Signalling { job, process, pid, signal } => {
                write!(f, "Sending {signal} signal to {} {process} process ({pid})", name(job))
            }
            Notice::FailedToStop { job } => write!(f, "job {} failed to stop", name(job)),
            Notice::Mistaken { job, expected, saw, right, following } => {
                write!(f, "{} expected {expected}, saw {saw}", name(job))?;
                if let Some(pid) = following {
                    write!(f, ": following {pid}")?;
                }
                write!(f, "; \"expect {right}\" is right")
            }
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
            Notice::NoInstance { class } => {
                let unknown = Show(self.supervisor.scratch);
                write!(
                    f,
                    "Failed to obtain {} instance: Unknown parameter: {unknown}",
                    Show(self.supervisor.class_name(class))
                )
            }
            Notice::Full { class, limit } => {
                write!(f, "No room for {}: the limit of {limit} is reached", Show(self.supervisor.class_name(class)))
            }
        }
    }
}
