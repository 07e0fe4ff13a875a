//! Offering an event to the conditions that name it, acting on those that come true, and finishing the event.

use crate::answer::{Answer, Denial};
use crate::bytes::{Strings, split_variable};
use crate::class::instance::Expansion;
use crate::event::condition::{ConditionOf, Held};
use crate::event::emit::FAILED;
use crate::ids::{ClassId, EventId, JobId};
use crate::job::waiters::WaitResult;
use crate::limits::Full;
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::memory::index::Fnv;
use crate::notice::Notice;
use crate::records::event::{Dispatch, EventName, Progress};
use crate::records::job::Hold;
use crate::records::shutdown::SESSION_END;
use crate::records::waiter::WaiterKind;
use crate::state::Goal;

/// The reason for which an event does not start a job.
enum Refused {
    /// The variables do not give the name of an instance, or there may be no more of them.
    NoInstance(Denial),
    Full(Full),
}

impl Supervisor<'_> {
    /// One step of offering an event: one condition, or on to the next.
    pub(crate) fn dispatch(&mut self, at: Dispatch) {
        let Some(interest) = at.interest.and_then(|interest| self.interests.get(interest)) else {
            self.globals.dispatch = None;
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
        self.globals.dispatch = Some(next);
    }

    fn offer_stop(&mut self, job: JobId, at: Dispatch) {
        let of = ConditionOf::Stop(job);
        let held = self.offer(of, at.event);
        if held == 0 {
            return;
        }
        if let Some(job) = self.jobs.get_mut(job) {
            job.respawns.set_retried(false);
        }
        if self.jobs.get(job).is_some_and(|job| job.goal != Goal::Stop) {
            let class = self.jobs.get(job).map(|job| job.class);
            let collected = self.collect(of, held, b"UPSTART_STOP_EVENTS=");
            // Without room for the variables the job is stopped all the same.
            let environment = collected.and_then(|environment| self.import(class, environment));
            let environment = environment.unwrap_or_else(|full| {
                self.log_full(job, full);
                TextHandle::EMPTY
            });
            if let Some(job) = self.jobs.get_mut(job) {
                self.text.replace(&mut job.stop_environment, environment);
            }
            self.answer_waiters(job, WaitResult::Released);
            self.block_held(job, of, held);
            self.set_goal(job, Goal::Stop);
        }
        self.reset_condition(of);
    }

    fn offer_start(&mut self, class: ClassId, at: Dispatch) {
        let of = ConditionOf::Start(class);
        let held = self.offer(of, at.event);
        if held == 0 {
            return;
        }
        let about_end = self.globals.shutdown.is_on() && self.event_is_named(at.event, SESSION_END);
        if (about_end || !self.globals.shutdown.refuses_starts())
            && let Err(refused) = self.start_for_events(class, at.event, held)
        {
            match refused {
                Refused::NoInstance(why) => self.log(Notice::NoInstance { class, why }),
                Refused::Full(full) => {
                    self.log(Notice::Full { class, limit: full.limit });
                    // The client that emitted the event gets an error, since the event has not done all it should.
                    for place in 0..Held::BITS as usize {
                        self.held_event(of, held, place).into_iter().for_each(|event| self.mark_failed(event));
                    }
                }
            }
        }
        self.reset_condition(of);
    }

    fn start_for_events(&mut self, class: ClassId, event: EventId, held: Held) -> Result<(), Refused> {
        let of = ConditionOf::Start(class);
        let environment = self.collect(of, held, b"UPSTART_EVENTS=").map_err(Refused::Full)?;
        let job = match self.instance_for(class, environment) {
            Ok(id)
                if self.jobs.get(id).is_some_and(|job| job.goal == Goal::Start && self.hold_of(id) != Hold::Retry) =>
            {
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
        self.answer_waiters(job, WaitResult::Released);
        self.block_held(job, of, held);
        self.note_cause(class, event);
        self.want_started(job);
        Ok(())
    }

    /// The instance that the `instance` stanza names with these variables, made if it does not exist.
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    fn instance_for(&mut self, class: ClassId, environment: TextHandle) -> Result<JobId, Refused> {
        let mut expansion = Expansion::new();
        self.expand_instance(class, Strings(self.text.get(environment)), &mut expansion);
        self.note_instance(&expansion).map_err(|denial| match denial {
            Denial::Full(limit) => Refused::Full(Full { limit }),
            why => Refused::NoInstance(why),
        })?;
        match self.find_job(class, self.scratch) {
            Some(job) => Ok(job),
            None => {
                self.check_instances(class).map_err(Refused::NoInstance)?;
                self.make_job(class).map_err(Refused::Full)
            }
        }
    }

    /// The variables of the events that made a condition true, in their order, and the list of the events' names.
    fn collect(&mut self, of: ConditionOf, held: Held, list: &[u8]) -> Result<TextHandle, Full> {
        self.text.begin()?;
        for place in 0..Held::BITS as usize {
            if let Some(event) = self.held_event(of, held, place).and_then(|event| self.events.get(event)) {
                let environment = event.environment;
                self.text.push_text(environment)?;
            }
        }
        self.text.push(list)?;
        let mut separator: &[u8] = b"";
        for place in 0..Held::BITS as usize {
            let Some(event) = self.held_event(of, held, place) else { continue };
            self.text.push(core::mem::replace(&mut separator, b" "))?;
            self.push_event_name(event)?;
        }
        self.text.push(b"\0")?;
        Ok(self.text.finish())
    }

    /// Reduces the variables of events to those that the class imports and those of Upstart, if the class has `import`.
    /// The given text is freed in any case.
    fn import(&mut self, class: Option<ClassId>, environment: TextHandle) -> Result<TextHandle, Full> {
        let imports = class.and_then(|class| self.classes.get(class)).map_or(TextHandle::EMPTY, |class| class.imports);
        if imports.is_empty() {
            return Ok(environment);
        }
        let imported = self.text.begin().and_then(|()| {
            let mut from = 0;
            loop {
                let rest = self.text.get(environment).get(from..).unwrap_or(&[]);
                let Some(end) = rest.iter().position(|&byte| byte == 0) else { break };
                let (entry, len) = (rest.get(..end).unwrap_or(&[]), end.saturating_add(1));
                let name = split_variable(entry).0;
                let is_imported = Strings(self.text.get(imports)).iter().any(|import| import == name);
                if is_imported || name.starts_with(b"UPSTART_") {
                    self.text.push_part(environment, from, len)?;
                }
                from = from.saturating_add(len);
            }
            Ok(self.text.finish())
        });
        self.text.free(environment);
        imported
    }

    /// Makes every event that made a condition true wait for the job, each once, unless the job itself waits for it.
    fn block_held(&mut self, job: JobId, of: ConditionOf, held: Held) {
        for place in 0..Held::BITS as usize {
            let Some(event) = self.held_event(of, held, place) else { continue };
            let counted = (0..place).any(|earlier| self.held_event(of, held, earlier) == Some(event));
            if counted {
                continue;
            }
            // Neither would ever go on.
            if self.waits_for(job, event) {
                self.log_once_round(job, Notice::WaitCircle { job, event });
                continue;
            }
            match self.wait_for_job(job, WaiterKind::Event(event)) {
                Ok(()) => self.block_event(event),
                Err(full) => self.log_full(job, full),
            }
        }
    }

    fn log_full(&mut self, job: JobId, full: Full) {
        if let Some(class) = self.jobs.get(job).map(|job| job.class) {
            self.log(Notice::Full { class, limit: full.limit });
        }
    }

    /// Takes the next event on the agenda, and begins to offer it, or finishes it.
    pub(crate) fn next_event(&mut self) -> bool {
        let Some(id) = self.next_on_agenda() else { return false };
        self.globals.drained = self.globals.drained.saturating_add(1);
        match self.events.get(id).map(|event| event.progress) {
            Some(Progress::Pending) => {
                let (name, rest) = self.event_name(id);
                let hash = Fnv::new().with(name).with(rest).value();
                let interest = self.first_interest(hash, |name| self.event_is_named(id, name));
                self.globals.dispatch = Some(Dispatch { event: id, interest, begun: None, job: None });
                self.log(Notice::HandlingEvent(id));
            }
            Some(Progress::Finished) => self.finish_event(id),
            _ => {}
        }
        true
    }

    /// The event was offered to every condition.
    pub(crate) fn dispatched(&mut self, id: EventId) {
        let Some(event) = self.events.get_mut(id) else { return };
        if event.blockers > 0 {
            event.progress = Progress::Handling;
        } else {
            self.finish_event(id);
        }
    }

    /// Ends the wait for an event. An event that failed is followed by `NAME/failed`, once.
    fn finish_event(&mut self, id: EventId) {
        let failed = self.events.get(id).is_some_and(|event| event.failed);
        while let Some(waiter) = self.events.get_mut(id).and_then(|event| event.waiters.pop(&mut self.waiters)) {
            match self.waiters.get(waiter).map(|waiter| waiter.kind) {
                Some(WaiterKind::Emitter(client)) => {
                    let answer = if failed { Answer::Denied(Denial::EventFailed) } else { Answer::Done };
                    self.settle(waiter, client, answer, false);
                }
                _ => {
                    self.waiters.remove(waiter);
                }
            }
        }
        let Some(event) = self.events.get_mut(id) else { return };
        // At most one job waits for a job event, and that is its owner.
        let owner = event.owner;
        if let Some(job) = owner.filter(|&job| self.jobs.get(job).is_some_and(|job| job.blocker == Some(id))) {
            if let Some(job) = self.jobs.get_mut(job) {
                job.blocker = None;
            }
            self.go_on(job);
        }
        if failed && !self.is_of_failure(id) {
            self.globals.failing = Some(id);
        } else {
            self.free_event(id);
        }
    }

    /// Turns a finished event that failed into `NAME/failed`, once the job that it released waits again: what that job
    /// emits on its way comes first (measured on Upstart 1.13.2).
    pub(crate) fn report_failure(&mut self) {
        let Some(id) = self.globals.failing else { return };
        let moves = |job| self.jobs.get(job).is_some_and(|job| !job.waiting);
        if !self.event_owner(id).is_some_and(moves) {
            self.globals.failing = None;
            self.turn_into_failure(id);
        }
    }

    fn is_of_failure(&self, id: EventId) -> bool {
        self.events.get(id).is_some_and(|event| match event.name {
            EventName::Named(text) => event.of_failure || self.text.get(text).ends_with(FAILED),
            EventName::Job(_) => event.of_failure,
        })
    }

    /// Turns a finished event into `NAME/failed`, with the same variables: a new event on the agenda, but in the same
    /// slot, so that it cannot be refused.
    fn turn_into_failure(&mut self, id: EventId) {
        self.leave_agenda(id);
        self.enter_agenda(id);
        if let Some(event) = self.events.get_mut(id) {
            event.of_failure = true;
            event.failed = false;
            event.progress = Progress::Pending;
        }
        self.globals.agenda.add_pending();
    }
}
