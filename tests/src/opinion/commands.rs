//! What clients ask, and what they are told.

use uphold_core::{Goal, JobCommand, Process, Signal, State};

use super::job::{Job, Waiter};
use super::outside::Init;
use super::variables::Variables;

/// A reply that is on its way: about an instance, it shows the status that the instance has when it is sent.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Status { client: usize, number: u32, class: &'static str },
    Words { client: usize, words: String },
}

impl Init {
    /// A client asks something about a job. `words` are its name and its variables.
    pub(super) fn ask(&mut self, client: usize, command: JobCommand, wait: bool, words: &str) {
        let mut words = words.split(' ');
        let name = words.next().unwrap_or_default();
        let class = self.classes.iter().position(|class| class.name == name).expect("a job that is there");
        let given = Variables::of_words(words);
        let mut variables = self.class_variables(class);
        variables.add(&given);
        let instance = match self.instance_name(class, &variables) {
            Ok(instance) => instance,
            Err(unknown) => return self.refuse(client, format!("Unknown parameter: {unknown}")),
        };
        let known = self.jobs.iter().find(|job| job.class == class && job.instance == instance).map(|job| job.number);
        match (command, known) {
            (JobCommand::Start, _) => {
                let number = self.instance(class, &instance);
                self.ask_start(client, wait, number, variables);
            }
            (_, None) => self.refuse(client, format!("Unknown instance: {instance}")),
            (JobCommand::Stop, Some(number)) => self.ask_stop(client, wait, number, given),
            (JobCommand::Restart, Some(number)) => self.ask_restart(client, wait, number, variables),
            (JobCommand::Reload, Some(number)) => self.ask_reload(client, number),
            (JobCommand::Force, Some(_)) => unreachable!("the model knows no forced stop"),
        }
    }

    fn ask_start(&mut self, client: usize, wait: bool, number: u32, variables: Variables) {
        if self.job(number).goal == Goal::Start {
            let name = self.job(number).name();
            return self.refuse(client, format!("Job is already running: {name}"));
        }
        self.finish(number, false);
        self.job(number).next_variables = Some(variables);
        self.promise(client, wait, number, "Job failed to start");
        self.start(number);
    }

    /// Gives the goal start. A job that is to be respawned is respawned all the same.
    pub(super) fn start(&mut self, number: u32) {
        if self.job(number).goal != Goal::Respawn {
            self.set_goal(number, Goal::Start);
        }
    }

    fn ask_stop(&mut self, client: usize, wait: bool, number: u32, given: Variables) {
        if self.job(number).goal == Goal::Stop {
            let name = self.job(number).name();
            return self.refuse(client, format!("Job has already been stopped: {name}"));
        }
        self.finish(number, false);
        self.job(number).stop_variables = given;
        self.promise(client, wait, number, "Job failed while stopping");
        self.set_goal(number, Goal::Stop);
    }

    fn ask_restart(&mut self, client: usize, wait: bool, number: u32, variables: Variables) {
        if self.job(number).goal == Goal::Stop {
            let name = self.job(number).instance.clone();
            return self.refuse(client, format!("Job has already been stopped: {name}"));
        }
        self.finish(number, false);
        let job = self.job(number);
        job.next_variables = Some(variables);
        job.stop_variables = Variables::default();
        self.promise(client, wait, number, "Job failed to restart");
        // What is to be respawned is run again anyhow.
        if self.job(number).goal == Goal::Respawn {
            return;
        }
        self.set_goal(number, Goal::Stop);
        // Upstart calls the stop off if there is a pre-stop process.
        let is_put_off = self.job(number).state == State::PreStop;
        self.set_goal(number, if is_put_off { Goal::Respawn } else { Goal::Start });
    }

    fn ask_reload(&mut self, client: usize, number: u32) {
        match self.job(number).pid(Process::Main) {
            Some(pid) => {
                self.note(format!("{} to {pid}", Signal::HUP));
                self.answer(client, "done".to_owned());
            }
            None => {
                let name = self.job(number).name();
                self.refuse(client, format!("Job is not running: {name}"));
            }
        }
    }

    /// A client emits an event. `words` are its name and its variables.
    pub(super) fn ask_emit(&mut self, client: usize, wait: bool, words: &str) {
        let mut words = words.split(' ');
        let name = words.next().unwrap_or_default();
        let event = self.emit(name, Variables::of_words(words));
        if wait {
            self.event(event).client = Some(client);
        } else {
            self.answer(client, "done".to_owned());
        }
    }

    /// A client gets no reply any more.
    pub(super) fn hang_up(&mut self, client: usize) {
        for job in &mut self.jobs {
            job.waiters.retain(|waiter| !matches!(waiter, Waiter::Client(known, _) if *known == client));
        }
        for event in &mut self.events {
            event.client = event.client.filter(|known| *known != client);
        }
        self.waiting.retain(|known| *known != client);
    }

    /// A client waits for a job, or is told its status at once.
    fn promise(&mut self, client: usize, wait: bool, number: u32, words: &'static str) {
        if wait {
            self.job(number).waiters.push(Waiter::Client(client, words));
        } else {
            self.answer_with_status(client, number);
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
