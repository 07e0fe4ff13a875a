//! init, and what is outside of it: processes, the outcomes of spawns, time.

use std::collections::VecDeque;

use uphold_core::{Goal, Process, Signal, State};

use super::class::Class;
use super::commands::Answer;
use super::events::Event;
use super::job::Job;
use super::variables::Variables;
use crate::happening::{Happening, Outcome};

/// More events than those that follow from one happening, unless jobs start each other for ever.
const MOST_EVENTS: u32 = 200;

/// The model.
#[derive(Clone, Debug)]
pub struct Init {
    pub(super) classes: Vec<Class>,
    /// The instances, the oldest first.
    pub(super) jobs: Vec<Job>,
    /// The events that are not finished, the oldest first.
    pub(super) events: Vec<Event>,
    /// Milliseconds.
    pub(super) now: u64,
    pub(super) answers: Vec<Answer>,
    /// The clients that wait for a reply.
    pub(super) waiting: Vec<usize>,
    numbers: u32,
    handled: u32,
    outcomes: VecDeque<Outcome>,
    /// Processes that are about to run their programs, or to fail to.
    begun: VecDeque<(u32, Process, u32, Outcome)>,
    /// Whether the failure of a spawn has to wait, and the one that does.
    pub(super) unanswered: Option<Option<(u32, Process)>>,
    record: Vec<String>,
}

impl Init {
    /// An init with these job files.
    pub fn new(classes: Vec<Class>) -> Init {
        Init {
            classes,
            jobs: Vec::new(),
            events: Vec::new(),
            now: 1_000_000,
            answers: Vec::new(),
            waiting: Vec::new(),
            numbers: 0,
            handled: 0,
            outcomes: VecDeque::new(),
            begun: VecDeque::new(),
            unanswered: None,
            record: Vec::new(),
        }
    }

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

    /// What the last happening led to.
    pub fn record(&self) -> &[String] {
        &self.record
    }

    /// Whether jobs start each other for ever.
    pub fn is_astray(&self) -> bool {
        self.handled > MOST_EVENTS
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

    fn owner(&self, pid: u32) -> Option<(&Job, Process)> {
        let place = |job: &Job| job.pids.iter().position(|its| *its == Some(pid));
        self.jobs.iter().find_map(|job| Some((job, Process::ALL[place(job)?])))
    }

    pub(super) fn note(&mut self, line: String) {
        self.handled += u32::from(line.starts_with("Handling "));
        self.record.push(line);
    }

    pub(super) fn next_number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    pub(super) fn job(&mut self, number: u32) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.number == number).expect("the job lives")
    }

    pub(super) fn lives(&self, number: u32) -> bool {
        self.jobs.iter().any(|job| job.number == number)
    }

    pub(super) fn class(&mut self, number: u32) -> &Class {
        let class = self.job(number).class;
        &self.classes[class]
    }

    /// The variables that a class gives to each instance.
    pub(super) fn class_variables(&self, class: usize) -> Variables {
        let mut all = Variables::default();
        for (key, value) in &self.classes[class].env {
            all.set(key, value);
        }
        all
    }

    /// The name of an instance; otherwise the variable that is missing.
    pub(super) fn instance_name(&self, class: usize, variables: &Variables) -> Result<String, &'static str> {
        match self.classes[class].instance {
            Some(variable) => variables.get(variable).map(str::to_owned).ok_or(variable),
            None => Ok(String::new()),
        }
    }

    /// The instance of this name, which is made if there is none.
    pub(super) fn instance(&mut self, class: usize, name: &str) -> u32 {
        if let Some(job) = self.jobs.iter().find(|job| job.class == class && job.instance == name) {
            return job.number;
        }
        let number = self.next_number();
        let (of, mut stop_on) = (&self.classes[class], self.classes[class].stop_on.clone());
        stop_on.iter_mut().flat_map(|condition| condition.leaves()).for_each(|leaf| leaf.held = None);
        self.jobs.push(Job {
            number,
            class,
            class_name: of.name,
            instance: name.to_owned(),
            goal: Goal::Stop,
            state: State::Waiting,
            pids: Default::default(),
            variables: Variables::default(),
            next_variables: None,
            stop_variables: Variables::default(),
            stop_on,
            failure: None,
            respawns: 0,
            window: 0,
            kill_at: None,
            waiters: Vec::new(),
        });
        number
    }

    /// An instance is at rest, and is no more.
    pub(super) fn remove(&mut self, number: u32) {
        let stop_on = self.job(number).stop_on.take();
        if let Some(mut condition) = stop_on {
            self.reset(&mut condition);
        }
        self.jobs.retain(|job| job.number != number);
    }
}
