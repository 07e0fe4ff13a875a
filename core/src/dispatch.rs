//! Offering an event to the conditions that name it, and acting on those that come true.

use crate::bytes::{Strings, split_variable};
use crate::condition::{Held, Whose};
use crate::conf::{ExpandError, expand};
use crate::effect::Denial;
use crate::ending::SESSION_END;
use crate::environment::find_value;
use crate::event::Dispatch;
use crate::lifecycle::Goal;
use crate::limits::{Full, INSTANCE_NAME, Limit};
use crate::notice::Notice;
use crate::storage::{ClassId, JobId};
use crate::supervisor::Supervisor;
use crate::text::Text;
use crate::waiter::{Outcome, Who};

impl Supervisor<'_> {
    /// One step of offering: one condition, or on to the next.
    pub(crate) fn dispatch(&mut self, at: Dispatch) {
        let Some(interest) = at.interest.and_then(|interest| self.interests.get(interest)) else {
            self.core.dispatch = None;
            return self.dispatched(at.event);
        };
        let (class, after) = (interest.class, interest.after);
        let next = match at.job {
            _ if at.begun != at.interest => {
                let job = self.classes.get(class).and_then(|class| class.first_job);
                Dispatch { begun: at.interest, job, ..at }
            }
            Some(job) => {
                let following = self.jobs.get(job).and_then(|job| job.after);
                self.offer_stop(job, at);
                Dispatch { job: following, ..at }
            }
            None => {
                self.offer_start(class, at);
                Dispatch { interest: after, ..at }
            }
        };
        self.core.dispatch = Some(next);
    }

    fn offer_stop(&mut self, job: JobId, at: Dispatch) {
        let whose = Whose::Stop(job);
        let held = self.offer(whose, at.event);
        if held == 0 {
            return;
        }
        if self.jobs.get(job).is_some_and(|job| job.goal != Goal::Stop) {
            let class = self.jobs.get(job).map(|job| job.class);
            let collected = self.collect(whose, held, b"UPSTART_STOP_EVENTS=");
            // Without room for the variables it is stopped all the same.
            let environment = collected.and_then(|environment| self.import(class, environment));
            let environment = environment.unwrap_or_else(|full| {
                self.say_full(job, full);
                Text::EMPTY
            });
            if let Some(job) = self.jobs.get_mut(job) {
                self.text.replace(&mut job.stop_environment, environment);
            }
            self.answer_waiters(job, Outcome::Released);
            self.block_held(job, whose, held);
            self.set_goal(job, Goal::Stop);
        }
        self.reset_condition(whose);
    }

    fn offer_start(&mut self, class: ClassId, at: Dispatch) {
        let whose = Whose::Start(class);
        let held = self.offer(whose, at.event);
        if held == 0 {
            return;
        }
        let about_end = self.core.ending.is_on() && self.event_is_named(at.event, SESSION_END);
        if (about_end || !self.core.ending.refuses_starts())
            && let Err(refused) = self.start_for_events(class, whose, held)
        {
            match refused {
                Refused::NoInstance(why) => self.say_later(Notice::NoInstance { class, why }),
                Refused::Full(full) => {
                    self.say_later(Notice::Full { class, limit: full.limit });
                    // Who emitted the event is to know that it has not done all it should.
                    for place in 0..Held::BITS as usize {
                        self.held_event(whose, held, place).into_iter().for_each(|event| self.mark_failed(event));
                    }
                }
            }
        }
        self.reset_condition(whose);
    }

    fn start_for_events(&mut self, class: ClassId, whose: Whose, held: Held) -> Result<(), Refused> {
        let environment = self.collect(whose, held, b"UPSTART_EVENTS=").map_err(Refused::Full)?;
        let job = match self.instance_for(class, environment) {
            Ok(job) if self.jobs.get(job).is_some_and(|job| job.goal == Goal::Start) => {
                self.text.free(environment);
                return Ok(());
            }
            Ok(job) => job,
            Err(refused) => {
                self.text.free(environment);
                return Err(refused);
            }
        };
        let environment = self.import(Some(class), environment).map_err(|full| {
            self.free_if_at_rest(job);
            Refused::Full(full)
        })?;
        self.prepare_start(job, environment).map_err(Refused::Full)?;
        self.answer_waiters(job, Outcome::Released);
        self.block_held(job, whose, held);
        self.want_started(job);
        Ok(())
    }

    /// The instance that a class's `instance` stanza names with these variables, made if there is none.
    fn instance_for(&mut self, class: ClassId, environment: Text) -> Result<JobId, Refused> {
        let name = self.expand_instance(class, Strings(self.text.get(environment)));
        self.note_instance(name).map_err(|denial| match denial {
            Denial::Full(limit) => Refused::Full(Full { limit }),
            why => Refused::NoInstance(why),
        })?;
        match self.find_job(class, self.scratch) {
            Some(job) => Ok(job),
            None => self.make_job(class).map_err(Refused::Full),
        }
    }

    /// Gives a job its next start environment, and sets aside the text that its events will then need. On failure the
    /// environment is freed, and so is a job that had just been made.
    pub(crate) fn prepare_start(&mut self, id: JobId, environment: Text) -> Result<(), Full> {
        if let Err(full) = self.reserve_event_text(id, environment) {
            self.text.free(environment);
            self.free_if_at_rest(id);
            return Err(full);
        }
        if let Some(job) = self.jobs.get_mut(id)
            && let Some(old) = job.next_environment.replace(environment)
        {
            self.text.free(old);
        }
        Ok(())
    }

    /// The name of the instance that a class's `instance` stanza gives with these variables; or, if it names one that is
    /// not set, that variable's name.
    pub(crate) fn expand_instance(&self, class: ClassId, environment: Strings<'_>) -> Expansion {
        let pattern = self.classes.get(class).map_or(Text::EMPTY, |class| class.instance);
        let mut text: heapless::Vec<u8, INSTANCE_NAME> = heapless::Vec::new();
        let lookup = |name: &[u8]| find_value(environment, name).or_else(|| self.class_variable(class, name));
        let expanded = expand(self.text.get(pattern), lookup, text.as_mut_view());
        let (name, result) = match expanded {
            Ok(()) => (0..text.len(), Ok(())),
            Err(ExpandError::UnknownParameter { name_at }) => {
                (name_at..text.len(), Err(Denial::UnknownParameter(class)))
            }
            Err(ExpandError::MismatchedBraces) => (0..0, Err(Denial::MismatchedBraces)),
            Err(ExpandError::ExpectedOperator) => (0..0, Err(Denial::ExpectedOperator)),
            Err(ExpandError::Full | ExpandError::NestedTooDeep) => (0..0, Err(Denial::Full(Limit::InstanceName))),
        };
        Expansion { text, name, result }
    }

    /// Leaves what an expansion gave in scratch memory.
    pub(crate) fn note_instance(&mut self, expansion: Expansion) -> Result<(), Denial> {
        self.scratch.clear();
        let name = expansion.text.get(expansion.name).unwrap_or(&[]);
        self.scratch.extend_from_slice(name).map_err(|_| Denial::Full(Limit::InstanceName))?;
        expansion.result
    }

    /// The variables of the events that made a condition true, later ones after earlier ones, and the list of their names.
    fn collect(&mut self, whose: Whose, held: Held, list: &[u8]) -> Result<Text, Full> {
        self.text.begin()?;
        for place in 0..Held::BITS as usize {
            if let Some(event) = self.held_event(whose, held, place).and_then(|event| self.events.get(event)) {
                let environment = event.environment;
                self.text.push_text(environment)?;
            }
        }
        self.text.push(list)?;
        let mut separator: &[u8] = b"";
        for place in 0..Held::BITS as usize {
            let Some(event) = self.held_event(whose, held, place) else { continue };
            self.text.push(core::mem::replace(&mut separator, b" "))?;
            self.push_event_name(event)?;
        }
        self.text.push(b"\0")?;
        Ok(self.text.finish())
    }

    /// Cuts what events gave down to what a class imports and what Upstart adds, if the class imports anything. What the
    /// events gave is used up, whatever comes of it.
    fn import(&mut self, class: Option<ClassId>, environment: Text) -> Result<Text, Full> {
        let imports = class.and_then(|class| self.classes.get(class)).map_or(Text::EMPTY, |class| class.imports);
        if imports.is_empty() {
            return Ok(environment);
        }
        let imported = self.text.begin().and_then(|()| {
            let mut from = 0;
            loop {
                let rest = self.text.get(environment).get(from..).unwrap_or(&[]);
                let Some(end) = rest.iter().position(|&byte| byte == 0) else { break };
                let (entry, len) = (&rest[..end], end + 1);
                let name = split_variable(entry).0;
                let is_imported = Strings(self.text.get(imports)).iter().any(|import| import == name);
                if is_imported || name.starts_with(b"UPSTART_") {
                    self.text.push_part(environment, from, len)?;
                }
                from += len;
            }
            Ok(self.text.finish())
        });
        self.text.free(environment);
        imported
    }

    /// Has every event that made a condition true wait for the job, each once.
    fn block_held(&mut self, job: JobId, whose: Whose, held: Held) {
        for place in 0..Held::BITS as usize {
            let Some(event) = self.held_event(whose, held, place) else { continue };
            let counted = (0..place).any(|earlier| self.held_event(whose, held, earlier) == Some(event));
            if counted {
                continue;
            }
            match self.wait_for_job(job, Who::Event(event)) {
                Ok(()) => self.block_event(event),
                Err(full) => self.say_full(job, full),
            }
        }
    }

    fn say_full(&mut self, job: JobId, full: Full) {
        if let Some(class) = self.jobs.get(job).map(|job| job.class) {
            self.say_later(Notice::Full { class, limit: full.limit });
        }
    }
}

/// What the expansion of an `instance` stanza gave.
pub(crate) struct Expansion {
    text: heapless::Vec<u8, INSTANCE_NAME>,
    /// Which part of the text is the instance's name, or the unknown variable's.
    name: core::ops::Range<usize>,
    result: Result<(), Denial>,
}

/// Why an event could not start a job.
enum Refused {
    /// The variables give no name of an instance.
    NoInstance(Denial),
    Full(Full),
}
