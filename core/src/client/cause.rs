//! What a job waits for, and what could end that: the answer to "why does `stop` not return?".

use crate::control;
use crate::control::Refusal;
use crate::expect::Expect;
use crate::ids::{ClassId, EventId, JobId, LeafId};
use crate::machine::Supervisor;
use crate::process::{Pid, Process};
use crate::records::job::SurveyReason;
use crate::records::waiter::{WaitQueue, WaiterKind};
use crate::state::Goal;
use crate::tables::lifecycle::Wait;
use crate::target::Target;

/// What must happen before a job goes on. Between one input's effects and the next input, [`Nothing`](WaitCause::Nothing) is a
/// mistake of the machine: such a job would wait for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WaitCause {
    /// It is on its way: it goes on before the next input is taken in.
    Step,
    /// The goal to become this one: it rests, or runs as it should.
    Goal(Goal),
    /// The world's answer that this process exists.
    Spawned(Process),
    /// The end of this process.
    Ended(Process, Pid),
    /// The main process to be ready, as `expect` says.
    Ready(Pid, Expect),
    /// The world's answer which of its processes live.
    Survivors,
    /// The event that it emitted to be finished; and who holds that up: `None` until it has been offered to every condition.
    Event(EventId, Option<Holder>),
    /// Nothing that there is.
    Nothing,
}

/// Who keeps an event from being finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Holder {
    /// A job that the event started or stopped, and that has not got there.
    Job(JobId),
    /// The `start on` of a class, which wants other events too.
    StartOn(ClassId),
    /// The `stop on` of a job, likewise.
    StopOn(JobId),
}

/// The end of a process as what is waited for.
fn ended(process: Process) -> impl FnOnce(Pid) -> WaitCause {
    move |pid| WaitCause::Ended(process, pid)
}

impl Supervisor<'_> {
    /// What a job waits for. A job that does not exist any more rests.
    pub fn cause(&self, id: JobId) -> WaitCause {
        let Some(job) = self.jobs.get(id) else { return WaitCause::Goal(Goal::Start) };
        if !job.waiting || job.moving {
            return WaitCause::Step;
        }
        let main = job.pid(Process::Main);
        let given_a_moment = job.timer.is_some() || job.survey != SurveyReason::Nothing;
        let asked = if given_a_moment { WaitCause::Survivors } else { WaitCause::Nothing };
        let Some(class) = self.classes.get(job.class) else { return WaitCause::Nothing };
        match job.state.row().wait {
            Wait::Nothing => WaitCause::Nothing,
            // A task that runs is done when its process is.
            Wait::Goal(Goal::Stop) if class.task => main.map_or(WaitCause::Goal(Goal::Stop), ended(Process::Main)),
            Wait::Goal(goal) => WaitCause::Goal(goal),
            Wait::Event => match job.blocker.filter(|&event| self.events.get(event).is_some()) {
                Some(event) => WaitCause::Event(event, self.holder(event)),
                None => WaitCause::Nothing,
            },
            Wait::Spawned(process) => WaitCause::Spawned(process),
            Wait::Readiness => main.map_or(asked, |pid| WaitCause::Ready(pid, class.expect)),
            Wait::End(process) => job.pid(process).map_or(asked, ended(process)),
        }
    }

    /// Who holds an event up: of those who do, the first job that has to get somewhere, else the first condition. Takes as
    /// long as there are waiters, classes and jobs; it is for people who ask, not for the machine.
    fn holder(&self, event: EventId) -> Option<Holder> {
        let waits = self.waiters.ids().find_map(|waiter| {
            let waiter = self.waiters.get(waiter)?;
            match (waiter.kind, waiter.place) {
                (WaiterKind::Event(it), WaitQueue::Job(job)) if it == event => Some(Holder::Job(job)),
                _ => None,
            }
        });
        let holds = |leaves: Option<LeafId>| self.leaf_events(leaves).any(|held| held == Some(event));
        let starts = || self.classes.ids().find(|&id| self.classes.get(id).is_some_and(|it| holds(it.start_leaves)));
        let stops = || self.jobs.ids().find(|&id| self.jobs.get(id).is_some_and(|it| holds(it.stop_leaves)));
        waits.or_else(|| starts().map(Holder::StartOn)).or_else(|| stops().map(Holder::StopOn))
    }

    /// What the job that a client means waits for; [`control::Cause::Goal`] where there is no instance.
    ///
    /// # Errors
    /// There is no such job, or its name cannot be told from the variables.
    pub fn explain(&mut self, target: Target<'_>) -> Result<control::Waiting<'_>, Refusal<'_>> {
        match self.resolve_job(target) {
            Ok((class, found)) => {
                let instance = found.map_or(&[][..], |job| self.instance_name(job));
                let cause = found.map_or(WaitCause::Goal(Goal::Start), |job| self.cause(job));
                Ok(control::Waiting { job: self.class_name(class), instance, cause: self.name_cause(cause) })
            }
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    fn name_cause(&self, cause: WaitCause) -> control::Cause<'_> {
        match cause {
            WaitCause::Step => control::Cause::Step,
            WaitCause::Goal(goal) => control::Cause::Goal(goal),
            WaitCause::Spawned(process) => control::Cause::Spawned(process),
            WaitCause::Ended(process, pid) => control::Cause::Ended(process, pid.get()),
            WaitCause::Ready(pid, expect) => control::Cause::Ready(pid.get(), expect),
            WaitCause::Survivors => control::Cause::Survivors,
            WaitCause::Event(event, holder) => {
                let (event, rest) = self.event_name(event);
                control::Cause::Event { event, of_failure: !rest.is_empty(), holder: self.name_holder(holder) }
            }
            WaitCause::Nothing => control::Cause::Nothing,
        }
    }

    fn name_holder(&self, holder: Option<Holder>) -> control::Holder<'_> {
        let name =
            |id: JobId| (self.class_of(id).map_or(&[][..], |class| self.class_name(class)), self.instance_name(id));
        match holder {
            None => control::Holder::Nobody,
            Some(Holder::Job(id)) => {
                let (job, instance) = name(id);
                control::Holder::Job { job, instance }
            }
            Some(Holder::StartOn(class)) => control::Holder::StartOn { job: self.class_name(class) },
            Some(Holder::StopOn(id)) => {
                let (job, instance) = name(id);
                control::Holder::StopOn { job, instance }
            }
        }
    }
}
