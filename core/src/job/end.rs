//! The exit of a process, and its meaning for the job: success, failure, respawn.

use crate::effect::Effect;
use crate::expect::Expect;
use crate::ids::JobId;
use crate::job::waiters::WaitResult;
use crate::machine::Supervisor;
use crate::notice::Notice;
use crate::process::{Exit, Pid, Process};
use crate::records::job::{Failure, SurveyReason};
use crate::spawn::SpawnError;
use crate::state::Goal;
use crate::tables::exit;
use crate::tables::exit::{Consequence, Judgement};

impl Supervisor<'_> {
    /// A process of a job has exited, or was never made.
    pub(crate) fn process_ended(&mut self, id: JobId, process: Process, pid: Pid, exit: Exit) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let main = process == Process::Main;
        let expected = exit.is_mentioned(self.normal_exits(class));
        // A process that is not ready may fork while it is to be killed, as a step of its becoming a daemon: then every
        // process of the job has to end with it.
        let (unready, kills) = (!job.follow.stage.is_ready(), job.state.row().kills());
        let is_step = exit.may_be_success() && (kills || job.goal == Goal::Stop) && (unready || job.follow.guessed);
        let loose = main && self.expects(id) != Expect::None && (is_step || (unready && kills));
        self.log(Notice::ProcessEnded { job: id, process, pid, exit, expected });
        self.forget_process(id, process);
        self.leave_circle_of(id);
        if let Some(job) = self.jobs.get_mut(id) {
            job.follow.loose |= loose;
        }
        if main && self.wants_survey(id) {
            if self.survivors_matter(id, pid) {
                return self.survey(id, SurveyReason::Ended(pid, exit));
            }
            // Processes that it has left change nothing, and are only logged.
            self.order(Effect::Report { job: id });
        }
        self.judge_end(id, process, exit);
    }

    /// Applies the exit of a process to its job.
    pub(crate) fn judge_end(&mut self, id: JobId, process: Process, exit: Exit) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        let (state, goal, respawn, task) = (job.state, job.goal, class.respawn, class.task);
        let Some(row) = exit::row(process, state) else { return };
        let listed = process == Process::Main && exit.is_listed(self.normal_exits(class));
        let failure = Failure { process: Some(process), exit: Some(exit) };
        let cut_short = job.forced && job.killed;
        match row.consequence {
            // A process that a forced stop kills has not failed.
            Consequence::MustSucceed if exit != Exit::Status(0) && !cut_short => self.fail(id, failure),
            Consequence::Judged if goal == Goal::Start => {
                match exit::judge(exit, respawn && !self.globals.shutdown.is_on(), task, listed) {
                    Judgement::Done => self.set_goal(id, Goal::Stop),
                    Judgement::Failed => self.fail(id, failure),
                    Judgement::Respawn => self.respawn(id),
                }
            }
            _ => {}
        }
        if row.goes_on {
            self.go_on(id);
        }
    }

    /// Runs the main process again, unless the respawn limit is reached.
    pub(crate) fn respawn(&mut self, id: JobId) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(id) else { return };
        let Some(class) = self.classes.get(job.class) else { return };
        job.respawns.end_run(now);
        let retried = class.retry > 0;
        if !job.respawns.admit(now, class.limit) {
            self.log(Notice::RespawningTooFast { job: id });
            self.fail(id, Failure { process: None, exit: None });
            if let Some(job) = self.jobs.get_mut(id) {
                job.respawns.set_retried(retried);
            }
            return;
        }
        let found_loop = job.respawns.finds_loop(now, class.limit);
        // From `running` the table leads back to the start by itself. Elsewhere a hook that still runs, or a daemon
        // that was never ready, must be stopped first.
        let at_once = job.state.row().runs_anew();
        self.log(Notice::Respawning { job: id, process: Process::Main });
        if found_loop {
            self.log(Notice::SlowLoop { job: id });
        }
        if !at_once {
            self.set_goal(id, Goal::Respawn);
        }
    }

    /// Fails a job: waiting clients get their reply now, and the goal becomes stop. Only the first failure counts.
    pub(crate) fn fail(&mut self, id: JobId, failure: Failure) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if job.failure.is_none() {
            job.failure = Some(failure);
            self.answer_waiters(id, WaitResult::Failed);
        }
        self.set_goal(id, Goal::Stop);
    }

    /// A process could not be set up: it is tried again if the reason may pass; else that fails the job or is ignored.
    pub(crate) fn spawn_failed(&mut self, id: JobId, process: Process, error: SpawnError, passing: bool) {
        if !passing && self.launch_untraced(id, process, error) {
            return;
        }
        self.forget_process(id, process);
        if passing && self.retry_later(id, process, error) {
            return;
        }
        self.log_once_round(id, Notice::SpawnFailed { job: id, process, error });
        if exit::spawn_failure_fails(process) {
            self.fail(id, Failure { process: Some(process), exit: None });
        }
        let Some(job) = self.jobs.get(id) else { return };
        if job.state.row().awaits(process) {
            self.go_on(id);
        }
    }

    /// A process was reaped.
    pub(crate) fn exited(&mut self, pid: Pid, exit: Exit) {
        if let Some((job, process)) = self.owner(pid) {
            self.process_ended(job, process, pid, exit);
        }
    }

    /// A process does not exist although a signal was to be sent to it, or a fork was to make it; how it exited is
    /// unknown.
    pub(crate) fn vanished(&mut self, pid: Pid) {
        self.exited(pid, Exit::Unknown);
    }
}
