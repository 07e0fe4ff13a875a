//! The commands of clients: start, stop, restart, reload, emit (initctl(8)).

use crate::answer::{Answer, Denial};
use crate::bytes::{Strings, split_variable};
use crate::class::instance::Expansion;
use crate::effect::{Effect, Scope};
use crate::ids::{ClassId, ClientId, JobId, WaiterId};
use crate::input::JobCommand;
use crate::job::waiters::WaitResult;
use crate::limits::Limit;
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::process::Process;
use crate::records::waiter::{WaitQueue, Waiter, WaiterKind};
use crate::state::Goal;
use crate::target::{Select, Target};

/// Checks that a list is well-formed, and that every entry is `KEY=VALUE`.
fn check_environment(environment: Strings<'_>) -> Result<(), Denial> {
    let good = environment.is_well_formed() && environment.iter().all(|entry| split_variable(entry).1.is_some());
    if good { Ok(()) } else { Err(Denial::BadEnvironment) }
}

impl Supervisor<'_> {
    /// Carries out a client's command, and replies: at once, when everything that follows at once is done, or when the
    /// goal is reached.
    pub(crate) fn command(&mut self, client: ClientId, command: JobCommand, target: Target<'_>, wait: bool) {
        let deed = match command {
            JobCommand::Start => Self::start,
            JobCommand::Stop | JobCommand::Force => Self::stop,
            JobCommand::Restart => Self::restart,
            JobCommand::Reload => return self.reload(client, target),
        };
        // The place of a waiting client is reserved before anything is changed.
        let places = usize::from(wait);
        let done =
            self.waiters.reserve(places).map_err(Denial::from).and_then(|()| {
                deed(self, client, command, target, wait).inspect_err(|_| self.waiters.unreserve(places))
            });
        if let Ok(job) = done {
            self.leave_circle_of(job);
        }
        match done {
            Ok(job) if !wait => {
                if let Some(class) = self.class_of(job) {
                    self.answer_last(client, Answer::Job(job, class));
                }
            }
            Ok(_) => {}
            Err(denial) => self.order(Effect::Reply { client, answer: Answer::Denied(denial) }),
        }
    }

    /// Emits an event for a client.
    pub(crate) fn emit_for(&mut self, client: Option<ClientId>, event: &[u8], environment: Strings<'_>, wait: bool) {
        let checked = if event.is_empty() { Err(Denial::EmptyName) } else { check_environment(environment) };
        let emitted = checked.and_then(|()| Ok(self.emit(event, environment, client.filter(|_| wait))?));
        match (client, emitted) {
            (Some(client), Err(denial)) => self.order(Effect::Reply { client, answer: Answer::Denied(denial) }),
            (Some(client), Ok(())) if !wait => self.answer_last(client, Answer::Done),
            _ => {}
        }
    }

    /// The class of a target; the instance's name is copied to scratch memory.
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    fn resolve(&mut self, target: Target<'_>) -> Result<ClassId, Denial> {
        if target.job.is_empty() {
            return Err(Denial::EmptyName);
        }
        let Some(class) = self.find_class(target.job) else {
            self.scratch.clear();
            self.scratch.extend_from_slice(target.job).map_err(|_| Denial::Full(Limit::Text))?;
            return Err(Denial::UnknownJob);
        };
        match target.select {
            Select::Environment(environment) => {
                check_environment(environment)?;
                let mut expansion = Expansion::new();
                self.expand_instance(class, environment, &mut expansion);
                self.note_instance(&expansion)?;
            }
            Select::Name(name) => {
                self.scratch.clear();
                self.scratch.extend_from_slice(name).map_err(|_| Denial::Full(Limit::InstanceName))?;
            }
        }
        Ok(class)
    }

    /// The instance of a target.
    pub(crate) fn resolve_job(&mut self, target: Target<'_>) -> Result<(ClassId, Option<JobId>), Denial> {
        let class = self.resolve(target)?;
        Ok((class, self.find_job(class, self.scratch)))
    }

    /// Releases the waiters for the last goal, and lets the client wait for the new one.
    fn wait_instead(&mut self, id: JobId, client: ClientId, command: JobCommand, wait: bool) {
        self.answer_waiters(id, WaitResult::Released);
        if wait {
            self.waiters.unreserve(1);
            if let Err(full) = self.wait_for_job(id, WaiterKind::Client(client, command)) {
                self.order(Effect::Reply { client, answer: Answer::Denied(full.into()) });
            }
        }
    }

    fn start(
        &mut self,
        client: ClientId,
        command: JobCommand,
        target: Target<'_>,
        wait: bool,
    ) -> Result<JobId, Denial> {
        let (class, found) = self.resolve_job(target)?;
        let is_started =
            |&job: &JobId| self.jobs.get(job).is_some_and(|job| job.goal == Goal::Start) && !self.is_respawn_held(job);
        if let Some(job) = found.filter(is_started) {
            return Err(Denial::AlreadyRunning(job));
        }
        if self.globals.shutdown.refuses_starts() {
            return Err(Denial::ShuttingDown);
        }
        let job = match (found, target.select) {
            (Some(job), Select::Name(_)) => job,
            (None, Select::Name(_)) => return Err(Denial::UnknownInstance(class)),
            (_, Select::Environment(environment)) => {
                if found.is_none() {
                    self.check_instances(class)?;
                }
                let environment = self.text.add(environment.0)?;
                let job = match found {
                    Some(job) => job,
                    None => self.make_job(class).inspect_err(|_| self.text.free(environment))?,
                };
                self.prepare_start(job, environment)?;
                job
            }
        };
        self.wait_instead(job, client, command, wait);
        self.want_started(job);
        Ok(job)
    }

    fn stop(&mut self, client: ClientId, command: JobCommand, target: Target<'_>, wait: bool) -> Result<JobId, Denial> {
        let (class, found) = self.resolve_job(target)?;
        let job = found.ok_or(Denial::UnknownInstance(class))?;
        let forced = command == JobCommand::Force;
        if let Some(job) = self.jobs.get_mut(job) {
            job.respawns.set_retried(false);
        }
        // A job that is stopping can still be forced to.
        if !forced && self.jobs.get(job).is_some_and(|job| job.goal == Goal::Stop) {
            return Err(Denial::AlreadyStopped(job));
        }
        if let Select::Environment(environment) = target.select {
            let environment = self.text.add(environment.0)?;
            if let Some(job) = self.jobs.get_mut(job) {
                self.text.replace(&mut job.stop_environment, environment);
            }
        }
        self.wait_instead(job, client, command, wait);
        if forced {
            self.force(job);
        } else {
            self.set_goal(job, Goal::Stop);
        }
        Ok(job)
    }

    fn restart(
        &mut self,
        client: ClientId,
        command: JobCommand,
        target: Target<'_>,
        wait: bool,
    ) -> Result<JobId, Denial> {
        let (class, found) = self.resolve_job(target)?;
        let id = found.ok_or(Denial::UnknownInstance(class))?;
        if self.jobs.get(id).is_some_and(|job| job.goal == Goal::Stop) {
            return Err(match target.select {
                Select::Environment(_) => Denial::RestartStopped(id),
                Select::Name(_) => Denial::AlreadyStopped(id),
            });
        }
        if let Select::Environment(environment) = target.select {
            let environment = self.text.add(environment.0)?;
            self.prepare_start(id, environment)?;
        }
        self.wait_instead(id, client, command, wait);
        // A job with goal respawn is restarted by that, and one that is held back as a respawn by its start.
        if !self.end_hold(id) && self.jobs.get(id).is_some_and(|job| job.goal == Goal::Start) {
            if let Some(job) = self.jobs.get_mut(id) {
                self.text.replace(&mut job.stop_environment, TextHandle::EMPTY);
            }
            self.set_goal(id, Goal::Stop);
            if let Some(job) = self.jobs.get_mut(id) {
                job.restart = true;
            }
            self.keep_moving(id);
        }
        Ok(id)
    }

    fn reload(&mut self, client: ClientId, target: Target<'_>) {
        let found = self.resolve_job(target).and_then(|(class, job)| job.ok_or(Denial::UnknownInstance(class)));
        let ready = found.and_then(|id| {
            let job = self.jobs.get(id);
            let pid = job.and_then(|job| job.pid(Process::Main)).ok_or(Denial::NotRunning(id))?;
            let class = job.and_then(|job| self.classes.get(job.class)).ok_or(Denial::NotRunning(id))?;
            Ok((pid, class.reload_signal))
        });
        match ready {
            Ok((pid, signal)) => {
                self.order(Effect::Signal { pid, signal, scope: Scope::Process });
                self.globals.reloading = Some((client, pid));
            }
            Err(denial) => self.order(Effect::Reply { client, answer: Answer::Denied(denial) }),
        }
    }

    /// The place of a client that waits.
    pub(crate) fn waiter_of(&self, client: ClientId) -> Option<WaiterId> {
        let is_it = |waiter: &Waiter| matches!(waiter.kind, WaiterKind::Client(it, _) | WaiterKind::Emitter(it) | WaiterKind::Answered(it, _) if it == client);
        self.waiters.ids().find(|&id| self.waiters.get(id).is_some_and(is_it))
    }

    /// Removes a client that has disconnected from its queue.
    pub(crate) fn forget_client(&mut self, client: ClientId) {
        let Some(id) = self.waiter_of(client) else { return };
        let Some(place) = self.waiters.get(id).map(|waiter| waiter.place) else { return };
        let queue = match place {
            WaitQueue::Job(job) => self.jobs.get_mut(job).map(|job| &mut job.waiters),
            WaitQueue::Event(event) => self.events.get_mut(event).map(|event| &mut event.waiters),
            WaitQueue::Answers => Some(&mut self.globals.answers),
            WaitQueue::LastAnswers => Some(&mut self.globals.last_answers),
        };
        if let Some(queue) = queue {
            queue.remove(&mut self.waiters, id);
        }
        self.waiters.remove(id);
    }
}
