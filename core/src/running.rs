//! Live processes: whose a pid is, and what its stops, forks, execs and end mean.

use crate::effect::{Effect, Scope};
use crate::follow::{self, Order, Seen, Stage};
use crate::index::{Fnv, Indexed};
use crate::input::{Survivor, Word};
use crate::lifecycle::{State, Wait};
use crate::notice::Notice;
use crate::process::{Exit, Pid, Process};
use crate::signal::Signal;
use crate::storage::{Id, JobId};
use crate::supervisor::Supervisor;

/// A live process of a job.
#[derive(Clone, Debug, Hash, serde::Serialize, serde::Deserialize)]
pub struct Running {
    pub(crate) pid: Pid,
    pub(crate) job: JobId,
    pub(crate) process: Process,
    chain: Option<Id<Running>>,
}

fn hash(pid: Pid) -> u32 {
    Fnv::new().with(&pid.get().to_le_bytes()).value()
}

impl Indexed for Running {
    fn hash(&self) -> u32 {
        hash(self.pid)
    }
    fn next(&mut self) -> &mut Option<Id<Running>> {
        &mut self.chain
    }
    fn peek(&self) -> Option<Id<Running>> {
        self.chain
    }
}

impl Supervisor<'_> {
    fn running_id(&self, pid: Pid) -> Option<Id<Running>> {
        self.pid_index.find(&self.running, hash(pid), |running| running.pid == pid)
    }

    /// Whose a pid is.
    pub(crate) fn owner(&self, pid: Pid) -> Option<(JobId, Process)> {
        self.running_id(pid).and_then(|id| self.running.get(id)).map(|running| (running.job, running.process))
    }

    fn remember_process(&mut self, id: JobId, process: Process, pid: Pid) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.pids[process.index()] = Some(pid);
        // There is room: a job has two live processes at most.
        if let Ok(running) = self.running.insert(Running { pid, job: id, process, chain: None }) {
            self.pid_index.insert(&mut self.running, running);
        }
    }

    pub(crate) fn forget_process(&mut self, id: JobId, process: Process) {
        let Some(pid) = self.jobs.get_mut(id).and_then(|job| job.pids[process.index()].take()) else { return };
        if let Some(running) = self.running_id(pid) {
            self.pid_index.remove(&mut self.running, running);
            self.running.remove(running);
        }
    }

    /// A process that was ordered exists.
    pub(crate) fn spawned(&mut self, id: JobId, process: Process, pid: Pid) {
        self.remember_process(id, process, pid);
        self.say_later(Notice::ProcessStarted { job: id, process, pid });
        if self.jobs.get(id).is_some_and(|job| job.state.row().wait == Wait::Spawned(process)) {
            self.go_on(id);
        }
    }

    /// A process was reaped.
    pub(crate) fn exited(&mut self, pid: Pid, exit: Exit) {
        if let Some((job, process)) = self.owner(pid) {
            self.process_ended(job, process, pid, exit);
        }
    }

    /// A process that a signal was to reach, or that a fork was to make, is no more, and nobody said how it ended.
    pub(crate) fn vanished(&mut self, pid: Pid) {
        self.exited(pid, Exit::Unknown);
    }

    /// An untraced process runs its program.
    pub(crate) fn executed(&mut self, pid: Pid) {
        self.observe(pid, Seen::Executed);
    }

    /// A traced process replaced its program.
    pub(crate) fn replaced(&mut self, pid: Pid) {
        if let Some((job, process)) = self.owner(pid) {
            self.say_later(Notice::ExecutableChanged { job, process, pid });
        }
        if !self.observe(pid, Seen::Exec) {
            self.order(Effect::Resume { pid, signal: None });
        }
    }

    /// A process stopped.
    pub(crate) fn stopped(&mut self, pid: Pid, signal: Signal, traced: bool) {
        let seen = match (signal, traced) {
            (Signal::TRAP, true) => Some(Seen::Trap),
            (Signal::STOP, _) => Some(Seen::Stop),
            _ => None,
        };
        if seen.is_some_and(|seen| self.observe(pid, seen)) {
            return;
        }
        match self.owner(pid) {
            Some((job, process)) if !traced => self.say_later(Notice::ProcessStopped { job, process, pid, signal }),
            Some(_) => self.order(Effect::Resume { pid, signal: Some(signal) }),
            // The trap and the stop of a child's birth are tracing's own doing.
            None if traced => {
                let signal = Some(signal).filter(|_| seen.is_none());
                self.order(Effect::Detach { pid, signal });
            }
            None => {}
        }
    }

    /// A traced process forked.
    pub(crate) fn forked(&mut self, parent: Pid, child: Pid) {
        let Some((id, Process::Main)) = self.owner(parent) else { return self.let_go(parent) };
        let Some(row) = self.follow_row(id, Seen::Fork) else {
            return self.order(Effect::Resume { pid: parent, signal: None });
        };
        self.say_later(Notice::ProcessBecame { job: id, process: Process::Main, old: parent, new: child });
        self.let_go(parent);
        self.order(Effect::Watch { pid: child });
        self.forget_process(id, Process::Main);
        self.remember_process(id, Process::Main, child);
        self.reach(id, row.next);
    }

    /// The world has said which of a job's processes live.
    pub(crate) fn surveyed(&mut self, _job: JobId, _survivors: &[Survivor]) {}

    /// A process of a job has said something.
    pub(crate) fn told(&mut self, _job: JobId, _word: Word<'_>) {}

    fn let_go(&mut self, pid: Pid) {
        self.order(Effect::Detach { pid, signal: None });
    }

    fn follow_row(&self, id: JobId, seen: Seen) -> Option<&'static follow::Row> {
        let job = self.jobs.get(id)?;
        let expect = self.classes.get(job.class)?.expect;
        follow::row(expect, job.stage, seen).filter(|_| matches!(job.state, State::Spawning | State::Spawned))
    }

    /// Does what the follow table says to what was seen of a process; false if it says nothing.
    fn observe(&mut self, pid: Pid, seen: Seen) -> bool {
        let Some((id, Process::Main)) = self.owner(pid) else { return false };
        let Some(row) = self.follow_row(id, seen) else { return false };
        match row.order {
            Order::Nothing => {}
            Order::Continue => self.order(Effect::Signal { pid, signal: Signal::CONT, scope: Scope::Process }),
            Order::Follow => self.order(Effect::Follow { pid }),
            Order::Resume => self.order(Effect::Resume { pid, signal: None }),
            Order::Detach | Order::Switch => self.let_go(pid),
        }
        self.reach(id, row.next);
        true
    }

    /// A main process has come so far; when it is ready, its job goes on.
    fn reach(&mut self, id: JobId, stage: Stage) {
        let Some(job) = self.jobs.get_mut(id) else { return };
        job.stage = stage;
        let ready = stage == Stage::Settled && job.waiting && job.state.row().wait == Wait::Readiness;
        if ready {
            self.go_on(id);
        }
    }

    /// Sends a signal to a main process's group, and says so.
    pub(crate) fn signal_main(&mut self, job: JobId, pid: Pid, signal: Signal) {
        self.say_later(Notice::Signalling { job, process: Process::Main, pid, signal });
        self.order(Effect::Signal { pid, signal, scope: Scope::Group });
    }

    /// Fires the earliest timer, if it is due: a main process has outstayed its kill timeout.
    pub(crate) fn next_timer(&mut self) -> bool {
        let Some(timer) = self.timers.first().filter(|timer| timer.at <= self.now) else { return false };
        self.timers.disarm(&mut self.jobs, timer.job);
        if let Some(pid) = self.jobs.get(timer.job).and_then(|job| job.pid(Process::Main)) {
            self.signal_main(timer.job, pid, Signal::KILL);
        }
        true
    }
}
