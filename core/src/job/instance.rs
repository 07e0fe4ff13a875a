//! Instances: how they are made, named, given a goal, and let go.

use crate::control::JobName;
use crate::effect::Effect;
use crate::ids::{ClassId, JobId};
use crate::limits::{EVENTS_PER_JOB, Full};
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::memory::index::Fnv;
use crate::memory::queue::Queue;
use crate::notice::Notice;
use crate::process::Process;
use crate::records::job::{FollowState, Job, SurveyReason};
use crate::state::{Goal, State};
use crate::tables::lifecycle::Wait;
use crate::tables::respawn::Respawns;

fn hash_instance(class: ClassId, name: &[u8]) -> u32 {
    Fnv::new().with(&(class.index() as u32).to_le_bytes()).with(name).value()
}

impl Supervisor<'_> {
    /// Gives a job its next start environment, and sets aside the text that its events will then need. On failure the
    /// environment is freed, and so is a job that had just been made.
    pub(crate) fn prepare_start(&mut self, id: JobId, environment: TextHandle) -> Result<(), Full> {
        if let Err(full) = self.reserve_event_text(id, environment) {
            self.text.free(environment);
            self.free_if_at_rest(id);
            return Err(full);
        }
        if let Some(job) = self.jobs.get_mut(id)
            && let Some(old) = job.next_environment.replace(environment)
        {
            self.text.free(old);
        }
        Ok(())
    }

    /// The instance of a class that has this name.
    pub(crate) fn find_job(&self, class: ClassId, name: &[u8]) -> Option<JobId> {
        let is_it = |job: &Job| job.class == class && self.text.get(job.name) == name;
        self.job_index.find(&self.jobs, hash_instance(class, name), is_it)
    }

    /// Makes the instance whose name is in scratch memory, with everything set aside that it will ever need.
    pub(crate) fn make_job(&mut self, class_id: ClassId) -> Result<JobId, Full> {
        let Some(class) = self.classes.get(class_id) else { return Err(Full { limit: crate::limits::Limit::Jobs }) };
        let (waiters, stop_events, last) = (class.most_waiting_events(), class.stop_events, class.last_job);
        let hash = hash_instance(class_id, self.scratch);
        let name = self.text.add(self.scratch)?;
        let stop_leaves = self.make_leaves(usize::from(stop_events)).inspect_err(|_| self.text.free(name))?;
        let made = self.set_aside(waiters).and_then(|()| {
            let job = Job {
                class: class_id,
                name,
                hash,
                chain: None,
                before: last,
                after: None,
                link: None,
                moving: false,
                goal: Goal::Stop,
                state: State::REST,
                waiting: true,
                restart: false,
                environment: TextHandle::EMPTY,
                next_environment: None,
                stop_environment: TextHandle::EMPTY,
                stop_leaves,
                blocker: None,
                waiters: Queue::new(),
                failure: None,
                pids: [None; Process::COUNT],
                follow: FollowState::default(),
                survey: SurveyReason::Nothing,
                forced: false,
                killed: false,
                strikes: 0,
                said: TextHandle::EMPTY,
                respawns: Respawns::default(),
                timer: None,
                events_left: EVENTS_PER_JOB as u8,
                event_text: 0,
                text_reserved: 0,
                waiters_left: waiters as u8,
            };
            self.jobs.insert(job).inspect_err(|_| {
                self.events.unreserve(EVENTS_PER_JOB);
                self.waiters.unreserve(waiters);
                self.text.unreserve(EVENTS_PER_JOB, 0);
            })
        });
        let id = made.inspect_err(|_| {
            self.text.free(name);
            self.free_leaves(stop_leaves);
        })?;
        self.job_index.insert(&mut self.jobs, id);
        if let Some(last) = last.and_then(|last| self.jobs.get_mut(last)) {
            last.after = Some(id);
        }
        if let Some(class) = self.classes.get_mut(class_id) {
            class.first_job.get_or_insert(id);
            class.last_job = Some(id);
        }
        Ok(id)
    }

    /// Sets room aside for a job's own events, a piece of text for each, and those that may wait for it.
    fn set_aside(&mut self, waiters: usize) -> Result<(), Full> {
        self.events.reserve(EVENTS_PER_JOB)?;
        self.waiters.reserve(waiters).inspect_err(|_| self.events.unreserve(EVENTS_PER_JOB))?;
        self.text.reserve(EVENTS_PER_JOB, 0).inspect_err(|_| {
            self.events.unreserve(EVENTS_PER_JOB);
            self.waiters.unreserve(waiters);
        })
    }

    /// Lets an instance go that rests; its class may then be superseded.
    pub(crate) fn free_job(&mut self, id: JobId) {
        self.timers.disarm(&mut self.jobs, id);
        self.job_index.remove(&mut self.jobs, id);
        let Some(job) = self.jobs.remove(id) else { return };
        self.release_leaves(job.stop_leaves);
        self.free_leaves(job.stop_leaves);
        for text in
            [job.name, job.environment, job.next_environment.unwrap_or_default(), job.stop_environment, job.said]
        {
            self.text.free(text);
        }
        self.events.unreserve(usize::from(job.events_left));
        self.text.unreserve(usize::from(job.events_left), job.text_reserved as usize);
        self.waiters.unreserve(usize::from(job.waiters_left));
        if let Some(before) = job.before.and_then(|before| self.jobs.get_mut(before)) {
            before.after = job.after;
        }
        if let Some(after) = job.after.and_then(|after| self.jobs.get_mut(after)) {
            after.before = job.before;
        }
        if let Some(class) = self.classes.get_mut(job.class) {
            if class.first_job == Some(id) {
                class.first_job = job.after;
            }
            if class.last_job == Some(id) {
                class.last_job = job.before;
            }
        }
        self.order(Effect::Rested { job: id });
        self.supersede_soon(job.class);
    }

    /// A command or event wants the job started. One that is to run anew is started by that: its goal stays, since goal
    /// start would lead it back to `running` without its main process.
    pub(crate) fn want_started(&mut self, id: JobId) {
        if self.jobs.get(id).is_some_and(|job| job.goal == Goal::Stop) {
            self.set_goal(id, Goal::Start);
        }
    }

    /// Gives a job a goal. That moves it at once only where it rests; elsewhere it decides which way the job goes next.
    pub(crate) fn set_goal(&mut self, id: JobId, goal: Goal) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let from = job.goal;
        if from == goal {
            return;
        }
        job.goal = goal;
        (job.restart, job.forced) = (false, job.forced && goal == Goal::Stop);
        let rests = job.waiting
            && match job.state.row().wait {
                Wait::Goal(awaited) => awaited == goal,
                // Nobody waits for what is not wanted any more.
                Wait::Readiness => goal != Goal::Start,
                _ => false,
            };
        self.log(Notice::GoalChanged { job: id, from, to: goal });
        if rests {
            self.go_on(id);
        }
    }

    /// Lets a job go that rests and is not to start.
    pub(crate) fn free_if_at_rest(&mut self, id: JobId) {
        let at_rest = |job: &Job| job.state.row().is_rest() && job.goal == Goal::Stop && !job.moving;
        if self.jobs.get(id).is_some_and(at_rest) {
            self.free_job(id);
        }
    }

    /// A job's class.
    pub fn class_of(&self, job: JobId) -> Option<ClassId> {
        self.jobs.get(job).map(|job| job.class)
    }

    /// A job's instance name; empty for the only instance of a class without `instance`.
    pub fn instance_name(&self, job: JobId) -> &[u8] {
        self.jobs.get(job).map_or(&[], |job| self.text.get(job.name))
    }

    /// A job as messages name it.
    pub fn job_name(&self, job: JobId) -> JobName<'_> {
        JobName(self.class_of(job).map_or(&[], |class| self.class_name(class)), self.instance_name(job))
    }
}
