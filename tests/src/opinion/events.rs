//! Events: emitted, offered to every condition, finished when nothing holds them up.

use uphold_core::Goal;

use super::condition::Condition;
use super::job::Waiter;
use super::state::{Event, Init};
use super::variables::Variables;

impl Init {
    /// Handles events in their order, until none is left that can be handled.
    pub(super) fn poll_events(&mut self) {
        let mut last = 0;
        let mut found = false;
        loop {
            // Those that were emitted meanwhile are at the end of the queue.
            let ripe = |event: &&Event| event.number > last && (!event.offered || event.blockers == 0);
            match self.events.iter().find(ripe).map(|event| event.number) {
                Some(number) => {
                    (last, found) = (number, true);
                    if !self.event(number).offered {
                        self.offer(number);
                    }
                    if self.event(number).blockers == 0 {
                        self.finish_event(number);
                    }
                    self.send_answers();
                }
                None if found => (last, found) = (0, false),
                None => return,
            }
            if self.is_astray() {
                return;
            }
        }
    }

    /// Offers an event to the conditions of every class: first to those that stop its instances, then to the one that
    /// starts one.
    fn offer(&mut self, number: u32) {
        self.event(number).offered = true;
        let name = self.event(number).name.clone();
        self.note(format!("Handling {name} event"));
        for class in 0..self.classes.len() {
            let jobs: Vec<u32> = self.jobs.iter().filter(|job| job.class == class).map(|job| job.number).collect();
            for job in jobs {
                self.offer_to_stop(job, number);
            }
            self.offer_to_start(class, number);
        }
    }

    /// Lets a condition see an event. Returns whether that made it true.
    fn look(&mut self, condition: &mut Condition, number: u32, own: &Variables) -> bool {
        let event = self.event(number);
        let mut matched = false;
        for leaf in condition.leaves() {
            if leaf.held.is_none() && leaf.matches(&event.name, &event.variables, own) {
                leaf.held = Some(number);
                event.blockers += 1;
                matched = true;
            }
        }
        matched && condition.is_true()
    }

    /// The variables of the events that made a condition true, and their names.
    fn variables_of(&mut self, condition: &Condition, names: &str) -> Variables {
        let mut all = Variables::default();
        let mut list = Vec::new();
        for number in condition.causes() {
            let event = self.event(number).clone();
            all.add(&event.variables);
            list.push(event.name);
        }
        all.set(names, &list.join(" "));
        all
    }

    fn offer_to_stop(&mut self, number: u32, event: u32) {
        let Some(mut condition) = self.job(number).stop_on.clone() else { return };
        let own = self.job(number).variables.clone();
        if self.look(&mut condition, event, &own) {
            if self.job(number).goal != Goal::Stop {
                let variables = self.variables_of(&condition, "UPSTART_STOP_EVENTS");
                self.finish(number, false);
                self.job(number).stop_variables = variables;
                self.hold_up(&condition, number);
                self.job(number).stop_on = None;
                self.set_goal(number, Goal::Stop);
            }
            self.reset(&mut condition);
        }
        if self.lives(number) {
            self.job(number).stop_on = Some(condition);
        }
    }

    fn offer_to_start(&mut self, class: usize, event: u32) {
        let Some(mut condition) = self.classes[class].start_on.clone() else { return };
        if self.look(&mut condition, event, &Variables::default()) {
            let mut variables = self.class_variables(class);
            let of_events = self.variables_of(&condition, "UPSTART_EVENTS");
            variables.add(&of_events);
            match self.instance_name(class, &variables) {
                Ok(name) => {
                    let number = self.instance(class, &name);
                    if self.job(number).goal != Goal::Start {
                        self.finish(number, false);
                        self.job(number).next_variables = Some(variables);
                        self.hold_up(&condition, number);
                        self.start(number);
                    }
                }
                Err(unknown) => {
                    let name = self.classes[class].name;
                    self.note(format!("Failed to obtain {name} instance: Unknown parameter: {unknown}"));
                }
            }
            self.reset(&mut condition);
        }
        self.classes[class].start_on = Some(condition);
    }

    /// The events that made a condition true wait for the job, but for one that would wait for itself so. (In Upstart
    /// the job and the event wait for each other for ever.)
    fn hold_up(&mut self, condition: &Condition, number: u32) {
        for cause in condition.causes() {
            if self.awaits(number, cause) {
                let name = self.job(number).name();
                let event = self.event(cause).clone();
                let owner = event.holds.map(|owner| self.job(owner).name()).unwrap_or_default();
                let waits = format!("{name} waits for the event {} of {owner}", event.name);
                let line = format!("{waits}, which would wait for {name}: the event does not wait");
                // One event may have made two parts true.
                if self.record().last() != Some(&line) {
                    self.note(line);
                }
            } else {
                self.event(cause).blockers += 1;
                self.job(number).waiters.push(Waiter::Event(cause));
            }
        }
    }

    /// Whether a job waits for an event, or for one that waits for a job which does, and so on.
    fn awaits(&self, number: u32, event: u32) -> bool {
        let held_by = self.events.iter().filter(|other| other.holds == Some(number));
        held_by.into_iter().any(|other| {
            let awaited = self.jobs.iter().filter(|job| job.waiters.contains(&Waiter::Event(other.number)));
            other.number == event || awaited.into_iter().any(|job| self.awaits(job.number, event))
        })
    }

    /// Nothing holds an event up any more. First the job that waited for it moves, as far as the next spawn. Then the
    /// failure of the event is emitted. The failure of that spawn comes last.
    fn finish_event(&mut self, number: u32) {
        let event = self.event(number).clone();
        self.events.retain(|event| event.number != number);
        if let Some(job) = event.holds {
            self.unanswered = Some(None);
            self.go_on(job);
        }
        let refused = self.unanswered.take().flatten();
        match event.client {
            Some(client) if event.failed => self.refuse(client, "Event failed".to_owned()),
            Some(client) => self.answer(client, "done".to_owned()),
            None => {}
        }
        if event.failed && !event.name.ends_with("/failed") {
            let name = format!("{}/failed", event.name);
            self.emit(&name, event.variables);
        }
        if let Some((job, process)) = refused {
            self.not_spawned(job, process, "fork");
            self.go_on(job);
        }
    }
}
