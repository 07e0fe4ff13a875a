//! Jobs: the instances of a class, and how they come, change and go.

use crate::adopt::{Inquiry, Look};
use crate::condition::LeafId;
use crate::conf::stanza::Expect;
use crate::effect::{Effect, Launch};
use crate::exit::{self, Meaning, Verdict};
use crate::follow::Stage;
use crate::following::Following;
use crate::index::{Fnv, Indexed};
use crate::lifecycle::{Goal, State, Wait};
use crate::limits::{EVENTS_PER_JOB, Full};
use crate::notice::Notice;
use crate::process::{Exit, Pid, Process, SpawnError};
use crate::queue::{Linked, Queue};
use crate::respawn::Respawns;
use crate::storage::{ClassId, EventId, JobId};
use crate::supervisor::Supervisor;
use crate::text::Text;
use crate::timers::Alarm;
use crate::waiter::{Outcome, Waiter};

/// One instance of a class, from its first goal start until it rests again.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Job {
    pub(crate) class: ClassId,
    pub(crate) name: Text,
    pub(crate) hash: u32,
    pub(crate) chain: Option<JobId>,
    pub(crate) before: Option<JobId>,
    pub(crate) after: Option<JobId>,
    /// Behind it in the queue of jobs on the move.
    pub(crate) link: Option<JobId>,
    pub(crate) moving: bool,
    pub(crate) goal: Goal,
    pub(crate) state: State,
    /// Whether it waits for what its state's row says.
    pub(crate) waiting: bool,
    /// Goal start is to follow when the way that goal stop opened has come to a wait (`restart`).
    pub(crate) restart: bool,
    /// What the command or the events that started it gave it.
    pub(crate) environment: Text,
    /// What takes its place in `starting`.
    pub(crate) next_environment: Option<Text>,
    /// What the command or the events that stopped it gave it.
    pub(crate) stop_environment: Text,
    pub(crate) stop_leaves: Option<LeafId>,
    /// The event that it waits for.
    pub(crate) blocker: Option<EventId>,
    /// Who waits for it.
    pub(crate) waiters: Queue<Waiter>,
    pub(crate) failure: Option<Failure>,
    pub(crate) pids: [Option<Pid>; Process::COUNT],
    /// How its main process is followed.
    pub(crate) following: Following,
    /// What the world has been asked.
    pub(crate) inquiry: Inquiry,
    /// Whether it is to stop at any price.
    pub(crate) forced: bool,
    /// Whether what it waits for has been sent SIGKILL.
    pub(crate) killed: bool,
    /// How many processes had to be killed.
    pub(crate) strikes: u8,
    /// What its main process says that it is doing.
    pub(crate) said: Text,
    pub(crate) respawns: Respawns,
    /// Its place among the timers.
    pub(crate) timer: Option<u32>,
    /// Events it may still emit out of its reservation, and the text set aside for each.
    pub(crate) events_left: u8,
    pub(crate) event_text: u32,
    /// Text set aside for its events in all.
    pub(crate) text_reserved: u32,
    /// Waiting events it has a reservation for.
    pub(crate) waiters_left: u8,
}

/// How a job failed: the first failure since `starting`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub(crate) struct Failure {
    /// Which process; `None` for the respawn limit.
    pub process: Option<Process>,
    /// How it ended, if it ever ran.
    pub exit: Option<Exit>,
}

impl Indexed for Job {
    fn hash(&self) -> u32 {
        self.hash
    }
    fn next(&mut self) -> &mut Option<JobId> {
        &mut self.chain
    }
    fn peek(&self) -> Option<JobId> {
        self.chain
    }
}

impl Linked for Job {
    fn link(&mut self) -> &mut Option<JobId> {
        &mut self.link
    }
}

fn hash_instance(class: ClassId, name: &[u8]) -> u32 {
    Fnv::new().with(&(class.index() as u32).to_le_bytes()).with(name).value()
}

impl Job {
    pub(crate) fn pid(&self, process: Process) -> Option<Pid> {
        self.pids[process.index()]
    }
}

impl Supervisor<'_> {
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
                state: State::Waiting,
                waiting: true,
                restart: false,
                environment: Text::EMPTY,
                next_environment: None,
                stop_environment: Text::EMPTY,
                stop_leaves,
                blocker: None,
                waiters: Queue::new(),
                failure: None,
                pids: [None; Process::COUNT],
                following: Following::default(),
                inquiry: Inquiry::Nothing,
                forced: false,
                killed: false,
                strikes: 0,
                said: Text::EMPTY,
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
        self.say_later(Notice::GoalChanged { job: id, from, to: goal });
        if rests {
            self.go_on(id);
        }
    }

    /// What a job waited for has happened.
    pub(crate) fn go_on(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.waiting = false;
        self.keep_moving(id);
    }

    /// The job is looked at again before anything else happens.
    pub(crate) fn keep_moving(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if !core::mem::replace(&mut job.moving, true) {
            self.core.moving.push(&mut self.jobs, id);
        }
    }

    /// A process of a job ended, or was never made.
    pub(crate) fn process_ended(&mut self, id: JobId, process: Process, pid: Pid, exit: Exit) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let main = process == Process::Main;
        let expected = exit.is_mentioned(self.normal_exits(class));
        self.say_later(Notice::ProcessEnded { job: id, process, pid, exit, expected });
        self.forget_process(id, process);
        if main && self.leaves_somebody(id) {
            return self.inquire(id, Inquiry::Ended(pid, exit));
        }
        self.judge_end(id, process, exit);
    }

    /// What the end of a process means for its job.
    pub(crate) fn judge_end(&mut self, id: JobId, process: Process, exit: Exit) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let (state, goal, respawn, task) = (job.state, job.goal, class.respawn, class.task);
        let Some(row) = exit::row(process, state) else { return };
        let listed = process == Process::Main && exit.is_listed(self.normal_exits(class));
        let failure = Failure { process: Some(process), exit: Some(exit) };
        let cut_short = job.forced && job.killed;
        match row.meaning {
            // One that a forced stop kills has not failed.
            Meaning::MustSucceed if exit != Exit::Status(0) && !cut_short => self.fail(id, failure),
            Meaning::Judged if goal == Goal::Start => {
                match exit::judge(exit, respawn && !self.core.ending.is_on(), task, listed) {
                    Verdict::Done => self.set_goal(id, Goal::Stop),
                    Verdict::Failed => self.fail(id, failure),
                    Verdict::Respawn => self.respawn(id),
                }
            }
            _ => {}
        }
        if row.goes_on {
            self.go_on(id);
        }
    }

    /// The main process is to run again, unless it has done so too often.
    pub(crate) fn respawn(&mut self, id: JobId) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        if !job.respawns.admit(now, class.limit) {
            self.say_later(Notice::RespawningTooFast { job: id });
            self.fail(id, Failure { process: None, exit: None });
            return;
        }
        // From `running` the table leads back to the start by itself; a hook that still runs, or a daemon that was never
        // ready, must first be got out of the way.
        let at_once = job.state == State::Running;
        self.say_later(Notice::Respawning { job: id, process: Process::Main });
        if !at_once {
            self.set_goal(id, Goal::Respawn);
        }
    }

    /// A job failed: who waits for it is told now, and its goal is stop. Only the first failure counts.
    pub(crate) fn fail(&mut self, id: JobId, failure: Failure) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if job.failure.is_none() {
            job.failure = Some(failure);
            self.answer_waiters(id, Outcome::Failed);
        }
        self.set_goal(id, Goal::Stop);
    }

    /// A process could not be set up: pre-start, main and post-stop fail the job, the others are passed over.
    pub(crate) fn spawn_failed(&mut self, id: JobId, process: Process, error: SpawnError) {
        self.say_later(Notice::SpawnFailed { job: id, process, error });
        self.forget_process(id, process);
        if !matches!(process, Process::PostStart | Process::PreStop) {
            self.fail(id, Failure { process: Some(process), exit: None });
        }
        let Some(job) = self.jobs.get(id) else { return };
        let awaited = match job.state.row().wait {
            Wait::Spawned(awaited) | Wait::End(awaited) => awaited == process,
            Wait::Readiness => process == Process::Main,
            _ => false,
        };
        if awaited {
            self.go_on(id);
        }
    }

    /// Asks for a process of a job, if its class has it; false if not.
    pub(crate) fn run(&mut self, id: JobId, process: Process) -> bool {
        let Some(job) = self.jobs.get_mut(id) else { return false };
        let Some(class) = self.classes.get(job.class) else { return false };
        if !class.has(process) {
            return false;
        }
        let main = process == Process::Main;
        if main {
            job.following.stage = Stage::Launched;
        }
        let launch = Launch {
            first: process == Process::PreStart || (main && !class.has(Process::PreStart)),
            confine: main,
            trace: main && class.expect.traces(),
            contain: main && (class.respawn || class.expect != Expect::None),
        };
        self.order(Effect::Spawn { job: id, process, launch });
        true
    }

    /// Sends the kill signal to the main process and arms the kill timeout; false if there is none.
    pub(crate) fn kill(&mut self, id: JobId) -> bool {
        let Some(job) = self.jobs.get(id) else { return false };
        let Some(pid) = job.pid(Process::Main) else {
            let others = job.following.repaired || job.following.forks > 0;
            if others {
                self.inquire(id, Inquiry::Rest(Look::Only));
            }
            return others;
        };
        if job.forced {
            self.force_main(id);
            return true;
        }
        let Some(class) = self.classes.get(job.class) else { return false };
        let (signal, deadline) = (class.kill_signal, self.now.after_seconds(class.kill_timeout));
        self.signal_main(id, pid, signal);
        self.timers.arm(&mut self.jobs, id, Alarm::End, deadline);
        true
    }
}
