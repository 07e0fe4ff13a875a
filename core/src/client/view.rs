//! Statuses, and replies in names: what can be read without changing anything.

use crate::answer::{Answer, Denial};
use crate::bytes::Strings;
use crate::control::{JobName, Refusal, Reply, Status};
use crate::ids::{ClassId, JobId};
use crate::machine::Supervisor;
use crate::process::Process;
use crate::records::class::Class;
use crate::state::Goal;
use crate::target::{Select, Target};

impl Supervisor<'_> {
    /// Every job that is not at rest, by its slot.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.jobs.ids()
    }

    /// The status of one job (initctl(8) status). Without variables, an instance that does not run has one at rest too.
    ///
    /// # Errors
    /// There is no such job, or the variables do not give its name.
    pub fn status(&mut self, target: Target<'_>) -> Result<Status<'_>, Refusal<'_>> {
        match self.asked_about(target) {
            Ok((_, Some(job))) => Ok(Status { status_text: self.status_text(job), ..self.job_status(job) }),
            Ok((class, None)) => Ok(self.class_status(class)),
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    /// The class and the instance of a target. Without variables the instance may be at rest.
    pub(super) fn asked_about(&mut self, target: Target<'_>) -> Result<(ClassId, Option<JobId>), Denial> {
        match self.resolve_job(target)? {
            (class, None) if target.select != Select::Environment(Strings::EMPTY) => {
                Err(Denial::UnknownInstance(class))
            }
            found => Ok(found),
        }
    }

    /// The status text of a job's main process.
    fn status_text(&self, id: JobId) -> &[u8] {
        let job = self.jobs.get(id).filter(|job| job.pid(Process::Main).is_some());
        job.map_or(&[], |job| self.text.get(job.status_text))
    }

    /// The statuses of the list from a place on, each with the place after it; 0 is the first place. An instance is
    /// found by the number of earlier instances of its class, so while a list is fetched page by page, the end of one
    /// instance moves the later ones up.
    pub fn statuses(&self, from: u32) -> impl Iterator<Item = (Status<'_>, u32)> {
        let (mut slot, mut ordinal) = ((from >> 16) as usize, from & 0xffff);
        // The instance at that place, if it is known without counting.
        let mut known: Option<Option<JobId>> = None;
        core::iter::from_fn(move || {
            loop {
                let id = self.classes.id_from(slot)?;
                if id.index() != slot {
                    (slot, ordinal, known) = (id.index(), 0, None);
                }
                let class = self.classes.get(id)?;
                let job = known.take().unwrap_or_else(|| self.instances(class).nth(ordinal as usize));
                let status = match job {
                    Some(job) => Some(self.job_status(job)),
                    None => (ordinal == 0).then(|| self.class_status(id)),
                };
                if let Some(status) = status.filter(|_| class.is_current()) {
                    ordinal = ordinal.saturating_add(1);
                    known = Some(job.and_then(|job| self.jobs.get(job)?.after));
                    return Some((status, (slot as u32) << 16 | ordinal));
                }
                (slot, ordinal, known) = (slot.saturating_add(1), 0, None);
            }
        })
    }

    /// A class's instances, in the order in which they were made.
    fn instances(&self, class: &Class) -> impl Iterator<Item = JobId> {
        core::iter::successors(class.first_job, |&job| self.jobs.get(job)?.after)
    }

    pub(super) fn class_status(&self, class: ClassId) -> Status<'_> {
        Status { job: self.class_name(class), ..Status::default() }
    }

    pub(super) fn job_status(&self, id: JobId) -> Status<'_> {
        let Some(job) = self.jobs.get(id) else { return Status::default() };
        if job.state.row().is_rest() && job.goal == Goal::Stop {
            return self.class_status(job.class);
        }
        let live = Process::ALL.iter().filter_map(|&process| Some((process, job.pid(process)?.get())));
        let mut processes = heapless::Vec::new();
        for process in live {
            // There is room for every kind.
            let _fits = processes.push(process);
        }
        Status {
            job: self.class_name(job.class),
            instance: self.text.get(job.name),
            goal: job.goal,
            state: job.state,
            processes,
            status_text: &[],
        }
    }

    /// An answer in the form of the control protocol.
    pub fn reply(&self, answer: Answer) -> Reply<'_> {
        match answer {
            Answer::Done => Reply::Done,
            Answer::Job(job, class) if self.jobs.get(job).is_none() => Reply::Job(self.class_status(class)),
            Answer::Job(job, _) => Reply::Job(self.job_status(job)),
            Answer::Denied(denial) => Reply::Error(self.refusal(denial)),
        }
    }

    /// A denial in the form of the control protocol. Names from the request are still in scratch memory.
    pub(crate) fn refusal(&self, denial: Denial) -> Refusal<'_> {
        match denial {
            Denial::UnknownJob => Refusal::UnknownJob(self.scratch),
            Denial::UnknownInstance(_) => Refusal::UnknownInstance(self.scratch),
            Denial::TooManyInstances(class) => {
                let limit = self.classes.get(class).map_or(0, |class| class.most_instances);
                Refusal::TooManyInstances { job: self.class_name(class), limit }
            }
            Denial::UnknownParameter(class) => {
                Refusal::UnknownParameter { name: self.scratch, usage: self.usage(class) }
            }
            Denial::MismatchedBraces => Refusal::MismatchedBraces,
            Denial::ExpectedOperator => Refusal::ExpectedOperator,
            Denial::AlreadyRunning(id) => {
                let JobName(job, instance) = self.job_name(id);
                Refusal::AlreadyRunning { job, instance }
            }
            Denial::AlreadyStopped(id) => {
                let JobName(job, instance) = self.job_name(id);
                Refusal::AlreadyStopped { job, instance }
            }
            Denial::RestartStopped(id) => Refusal::RestartStopped(self.instance_name(id)),
            Denial::NotRunning(id) => {
                let JobName(job, instance) = self.job_name(id);
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
}
