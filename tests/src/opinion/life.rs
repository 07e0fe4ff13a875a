//! The life of a job: what entering each state does, what it waits for, and how it succeeds or fails.

use uphold_core::{Exit, Goal, Process, Signal, State};

use super::job::{Failure, Waiter};
use super::state::Init;
use super::table;
use super::variables::Variables;
use crate::happening::Outcome;

impl Init {
    /// Gives a job a goal. It acts by itself where the job rests, and a stop also where the job is not ready yet.
    pub(super) fn set_goal(&mut self, number: u32, goal: Goal) {
        if !self.change_goal(number, goal) {
            return;
        }
        let acts = match self.job(number).state {
            State::Waiting => goal == Goal::Start,
            State::Running | State::Spawned => goal == Goal::Stop,
            _ => false,
        };
        if acts {
            self.go_on(number);
        }
    }

    /// Changes the goal, and does nothing else.
    pub(super) fn change_goal(&mut self, number: u32, goal: Goal) -> bool {
        let job = self.job(number);
        let old = std::mem::replace(&mut job.goal, goal);
        if old != goal {
            let line = format!("{} goal changed from {old} to {goal}", job.name());
            self.note(line);
        }
        old != goal
    }

    /// Moves a job from state to state, until it has to wait.
    pub(super) fn go_on(&mut self, number: u32) {
        loop {
            let job = self.job(number);
            let (old, lives) = (job.state, job.pid(Process::Main).is_some());
            let new = table::next(old, job.goal, lives);
            if job.goal == Goal::Respawn && new == State::Stopping {
                self.change_goal(number, Goal::Start);
            }
            let job = self.job(number);
            job.state = new;
            let line = format!("{} state changed from {old} to {new}", job.name());
            self.note(line);
            if self.enter(number, old, new) {
                return;
            }
        }
    }

    /// Does what belongs to a state. Returns whether the job stays in it.
    fn enter(&mut self, number: u32, old: State, new: State) -> bool {
        match new {
            State::Starting => {
                let job = self.job(number);
                job.variables = job.next_variables.take().unwrap_or(job.variables.clone());
                job.stop_variables = Variables::default();
                job.failure = None;
                self.emit_of(number, "starting", true);
                true
            }
            State::PreStarting => self.spawn(number, Process::PreStart),
            State::Spawning => self.spawn(number, Process::Main),
            State::PostStarting => self.spawn(number, Process::PostStart),
            State::PreStopping => self.spawn(number, Process::PreStop),
            State::PostStopping => self.spawn(number, Process::PostStop),
            State::PreStart => self.job(number).pid(Process::PreStart).is_some(),
            State::Spawned => self.job(number).pid(Process::Main).is_some(),
            State::PostStart => self.job(number).pid(Process::PostStart).is_some(),
            State::PreStop => self.job(number).pid(Process::PreStop).is_some(),
            State::PostStop => self.job(number).pid(Process::PostStop).is_some(),
            State::SecuritySpawning | State::Security => false,
            State::Running => {
                if old == State::PreStop {
                    self.job(number).stop_variables = Variables::default();
                    self.finish(number, false);
                } else {
                    self.emit_of(number, "started", false);
                    if !self.class(number).task {
                        self.finish(number, false);
                    }
                }
                true
            }
            State::Stopping => {
                self.emit_of(number, "stopping", true);
                true
            }
            State::Killed => self.kill(number),
            State::Waiting => {
                self.emit_of(number, "stopped", false);
                self.finish(number, false);
                self.remove(number);
                true
            }
        }
    }

    /// Sends the kill signal. Returns whether there was a process.
    fn kill(&mut self, number: u32) -> bool {
        let seconds = self.class(number).kill_timeout;
        let due = (self.now + seconds * 1000, self.next_number());
        let job = self.job(number);
        let Some(pid) = job.pid(Process::Main) else { return false };
        job.kill_at = Some(due);
        self.note(format!("{} to group {pid}", Signal::TERM));
        true
    }

    /// The job is what its waiters wait for, or has failed: they go.
    pub(super) fn finish(&mut self, number: u32, failed: bool) {
        for waiter in std::mem::take(&mut self.job(number).waiters) {
            match waiter {
                Waiter::Event(event) => self.unblock(event, failed),
                Waiter::Client(client, words) if failed => self.refuse(client, words.to_owned()),
                Waiter::Client(client, _) => self.answer_with_status(client, number),
            }
        }
    }

    /// The first failure counts, until the job starts again.
    pub(super) fn fail(&mut self, number: u32, process: Option<Process>, exit: Option<Exit>) {
        if self.job(number).failure.is_none() {
            self.job(number).failure = Some(Failure { process, exit });
            self.finish(number, true);
        }
    }

    /// Emits an event about a job.
    fn emit_of(&mut self, number: u32, name: &'static str, waits: bool) {
        let exports = self.class(number).export.clone();
        let job = self.job(number);
        let mut variables = Variables::default();
        variables.set("JOB", job.class_name);
        variables.set("INSTANCE", &job.instance);
        if matches!(name, "stopping" | "stopped") {
            variables.set("RESULT", if job.failure.is_some() { "failed" } else { "ok" });
            if let Some(failure) = job.failure {
                variables.set("PROCESS", failure.process.map_or("respawn", Process::name));
                match failure.exit {
                    Some(Exit::Status(status)) => variables.set("EXIT_STATUS", &status.to_string()),
                    Some(Exit::Signal(signal)) => variables.set("EXIT_SIGNAL", &Signal(signal).to_string()),
                    Some(Exit::Unknown) | None => {}
                }
            }
        }
        for key in exports {
            if let Some(value) = job.variables.get(key) {
                variables.set(key, value);
            }
        }
        let event = self.emit(name, variables);
        if waits {
            self.event(event).holds = Some(number);
        }
    }

    /// Gives the goal start. A job that is to be respawned is respawned all the same.
    pub(super) fn start(&mut self, number: u32) {
        if self.job(number).goal != Goal::Respawn {
            self.set_goal(number, Goal::Start);
        }
    }

    /// A process could not be spawned, or could not run its program. The job does not move by this.
    pub(super) fn not_spawned(&mut self, number: u32, process: Process, stage: &str) {
        let name = self.job(number).name();
        self.note(format!("Failed to spawn {name} {process} process: unable to {stage}: No such file or directory"));
        if matches!(process, Process::Main | Process::PreStart | Process::PostStop) {
            self.fail(number, Some(process), None);
            self.change_goal(number, Goal::Stop);
        }
    }

    /// Spawns a process, if the job has it. Returns whether the job waits for that.
    pub(super) fn spawn(&mut self, number: u32, process: Process) -> bool {
        if !self.class(number).has(process) {
            return false;
        }
        let outcome = self.outcomes.pop_front().unwrap_or(Outcome::Works);
        if outcome == Outcome::Fails {
            if let Some(refused) = &mut self.unanswered {
                *refused = Some((number, process));
                return true;
            }
            self.not_spawned(number, process, "fork");
            return false;
        }
        let pid = (1..).find(|&pid| self.owner(pid).is_none()).expect("numbers do not end");
        self.job(number).pids[process.index()] = Some(pid);
        self.begun.push_back((number, process, pid, outcome));
        let name = self.job(number).class_name;
        self.note(format!("spawn {name} {process}: {pid}"));
        false
    }
}
