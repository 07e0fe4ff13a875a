//! One step of a job: out of its state by its goal, into the next, as in the lifecycle table.

use crate::ids::JobId;
use crate::job::waiters::WaitResult;
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::records::job::{FollowState, Hold, SurveyReason};
use crate::state::{Goal, JobEvent, State};
use crate::tables::lifecycle::{Entry, Follow, Next, Wait};

impl Supervisor<'_> {
    /// Moves the first job of the queue by one state. A job that waits leaves the queue, and a job at rest is freed.
    pub(crate) fn step(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if !job.waiting {
            return self.advance(id);
        }
        if core::mem::take(&mut job.restart) {
            // Where goal start would call the stop off, a restart needs goal respawn to go through with it.
            let goal = if job.state.row().calls_off() { Goal::Respawn } else { Goal::Start };
            return self.set_goal(id, goal);
        }
        job.moving = false;
        self.globals.moving.pop(&mut self.jobs);
        self.log_continued(id);
        self.free_if_at_rest(id);
    }

    fn advance(&mut self, id: JobId) {
        let Some(next) = self.jobs.get(id).map(|job| job.state.row().next(job.goal)) else { return };
        match next {
            Next::To(state) if state.row().begins() && self.hold_start(id) => {}
            Next::To(state) | Next::CallOff(state) => self.enter(id, state),
            Next::IfMain(with, without) => {
                let has_main = self.jobs.get(id).is_some_and(|job| job.pid(Process::Main).is_some());
                self.enter(id, if has_main { with } else { without });
            }
            Next::Anew(state) => {
                // The job waits for nothing here, so that the new goal does not move it by itself.
                self.set_goal(id, Goal::Start);
                self.enter(id, state);
            }
            Next::Never => {
                if let Some(job) = self.jobs.get_mut(id) {
                    (job.waiting, job.held) = (true, Hold::Nothing);
                }
                // A job that was to start, and was stopped before its turn came.
                self.answer_waiters(id, WaitResult::Reached);
            }
        }
    }

    fn enter(&mut self, id: JobId, state: State) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        let from = core::mem::replace(&mut job.state, state);
        (job.killed, job.held, job.retries) = (false, Hold::Nothing, 0);
        if !job.forced {
            job.strikes = 0;
        }
        let row = state.row();
        match row.follow {
            Follow::Keep | Follow::Expect => {}
            Follow::Close => job.follow = job.follow.closed(),
            Follow::Forget => job.follow = FollowState::default(),
        }
        self.timers.disarm(&mut self.jobs, id);
        self.log(Notice::StateChanged { job: id, from, to: state });
        let under_way = match row.entry {
            Entry::Nothing => true,
            Entry::Begin(event) => {
                self.begin(id);
                self.emit_and_wait(id, event)
            }
            Entry::Emit(event) => self.emit_and_wait(id, event),
            Entry::Arrive(event) => {
                self.arrive(id, event, from);
                true
            }
            Entry::Rest(event) => {
                self.emit_job_event(id, event);
                self.answer_waiters(id, WaitResult::Reached);
                self.start_again(id);
                true
            }
            Entry::Run(process) => self.run(id, process),
            Entry::Kill => self.kill(id),
        };
        let held = self.is_held(id);
        if let Some(job) = self.jobs.get_mut(id) {
            job.waiting = under_way
                && match row.wait {
                    Wait::Nothing => false,
                    Wait::Goal(goal) => job.goal != goal,
                    Wait::Event | Wait::Spawned(_) => true,
                    Wait::Readiness => {
                        (job.pid(Process::Main).is_some() || held)
                            && !job.follow.stage.is_ready()
                            && job.goal == Goal::Start
                    }
                    Wait::End(process) => {
                        let asks = row.kills() && job.survey != SurveyReason::Nothing;
                        job.pid(process).is_some() || asks
                    }
                };
        }
        self.bound_wait(id);
    }

    /// A job that was given up is at rest. With `respawn retry` it is to start again.
    fn start_again(&mut self, id: JobId) {
        let is_retried = self.jobs.get(id).is_some_and(|job| job.respawns.is_retried());
        if !is_retried || self.globals.shutdown.is_on() {
            return;
        }
        self.set_goal(id, Goal::Start);
        if let Some(job) = self.jobs.get_mut(id) {
            job.respawns.set_retried(true);
        }
    }

    fn emit_and_wait(&mut self, id: JobId, event: JobEvent) -> bool {
        let emitted = self.emit_job_event(id, event);
        // A forced stop does not wait for the event.
        let awaited = emitted.filter(|_| !self.jobs.get(id).is_some_and(|job| job.forced));
        if let Some(job) = self.jobs.get_mut(id) {
            job.blocker = awaited;
        }
        awaited.is_some()
    }

    /// Begins a new run: the environment of its command or events replaces that of the last run.
    fn begin(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.failure = None;
        job.respawns.begin();
        self.text.replace(&mut job.stop_environment, TextHandle::EMPTY);
        if let Some(next) = job.next_environment.take() {
            self.text.replace(&mut job.environment, next);
        }
    }

    /// Puts a new job where its launch would have led, with a process that runs already.
    pub(crate) fn run_on(&mut self, id: JobId, pid: Pid) {
        self.begin(id);
        self.remember_process(id, Process::Main, pid);
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.goal = Goal::Start;
        job.state = State::RUN;
        job.respawns.launch(self.now);
        job.follow = FollowState { launched: Some(pid), ..FollowState::default() };
        self.bound_wait(id);
    }

    /// The job runs. If its stop was called off, it has been running all along.
    fn arrive(&mut self, id: JobId, event: JobEvent, from: State) {
        if from.row().calls_off() {
            if let Some(job) = self.jobs.get_mut(id) {
                self.text.replace(&mut job.stop_environment, TextHandle::EMPTY);
            }
            return self.answer_waiters(id, WaitResult::Reached);
        }
        self.emit_job_event(id, event);
        let task = self.jobs.get(id).and_then(|job| self.classes.get(job.class)).is_some_and(|class| class.task);
        if !task {
            self.answer_waiters(id, WaitResult::Reached);
        }
    }
}
