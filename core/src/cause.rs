//! What a job waits for, and who could end that: the answer to "why does `stop` not return?".

use crate::adopt::Inquiry;
use crate::condition::LeafId;
use crate::conf::stanza::Expect;
use crate::control::{self, Refusal, Target};
use crate::lifecycle::{Goal, Wait};
use crate::process::{Pid, Process};
use crate::storage::{ClassId, EventId, JobId};
use crate::supervisor::Supervisor;
use crate::waiter::{Place, Who};

/// What must happen before a job goes on. Between one input's effects and the next input, [`Nothing`](Cause::Nothing) is a
/// mistake of the machine: such a job would wait for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Cause {
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

impl Supervisor<'_> {
    /// Every job that is not at rest, by its place in the store.
    pub fn jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.jobs.ids()
    }

    /// What a job waits for. A job that does not exist any more rests.
    pub fn cause(&self, id: JobId) -> Cause {
        let Some(job) = self.jobs.get(id) else { return Cause::Goal(Goal::Start) };
        if !job.waiting || job.moving {
            return Cause::Step;
        }
        let main = job.pid(Process::Main);
        let given_a_moment = job.timer.is_some() || job.inquiry != Inquiry::Nothing;
        let asked = if given_a_moment { Cause::Survivors } else { Cause::Nothing };
        let Some(class) = self.classes.get(job.class) else { return Cause::Nothing };
        match job.state.row().wait {
            Wait::Nothing => Cause::Nothing,
            // A task that runs is done when its process is.
            Wait::Goal(Goal::Stop) if class.task => main.map_or(Cause::Goal(Goal::Stop), ended(Process::Main)),
            Wait::Goal(goal) => Cause::Goal(goal),
            Wait::Event => match job.blocker.filter(|&event| self.events.get(event).is_some()) {
                Some(event) => Cause::Event(event, self.holder(event)),
                None => Cause::Nothing,
            },
            Wait::Spawned(process) => Cause::Spawned(process),
            Wait::Readiness => main.map_or(asked, |pid| Cause::Ready(pid, class.expect)),
            Wait::End(process) => job.pid(process).map_or(asked, ended(process)),
        }
    }

    /// Who holds an event up: of those who do, the first job that has to get somewhere, else the first condition. Takes as
    /// long as there are waiters, classes and jobs; it is for people who ask, not for the machine.
    fn holder(&self, event: EventId) -> Option<Holder> {
        let waits = self.waiters.ids().find_map(|waiter| {
            let waiter = self.waiters.get(waiter)?;
            match (waiter.who, waiter.place) {
                (Who::Event(it), Place::Job(job)) if it == event => Some(Holder::Job(job)),
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
                let cause = found.map_or(Cause::Goal(Goal::Start), |job| self.cause(job));
                Ok(control::Waiting { job: self.class_name(class), instance, cause: self.name_cause(cause) })
            }
            Err(denial) => Err(self.refusal(denial)),
        }
    }

    fn name_cause(&self, cause: Cause) -> control::Cause<'_> {
        match cause {
            Cause::Step => control::Cause::Step,
            Cause::Goal(goal) => control::Cause::Goal(goal),
            Cause::Spawned(process) => control::Cause::Spawned(process),
            Cause::Ended(process, pid) => control::Cause::Ended(process, pid.get()),
            Cause::Ready(pid, expect) => control::Cause::Ready(pid.get(), expect),
            Cause::Survivors => control::Cause::Survivors,
            Cause::Event(event, holder) => {
                let (event, rest) = self.event_name(event);
                control::Cause::Event { event, of_failure: !rest.is_empty(), holder: self.name_holder(holder) }
            }
            Cause::Nothing => control::Cause::Nothing,
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

/// The end of a process as what is waited for.
fn ended(process: Process) -> impl FnOnce(Pid) -> Cause {
    move |pid| Cause::Ended(process, pid)
}
