//! Following a main process: the meaning of its stops, forks, execs and exit.

use crate::effect::{Effect, Scope};
use crate::expect::Expect;
use crate::ids::JobId;
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::records::class::Learning;
use crate::records::job::{FollowState, Tracing};
use crate::signal::Signal;
use crate::spawn::{SpawnError, SpawnStage};
use crate::state::Goal;
use crate::tables::expect as follow;
use crate::tables::expect::{FollowOrder, MOST_FORKS, Seen, Stage};
use crate::tables::lifecycle::Wait;

impl Supervisor<'_> {
    /// A process that was ordered exists.
    pub(crate) fn spawned(&mut self, id: JobId, process: Process, pid: Pid) {
        self.remember_process(id, process, pid);
        if process == Process::Main
            && let Some(job) = self.jobs.get_mut(id)
        {
            let FollowState { stage, tracing, start_by, .. } = job.follow;
            // The deadline is that of the job's launch, which another process may have been made for.
            let start_by = start_by.filter(|_| tracing == Tracing::Refused);
            job.follow = FollowState { stage, tracing, start_by, launched: Some(pid), ..FollowState::default() };
            job.respawns.launch(self.now);
            self.text.replace(&mut job.status_text, TextHandle::EMPTY);
        }
        self.log(Notice::ProcessStarted { job: id, process, pid });
        if self.jobs.get(id).is_some_and(|job| job.state.row().wait == Wait::Spawned(process)) {
            self.go_on(id);
        } else {
            // The process was spawned again, and so its time begins again.
            self.bound_wait(id);
        }
    }

    /// An untraced process runs its program.
    pub(crate) fn executed(&mut self, pid: Pid) {
        self.observe(pid, Seen::Executed);
    }

    /// The world refuses to trace a main process, which has not run its program: it is ordered again without a trace,
    /// and adoption finds the daemon. False if the failure is another one, or `expect` is followed to the letter.
    pub(crate) fn launch_untraced(&mut self, id: JobId, process: Process, error: SpawnError) -> bool {
        let strict = self.globals.strict;
        let Some(job) = self.jobs.get_mut(id) else { return false };
        let refused = process == Process::Main && error.stage == SpawnStage::Trace && !job.follow.is_refused();
        if strict || !refused || job.goal != Goal::Start || !job.state.row().expects() {
            return false;
        }
        let Some(class) = self.classes.get_mut(job.class) else { return false };
        // Without a trace there is nothing to learn, and the file is followed as it was before.
        (class.learning, job.follow.tracing) = match job.follow.is_learning() {
            true => (Learning::Done, Tracing::Declared),
            false => (class.learning, Tracing::Refused),
        };
        if !core::mem::replace(&mut self.globals.untraced, true) {
            self.log(Notice::Untraced { error });
        }
        self.forget_process(id, process);
        self.run(id, process)
    }

    /// A traced process has replaced its program.
    pub(crate) fn replaced(&mut self, pid: Pid) {
        if let Some((job, process)) = self.owner(pid) {
            self.log(Notice::ExecutableChanged { job, process, pid });
        }
        if !self.observe(pid, Seen::Exec) {
            self.order(Effect::Resume { pid, signal: None });
        }
    }

    /// A process continues after a stop. If the stop made its job ready, Upstart logs this after the job has moved as
    /// far as it can, and before the next event.
    pub(crate) fn continued(&mut self, pid: Pid) {
        let Some((id, process)) = self.owner(pid) else { return };
        let Some(job) = self.jobs.get_mut(id) else { return };
        // The supervisor woke it to end it, which the original does not do.
        if process == Process::Main && job.state.row().kills() {
            return;
        }
        job.follow.continued = process == Process::Main && job.moving;
        if !job.follow.continued {
            self.log(Notice::ProcessContinued { job: id, process, pid });
        }
    }

    /// Logs a continuation that was held back until the job had moved as far as it can.
    pub(crate) fn log_continued(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        if let (true, Some(pid)) = (core::mem::take(&mut job.follow.continued), job.pid(Process::Main)) {
            self.log(Notice::ProcessContinued { job: id, process: Process::Main, pid });
        }
    }

    /// A process stopped.
    pub(crate) fn stopped(&mut self, pid: Pid, signal: Signal, traced: bool) {
        let owner = self.owner(pid);
        let stage = owner.and_then(|(job, _)| self.jobs.get(job)).map(|job| job.follow.stage);
        let seen = follow::stop(signal, traced, stage);
        if let Some((job, process)) = owner.filter(|_| !traced) {
            self.log(Notice::ProcessStopped { job, process, pid, signal });
        }
        // A job that is not traced may have adopted a process of an earlier, traced launch.
        let is_stray = |(job, _)| traced && self.jobs.get(job).is_some_and(|job| job.follow.is_refused());
        let owner = owner.filter(|owner| !is_stray(*owner));
        if owner.is_some() && seen.is_some_and(|seen| self.observe(pid, seen)) {
            return;
        }
        if let Some((id, Process::Main)) = owner
            && traced
            && seen == Some(Seen::Stop)
            && self.end_learning(id, pid)
        {
            return;
        }
        match owner {
            Some(_) if !traced => {}
            // It is not followed any more: the job is being stopped.
            Some(_) if stage.zip(seen).is_some_and(|(stage, seen)| follow::is_of_tracing(stage, seen)) => {
                self.detach(pid)
            }
            Some(_) => self.order(Effect::Resume { pid, signal: Some(signal) }),
            // The trap and the stop at a child's birth are caused by tracing.
            None if traced => {
                let signal = Some(signal).filter(|_| seen.is_none());
                self.order(Effect::Detach { pid, signal });
            }
            None => {}
        }
    }

    /// A traced process has forked.
    pub(crate) fn forked(&mut self, parent: Pid, child: Pid) {
        let Some((id, Process::Main)) = self.owner(parent) else { return self.detach(parent) };
        let Some(row) = self.follow_row(id, Seen::Fork) else {
            return self.order(Effect::Resume { pid: parent, signal: None });
        };
        self.log(Notice::ProcessBecame { job: id, process: Process::Main, old: parent, new: child });
        self.carry_out(row.order, parent);
        self.order(Effect::Watch { pid: child, instead_of: parent });
        self.forget_process(id, Process::Main);
        self.remember_process(id, Process::Main, child);
        if let Some(job) = self.jobs.get_mut(id) {
            job.follow.forks = job.follow.forks.saturating_add(1).min(MOST_FORKS);
            job.follow.middle = Some(parent).filter(|_| row.next == Stage::SecondBorn);
        }
        self.reach(id, row.next);
    }

    fn detach(&mut self, pid: Pid) {
        self.order(Effect::Detach { pid, signal: None });
    }

    fn follow_row(&self, id: JobId, seen: Seen) -> Option<&'static follow::ExpectRow> {
        let job = self.jobs.get(id)?;
        let expect = self.expects(id);
        let open = job.state.row().expects() || job.follow.stage == Stage::Late;
        follow::row(expect, job.follow.stage, seen).filter(|_| open)
    }

    /// Carries out the row of the expect table for an observation; false if there is none.
    pub(crate) fn observe(&mut self, pid: Pid, seen: Seen) -> bool {
        let Some((id, Process::Main)) = self.owner(pid) else { return false };
        let Some(row) = self.follow_row(id, seen) else { return false };
        let traced = self.jobs.get(id).is_some_and(|job| !job.follow.is_refused());
        self.globals.untraced &= seen != Seen::Trap;
        if traced || row.order != FollowOrder::Release {
            self.carry_out(row.order, pid);
        }
        if let Some(job) = self.jobs.get_mut(id) {
            job.follow.guessed = seen == Seen::Quiet;
            // Advice on an idle process comes at once, and on a second fork after a look at the process that forked.
            job.follow.advice_due |= job.follow.is_learning() && seen == Seen::Exec && row.next.is_ready();
        }
        self.reach(id, row.next);
        true
    }

    /// A process that is traced to learn stops itself, as no stage of the trace makes it: it is left to what its file
    /// says, as it would have been without the trace. False if the job's launch is not such a one.
    fn end_learning(&mut self, id: JobId, pid: Pid) -> bool {
        let Some(job) = self.jobs.get_mut(id).filter(|job| job.follow.is_learning()) else { return false };
        let Some(class) = self.classes.get_mut(job.class) else { return false };
        class.learning = Learning::Done;
        job.follow.tracing = Tracing::Declared;
        // `expect stop` lets the process continue, and the trace has held the signal back so far.
        let signal = Some(Signal::STOP).filter(|_| class.expect != Expect::Stop);
        self.order(Effect::Detach { pid, signal });
        self.reach(id, Stage::Settled);
        true
    }

    fn carry_out(&mut self, order: FollowOrder, pid: Pid) {
        match order {
            FollowOrder::Nothing => {}
            FollowOrder::Continue => self.order(Effect::Signal { pid, signal: Signal::CONT, scope: Scope::Process }),
            FollowOrder::Follow => self.order(Effect::Follow { pid }),
            FollowOrder::Resume => self.order(Effect::Resume { pid, signal: None }),
            FollowOrder::Detach | FollowOrder::Switch => self.detach(pid),
            FollowOrder::Release => self.order(Effect::Release { pid }),
        }
    }

    /// The same for the main process of a job.
    pub(crate) fn observe_job(&mut self, id: JobId, seen: Seen) {
        if let Some(pid) = self.jobs.get(id).and_then(|job| job.pid(Process::Main)) {
            self.observe(pid, seen);
        }
    }

    /// A main process has reached a stage. When it is ready, its job moves on.
    pub(crate) fn reach(&mut self, id: JobId, stage: Stage) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.follow.stage = stage;
        (job.follow.idle_looks, job.follow.busy_looks) = (0, 0);
        let ready = stage.is_ready() && job.waiting && job.state.row().wait == Wait::Readiness;
        if stage.is_ready() {
            self.refresh(id);
        }
        if ready {
            self.go_on(id);
        }
    }
}
