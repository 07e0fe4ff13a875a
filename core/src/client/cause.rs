//! The cause of a job's or a client's wait, and of the wait's length: the answer to "why does `stop` not return?".

use crate::control;
use crate::control::{JobName, Refusal};
use crate::expect::Expect;
use crate::ids::{ClassId, ClientId, EventId, JobId, LeafId};
use crate::machine::Supervisor;
use crate::process::{Pid, Process};
use crate::records::job::{Hold, SurveyReason};
use crate::records::waiter::{WaitQueue, WaiterKind};
use crate::state::Goal;
use crate::tables::lifecycle::Wait;
use crate::target::Target;

/// The wait of a job. Between one input's effects and the next input, [`Nothing`](WaitCause::Nothing) is a fault of the
/// machine: such a job would wait for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WaitCause {
    /// The job is on the move: it goes on before the next input.
    Step,
    /// This goal: the job is at rest, or runs as it should.
    Goal(Goal),
    /// The goal stop: the job is a task without a process, which ends in no other way.
    Stop,
    /// The world's answer that this process exists.
    Spawned(Process),
    /// The exit of this process.
    Ended(Process, Pid),
    /// The readiness of the main process, by this `expect`.
    Ready(Pid, Expect),
    /// The world's answer to a survey.
    Survivors,
    /// The end of an event, and what blocks it: `None` until the event has been offered to every condition.
    Event(EventId, Option<Holders>),
    /// So many seconds, for `respawn delay`.
    Delay(u32),
    /// So many seconds, for `respawn retry`.
    Retry(u32),
    /// So many seconds at least, for the respawn budget of all jobs.
    Budget(u32),
    /// Nothing that exists.
    Nothing,
}

/// A thing that blocks an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Holder {
    /// A job that the event started or stopped, and that has not reached its goal.
    Job(JobId),
    /// The `start on` of a class that waits for other events too.
    StartOn(ClassId),
    /// The `stop on` of a job that waits for other events too.
    StopOn(JobId),
}

/// The things that block an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Holders {
    /// The first of them, or the first job among them that waits for an event itself: a chain of waits leads on there.
    pub first: Holder,
    /// The number of the others.
    pub others: u32,
}

/// Makes the wait for a process's exit.
fn ended(process: Process) -> impl FnOnce(Pid) -> WaitCause {
    move |pid| WaitCause::Ended(process, pid)
}

impl Supervisor<'_> {
    /// The wait of a job. A job that does not exist any more is at rest.
    pub fn cause(&self, id: JobId) -> WaitCause {
        let Some(job) = self.jobs.get(id) else { return WaitCause::Goal(Goal::Start) };
        if !job.waiting || job.moving {
            return WaitCause::Step;
        }
        if self.is_respawn_held(id) {
            let left = self.timers.due(&self.jobs, id).map_or(0, |at| at.0.saturating_sub(self.now.0).div_ceil(1000));
            let left = u32::try_from(left).unwrap_or(u32::MAX);
            return match self.hold_of(id) {
                Hold::Retry => WaitCause::Retry(left),
                Hold::Budget => WaitCause::Budget(left),
                _ => WaitCause::Delay(left),
            };
        }
        let main = job.pid(Process::Main);
        let given_a_moment = job.timer.is_some() || job.survey != SurveyReason::Nothing;
        let asked_or = |other| if given_a_moment { WaitCause::Survivors } else { other };
        let asked = asked_or(WaitCause::Nothing);
        let Some(class) = self.classes.get(job.class) else { return WaitCause::Nothing };
        match job.state.row().wait {
            Wait::Nothing => WaitCause::Nothing,
            // A running task is done when its process exits.
            Wait::Goal(Goal::Stop) if class.task => main.map_or(asked_or(WaitCause::Stop), ended(Process::Main)),
            Wait::Goal(goal) => WaitCause::Goal(goal),
            Wait::Event => match self.awaited_event(id) {
                Some(event) => WaitCause::Event(event, self.holders(event)),
                None => WaitCause::Nothing,
            },
            Wait::Spawned(process) => WaitCause::Spawned(process),
            Wait::Readiness => main.map_or(asked, |pid| WaitCause::Ready(pid, self.expects(id))),
            Wait::End(process) => job.pid(process).map_or(asked, ended(process)),
        }
    }

    /// The event that a job waits for in its present state.
    fn awaited_event(&self, id: JobId) -> Option<EventId> {
        let job = self.jobs.get(id).filter(|job| matches!(job.state.row().wait, Wait::Event))?;
        job.blocker.filter(|&event| self.events.get(event).is_some())
    }

    /// The things that block an event: jobs that have not reached their goal, and conditions. This takes time in
    /// proportion to the waiters, classes and jobs; it is meant for requests of people.
    fn holders(&self, event: EventId) -> Option<Holders> {
        let jobs = self.waiters.ids().filter_map(|waiter| {
            let waiter = self.waiters.get(waiter)?;
            match (waiter.kind, waiter.place) {
                (WaiterKind::Event(it), WaitQueue::Job(job)) if it == event => Some(Holder::Job(job)),
                _ => None,
            }
        });
        let holds = |leaves: Option<LeafId>| self.leaf_events(leaves).any(|held| held == Some(event));
        let starts = self.classes.ids().filter(|&id| self.classes.get(id).is_some_and(|it| holds(it.start_leaves)));
        let stops = self.jobs.ids().filter(|&id| self.jobs.get(id).is_some_and(|it| holds(it.stop_leaves)));
        let all = jobs.chain(starts.map(Holder::StartOn)).chain(stops.map(Holder::StopOn));
        // The search ends with the last blocker: usually there is one.
        let blockers = self.events.get(event)?.blockers;
        let all = all.take(usize::try_from(blockers).unwrap_or(usize::MAX));
        let mut found: u32 = 0;
        let first = all.inspect(|_| found = found.saturating_add(1)).min_by_key(|&holder| match holder {
            Holder::Job(job) => self.awaited_event(job).is_none(),
            Holder::StartOn(_) | Holder::StopOn(_) => true,
        })?;
        Some(Holders { first, others: found.saturating_sub(1) })
    }

    /// The wait of a client: that of the job, or that for the event, on which its reply depends. `None` if the client
    /// waits for nothing, or its reply is on the way.
    pub fn explain_client(&self, client: ClientId) -> Option<control::Waiting<'_>> {
        let (job, cause) = match self.waiters.get(self.waiter_of(client)?)?.place {
            WaitQueue::Job(job) => (Some(self.job_name(job)), self.cause(job)),
            WaitQueue::Event(event) => (None, WaitCause::Event(event, self.holders(event))),
            WaitQueue::Answers | WaitQueue::LastAnswers => return None,
        };
        let cause = self.name_cause(cause);
        cause.is_a_wait().then_some(control::Waiting { job, cause })
    }

    /// The wait of the job that a client asks about; [`control::Cause::Goal`] if there is no instance.
    ///
    /// # Errors
    /// There is no such job, or the variables do not give its name.
    pub fn explain(&mut self, target: Target<'_>) -> Result<control::Waiting<'_>, Refusal<'_>> {
        match self.resolve_job(target) {
            Ok((class, found)) => {
                let instance = found.map_or(&[][..], |job| self.instance_name(job));
                let cause = found.map_or(WaitCause::Goal(Goal::Start), |job| self.cause(job));
                Ok(control::Waiting {
                    job: Some(JobName(self.class_name(class), instance)),
                    cause: self.name_cause(cause),
                })
            }
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    pub(super) fn name_cause(&self, cause: WaitCause) -> control::Cause<'_> {
        match cause {
            WaitCause::Step => control::Cause::Step,
            WaitCause::Goal(goal) => control::Cause::Goal(goal),
            WaitCause::Stop => control::Cause::Stop,
            WaitCause::Spawned(process) => control::Cause::Spawned(process),
            WaitCause::Ended(process, pid) => control::Cause::Ended(process, pid.get()),
            WaitCause::Ready(pid, expect) => control::Cause::Ready(pid.get(), expect),
            WaitCause::Survivors => control::Cause::Survivors,
            WaitCause::Event(event, holders) => {
                let (event, rest) = self.event_name(event);
                let holder = holders.map_or(control::Holder::Unknown, |it| self.name_holder(it.first));
                let others = holders.map_or(0, |it| it.others);
                control::Cause::Event { event, of_failure: !rest.is_empty(), holder, others }
            }
            WaitCause::Delay(seconds) => control::Cause::Delay(seconds),
            WaitCause::Retry(seconds) => control::Cause::Retry(seconds),
            WaitCause::Budget(seconds) => control::Cause::Budget(seconds),
            WaitCause::Nothing => control::Cause::Nothing,
        }
    }

    fn name_holder(&self, holder: Holder) -> control::Holder<'_> {
        match holder {
            Holder::Job(id) => {
                let JobName(job, instance) = self.job_name(id);
                control::Holder::Job { job, instance }
            }
            Holder::StartOn(class) => control::Holder::StartOn { job: self.class_name(class) },
            Holder::StopOn(id) => {
                let JobName(job, instance) = self.job_name(id);
                control::Holder::StopOn { job, instance }
            }
        }
    }
}
