//! The outside of init: happenings, time, and the views of its state.

use uphold_core::{Process, Signal, State};

use super::class::Class;
use super::job::Job;
use super::state::Init;
use crate::happening::{Happening, Outcome};

impl Init {
    /// The job files.
    pub fn classes(&self) -> &[Class] {
        &self.classes
    }

    /// The live processes: the job's name, its instance, the kind and the process id.
    pub fn processes(&self) -> Vec<(&'static str, &str, Process, u32)> {
        let of = |job: &'_ Job| job.pids;
        let mut all = Vec::new();
        for job in &self.jobs {
            for process in Process::ALL {
                if let Some(pid) = of(job)[process.index()] {
                    all.push((job.class_name, job.instance.as_str(), process, pid));
                }
            }
        }
        all
    }

    /// The clients that wait.
    pub fn waiting(&self) -> &[usize] {
        &self.waiting
    }

    /// The status of every job that is not at rest.
    pub fn status(&self) -> Vec<String> {
        self.jobs.iter().map(Job::to_string).collect()
    }

    /// The environment of a process, `KEY=VALUE` each.
    pub fn environment(&self, pid: u32) -> Vec<String> {
        let Some((job, process)) = self.owner(pid) else { return Vec::new() };
        let mut variables = job.variables.clone();
        if matches!(process, Process::PreStop | Process::PostStop) {
            variables.add(&job.stop_variables);
        }
        variables.set("UPSTART_JOB", job.class_name);
        variables.set("UPSTART_INSTANCE", &job.instance);
        variables.0.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// Lets something happen.
    pub fn happen(&mut self, happening: &Happening) {
        self.handled = 0;
        self.record.clear();
        match happening {
            Happening::Ask { client, command, wait, text } => {
                self.waiting.push(*client);
                self.ask(*client, *command, *wait, text);
            }
            Happening::Emit { client, wait, text } => {
                self.waiting.push(*client);
                self.ask_emit(*client, *wait, text);
            }
            Happening::HangsUp { client } => self.hang_up(*client),
            Happening::Ends { pid, exit } => {
                if let Some((job, process)) = self.owner(pid.get()) {
                    self.ended(job.number, process, pid.get(), *exit);
                }
            }
            Happening::Passes { milliseconds } => return self.pass(u64::from(*milliseconds)),
            Happening::Spawns { outcomes } => self.outcomes = outcomes.iter().copied().collect(),
            other => unreachable!("the model does not know: {other}"),
        }
        self.settle();
    }

    fn pass(&mut self, milliseconds: u64) {
        let end = self.now + milliseconds;
        while let Some(((at, _), _)) = self.next_kill().filter(|((at, _), _)| *at <= end) {
            self.now = at;
            self.settle();
        }
        self.now = end;
    }

    /// When the next SIGKILL is due, and for which job.
    fn next_kill(&self) -> Option<((u64, u32), u32)> {
        self.jobs.iter().filter_map(|job| Some((job.kill_at?, job.number))).min()
    }

    /// Does all that follows: events, then what is due, then the processes that run their programs by now.
    fn settle(&mut self) {
        loop {
            self.send_answers();
            self.poll_events();
            if let Some((_, number)) = self.next_kill().filter(|((at, _), _)| *at <= self.now) {
                let job = self.job(number);
                job.kill_at = None;
                let pid = job.pid(Process::Main).expect("what is to be killed lives");
                self.note(format!("{} to group {pid}", Signal::KILL));
            } else if let Some((number, process, pid, outcome)) = self.begun.pop_front() {
                // It may have been killed meanwhile.
                let is_its = self.owner(pid).is_some_and(|(job, its)| (job.number, its) == (number, process));
                if is_its && outcome == Outcome::NoProgram {
                    self.not_executed(number, process);
                } else if is_its && process == Process::Main && self.job(number).state == State::Spawned {
                    self.go_on(number);
                }
            } else {
                return;
            }
        }
    }
}
