//! The requests of clients, and the replies.

use uphold_core::{Goal, JobCommand, Process, Signal, State};

use super::job::Waiter;
use super::state::Init;
use super::variables::Variables;

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
        // A job with goal respawn is run again anyhow.
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

    /// A client waits for a job, or gets its status at once.
    fn promise(&mut self, client: usize, wait: bool, number: u32, words: &'static str) {
        if wait {
            self.job(number).waiters.push(Waiter::Client(client, words));
        } else {
            self.answer_with_status(client, number);
        }
    }
}
