//! Instances: how they are made, named, given a goal, and freed.

use crate::control::JobName;
use crate::effect::Effect;
use crate::ids::{ClassId, JobId};
use crate::limits::{EVENTS_PER_JOB, Full};
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::memory::index::Fnv;
use crate::memory::queue::Queue;
use crate::memory::texts::Texts;
use crate::notice::Notice;
use crate::process::Process;
use crate::records::job::{FollowState, Hold, Job, SurveyReason};
use crate::state::{Goal, State};
use crate::tables::lifecycle::Wait;
use crate::tables::respawn::Respawns;

/// The hash by which an instance is found. Most names are empty: then neighbouring classes have neighbouring chains,
/// and the memory of the others is never touched.
pub(crate) fn hash_instance(class: ClassId, name: &[u8]) -> u32 {
    let of_name = Fnv::new().with(name).value().wrapping_sub(Fnv::new().value());
    of_name.wrapping_add(class.index() as u32)
}

impl Supervisor<'_> {
    /// Sets a job's next start environment, and reserves the text that its events will need. On failure the environment
    /// is freed, and so is a job that was just made.
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

    /// The instance of a class with this name.
    pub(crate) fn find_job(&self, class: ClassId, name: &[u8]) -> Option<JobId> {
        let is_it = |job: &Job| job.class == class && self.text.get(job.name) == name;
        self.job_index.find(&self.jobs, hash_instance(class, name), is_it)
    }

    /// Makes the instance whose name is in scratch memory, and reserves everything that it will ever need.
    pub(crate) fn make_job(&mut self, class_id: ClassId) -> Result<JobId, Full> {
        let Some(class) = self.classes.get(class_id) else { return Err(Full { limit: crate::limits::Limit::Jobs }) };
        let (waiters, stop_events, last) = (class.most_waiting_events(), class.stop_events, class.last_job);
        let hash = hash_instance(class_id, self.scratch);
        let name = self.text.add(self.scratch)?;
        let stop_leaves = self.make_leaves(usize::from(stop_events)).inspect_err(|_| self.text.free(name))?;
        let made = self.reserve_for_job(waiters).and_then(|()| {
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
                unseen: 0,
                forced: false,
                killed: false,
                held: Hold::Nothing,
                retries: 0,
                told_scope: false,
                strikes: 0,
                status_text: TextHandle::EMPTY,
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
            class.instances = class.instances.saturating_add(1);
            class.first_job.get_or_insert(id);
            class.last_job = Some(id);
        }
        Ok(id)
    }

    /// Reserves a job's own events, a piece of text for each, and places for the events that may wait for the job.
    fn reserve_for_job(&mut self, waiters: usize) -> Result<(), Full> {
        self.events.reserve(EVENTS_PER_JOB)?;
        self.waiters.reserve(waiters).inspect_err(|_| self.events.unreserve(EVENTS_PER_JOB))?;
        self.text.reserve(EVENTS_PER_JOB, 0).inspect_err(|_| {
            self.events.unreserve(EVENTS_PER_JOB);
            self.waiters.unreserve(waiters);
        })
    }

    /// Frees an instance at rest. Its class may then be replaced.
    pub(crate) fn free_job(&mut self, id: JobId) {
        self.timers.disarm(&mut self.jobs, id);
        self.job_index.remove(&mut self.jobs, id);
        let Some(mut job) = self.jobs.remove(id) else { return };
        self.release_leaves(job.stop_leaves);
        self.free_leaves(job.stop_leaves);
        for text in job.texts() {
            self.text.free(*text);
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
            class.instances = class.instances.saturating_sub(1);
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

    /// Starts a job for a command or an event. One that is held back as a respawn starts now. A job with goal respawn
    /// keeps that goal: it is about to start, and goal start would lead it back to `running` without its main process.
    pub(crate) fn want_started(&mut self, id: JobId) {
        if !self.end_hold(id) && self.jobs.get(id).is_some_and(|job| job.goal == Goal::Stop) {
            self.set_goal(id, Goal::Start);
        }
    }

    /// Sets a job's goal. This moves the job at once only where it waits for the goal; elsewhere it decides the way
    /// from there.
    pub(crate) fn set_goal(&mut self, id: JobId, goal: Goal) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let from = job.goal;
        if from == goal {
            return;
        }
        job.goal = goal;
        (job.restart, job.forced) = (false, job.forced && goal == Goal::Stop);
        job.respawns.turn(goal);
        let rests = job.waiting
            && match job.state.row().wait {
                _ if self.hold_of(id) != Hold::Nothing => goal == Goal::Stop,
                _ if self.is_tried_again(id) => !self.wants_retry(id),
                Wait::Goal(awaited) => awaited == goal,
                // Readiness is not awaited when the job is not to run.
                Wait::Readiness => goal != Goal::Start,
                _ => false,
            };
        self.log(Notice::GoalChanged { job: id, from, to: goal });
        if rests {
            self.go_on(id);
        }
    }

    /// Frees a job that is at rest and is not to start.
    pub(crate) fn free_if_at_rest(&mut self, id: JobId) {
        let at_rest = |job: &Job| job.state.row().is_rest() && job.goal == Goal::Stop && !job.moving;
        if self.jobs.get(id).is_some_and(at_rest) {
            self.free_job(id);
        }
    }

    /// The class of a job.
    pub fn class_of(&self, job: JobId) -> Option<ClassId> {
        self.jobs.get(job).map(|job| job.class)
    }

    /// The instance name of a job; empty for the only instance of a class without `instance`.
    pub fn instance_name(&self, job: JobId) -> &[u8] {
        self.jobs.get(job).map_or(&[], |job| self.text.get(job.name))
    }

    /// The name of a job in messages.
    pub fn job_name(&self, job: JobId) -> JobName<'_> {
        JobName(self.class_of(job).map_or(&[], |class| self.class_name(class)), self.instance_name(job))
    }
}
