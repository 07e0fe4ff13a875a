//! The meaning of the end of a process for its job.

use uphold_core::{Exit, Goal, Process, Signal, State};

use super::job;
use super::state::Init;

/// The judgement of a job whose main process has ended.
enum Verdict {
    Finished,
    Respawned,
    TooFast,
    Failed,
}

impl Init {
    /// A process of a job has ended.
    pub(super) fn ended(&mut self, number: u32, process: Process, pid: u32, exit: Exit) {
        let job = self.job(number);
        (job.pids[process.index()], job.kill_at) = (None, None);
        let line = format!("{} {process} process ({pid}) {}", job.name(), job::words(exit));
        self.note(line);
        match process {
            Process::Main => return self.main_ended(number, exit),
            Process::PreStart | Process::PostStop if exit != Exit::Status(0) => {
                self.fail(number, Some(process), Some(exit));
                self.change_goal(number, Goal::Stop);
            }
            _ => {}
        }
        self.go_on(number);
    }

    fn main_ended(&mut self, number: u32, exit: Exit) {
        let (state, goal) = (self.job(number).state, self.job(number).goal);
        match state {
            State::Stopping => return,
            State::Killed => return self.go_on(number),
            _ => {}
        }
        if goal == Goal::Start {
            match self.judge(number, exit) {
                Verdict::Finished => {
                    self.change_goal(number, Goal::Stop);
                }
                Verdict::Respawned => {
                    let line = format!("{} main process ended, respawning", self.job(number).name());
                    self.note(line);
                    // Where the job does not go on at once, the goal is there to remember it.
                    if state != State::Running {
                        self.change_goal(number, Goal::Respawn);
                    }
                }
                Verdict::TooFast => {
                    let line = format!("{} respawning too fast, stopped", self.job(number).name());
                    self.note(line);
                    self.fail(number, None, None);
                    self.change_goal(number, Goal::Stop);
                }
                Verdict::Failed => {
                    self.fail(number, Some(Process::Main), Some(exit));
                    self.change_goal(number, Goal::Stop);
                }
            }
        }
        // A hook that runs is waited for.
        if matches!(state, State::Running | State::Spawned) {
            self.go_on(number);
        }
    }

    fn judge(&mut self, number: u32, exit: Exit) -> Verdict {
        let class = self.class(number);
        let is_listed = class.normal_exit.iter().any(|word| match exit {
            Exit::Status(status) => *word == status.to_string(),
            Exit::Signal(signal) => *word == Signal(signal).to_string(),
            Exit::Unknown => false,
        });
        if is_listed || (exit == Exit::Status(0) && (!class.respawn || class.task)) {
            Verdict::Finished
        } else if !class.respawn {
            Verdict::Failed
        } else if self.is_too_fast(number) {
            Verdict::TooFast
        } else {
            Verdict::Respawned
        }
    }

    /// Counts a respawn. The window is fixed: it begins with its first respawn.
    fn is_too_fast(&mut self, number: u32) -> bool {
        let now = self.now / 1000;
        let limit = self.class(number).limit;
        let job = self.job(number);
        match limit {
            None | Some((0, _) | (_, 0)) => false,
            Some((most, seconds)) if now - job.window < seconds => {
                job.respawns += 1;
                job.respawns > most
            }
            Some(_) => {
                (job.window, job.respawns) = (now, 1);
                false
            }
        }
    }

    /// A process that was made could not run its program.
    pub(super) fn not_executed(&mut self, number: u32, process: Process) {
        let job = self.job(number);
        (job.pids[process.index()], job.kill_at) = (None, None);
        self.not_spawned(number, process, "execute");
        let waits = match process {
            Process::Main => matches!(self.job(number).state, State::Spawned | State::Killed),
            _ => true,
        };
        if waits {
            self.go_on(number);
        }
    }
}
