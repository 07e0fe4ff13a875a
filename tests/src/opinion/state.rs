//! The state of init, and the small things that everything else is made of: messages, numbers, replies, events that
//! come and go, instances.

use std::collections::VecDeque;

use uphold_core::{Goal, Process, State};

use super::class::Class;
use super::condition::Condition;
use super::job::Job;
use super::variables::Variables;
use crate::happening::Outcome;

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
    pub(super) numbers: u32,
    pub(super) handled: u32,
    pub(super) outcomes: VecDeque<Outcome>,
    /// Processes that are about to run their programs, or to fail to.
    pub(super) begun: VecDeque<(u32, Process, u32, Outcome)>,
    /// Whether the failure of a spawn has to wait, and the one that does.
    pub(super) unanswered: Option<Option<(u32, Process)>>,
    pub(super) record: Vec<String>,
}

/// An event that is not finished.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub number: u32,
    pub name: String,
    pub variables: Variables,
    pub offered: bool,
    pub failed: bool,
    /// How many conditions and jobs hold it up.
    pub blockers: usize,
    /// The job that waits until it is finished.
    pub holds: Option<u32>,
    /// The client that waits until it is finished.
    pub client: Option<usize>,
}

/// A reply that is on its way: about an instance, it shows the status that the instance has when it is sent.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status { client: usize, number: u32, class: &'static str },
    Words { client: usize, words: String },
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

    pub(super) fn owner(&self, pid: u32) -> Option<(&Job, Process)> {
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

    /// The consequences of the last happening.
    pub fn record(&self) -> &[String] {
        &self.record
    }

    /// Whether jobs start each other for ever.
    pub fn is_astray(&self) -> bool {
        self.handled > MOST_EVENTS
    }

    /// Adds an event to the queue.
    pub(super) fn emit(&mut self, name: &str, variables: Variables) -> u32 {
        let number = self.next_number();
        let name = name.to_owned();
        let event =
            Event { number, name, variables, offered: false, failed: false, blockers: 0, holds: None, client: None };
        self.events.push(event);
        number
    }

    pub(super) fn event(&mut self, number: u32) -> &mut Event {
        self.events.iter_mut().find(|event| event.number == number).expect("what is held up is there")
    }

    /// Something does not hold an event up any more.
    pub(super) fn unblock(&mut self, number: u32, failed: bool) {
        let event = self.event(number);
        event.failed |= failed;
        event.blockers -= 1;
    }

    /// Forgets all that a condition has seen.
    pub(super) fn reset(&mut self, condition: &mut Condition) {
        for leaf in condition.leaves() {
            if let Some(event) = leaf.held.take() {
                self.unblock(event, false);
            }
        }
    }

    pub(super) fn refuse(&mut self, client: usize, words: String) {
        self.answers.push(Answer::Words { client, words });
    }

    pub(super) fn answer(&mut self, client: usize, words: String) {
        self.answers.push(Answer::Words { client, words });
    }

    pub(super) fn answer_with_status(&mut self, client: usize, number: u32) {
        let class = self.job(number).class_name;
        self.answers.push(Answer::Status { client, number, class });
    }

    /// Sends the replies that are on their way.
    pub(super) fn send_answers(&mut self) {
        for answer in std::mem::take(&mut self.answers) {
            let (client, words) = match answer {
                Answer::Words { client, words } => (client, words),
                Answer::Status { client, number, class } => {
                    let job = self.jobs.iter().find(|job| job.number == number);
                    (client, job.map_or(format!("{class} stop/waiting"), Job::to_string))
                }
            };
            self.waiting.retain(|known| *known != client);
            self.note(format!("{}: {words}", crate::happening::letter(client)));
        }
    }
}
