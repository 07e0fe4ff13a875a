//! The parts of the state that follow from the records of an image, and therefore are not in it: hashes and the tables
//! that use them, live processes, counts, and everything that is reserved.

use super::error::Defect;
use crate::conf::ConditionText;
use crate::job::instance::hash_instance;
use crate::limits::EVENTS_PER_JOB;
use crate::machine::Supervisor;
use crate::memory::index::Fnv;
use crate::process::Process;
use crate::records::class::Phase;
use crate::records::process::LiveProcess;
use crate::records::waiter::{WaitQueue, WaiterKind};

fn need(sound: bool, what: &'static str) -> Result<(), Defect> {
    if sound { Ok(()) } else { Err(Defect::Unsound(what)) }
}

impl Supervisor<'_> {
    /// Enters classes, jobs, processes and names in their tables. Their texts are known.
    pub(super) fn enter_in_tables(&mut self) -> Result<(), Defect> {
        self.enter_classes()?;
        let mut at = self.names.first();
        while let Some(id) = at {
            if let Some(name) = self.names.get_mut(id) {
                name.hash = Fnv::new().with(self.text.get(name.text)).value();
            }
            self.name_index.insert(&mut self.names, id);
            at = self.names.after(id);
        }
        self.enter_jobs()
    }

    fn enter_classes(&mut self) -> Result<(), Defect> {
        let mut at = self.classes.first();
        while let Some(id) = at {
            let (start, stop) = self.conditions(id);
            need(start.is_well_formed() && stop.is_well_formed(), "a condition")?;
            let (start, stop) = (self.count_condition(start)?, self.count_condition(stop)?);
            if let Some(class) = self.classes.get_mut(id) {
                class.hash = Fnv::new().with(self.text.get(class.name)).value();
                (class.start_events, class.stop_events) = (start, stop);
                if class.is_current() {
                    self.class_index.insert(&mut self.classes, id);
                }
            }
            at = self.classes.after(id);
        }
        Ok(())
    }

    fn count_condition(&self, condition: ConditionText<'_>) -> Result<u8, Defect> {
        Ok(self.check_condition(condition)? as u8)
    }

    fn enter_jobs(&mut self) -> Result<(), Defect> {
        let mut at = self.jobs.first();
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.hash = hash_instance(job.class, self.text.get(job.name));
                if let Some(class) = self.classes.get_mut(job.class) {
                    class.instances = class.instances.saturating_add(1);
                }
            }
            self.job_index.insert(&mut self.jobs, id);
            for process in Process::ALL {
                let Some(pid) = self.jobs.get(id).and_then(|job| job.pid(process)) else { continue };
                need(self.owner(pid).is_none(), "two jobs with one process")?;
                let live = self.processes.insert(LiveProcess { pid, job: id, process, chain: None })?;
                self.pid_index.insert(&mut self.processes, live);
            }
            at = self.jobs.after(id);
        }
        Ok(())
    }

    /// Counts what blocks each event, and what each job has left of its reservation, and reserves that.
    pub(super) fn count(&mut self) -> Result<(), Defect> {
        self.count_blockers()?;
        self.count_waiters()?;
        self.count_job_events()?;
        let (mut events, mut waiters, mut text) = (0_usize, 0_usize, 0_usize);
        for id in self.jobs.ids() {
            let Some(job) = self.jobs.get(id) else { continue };
            events = events.saturating_add(usize::from(job.events_left));
            waiters = waiters.saturating_add(usize::from(job.waiters_left));
            text = text.saturating_add(job.text_reserved as usize);
        }
        self.events.reserve(events)?;
        self.waiters.reserve(waiters)?;
        self.text.reserve(events, text)?;
        let mut at = self.classes.first();
        while let Some(id) = at {
            if self.classes.get(id).is_some_and(|class| class.phase == Phase::Successor) {
                self.reserve_interests(id)?;
            }
            at = self.classes.after(id);
        }
        Ok(())
    }

    /// An event is blocked by each condition that holds it, and each job that it waits for.
    fn count_blockers(&mut self) -> Result<(), Defect> {
        let held = self.leaves.ids().filter_map(|id| self.leaves.get(id)?.event);
        let waiting = self.waiters.ids().filter_map(|id| match self.waiters.get(id)?.kind {
            WaiterKind::Event(event) => Some(event),
            _ => None,
        });
        for event in held.chain(waiting) {
            let event = self.events.get_mut(event).ok_or(Defect::Unsound("a blocked event"))?;
            event.blockers = event.blockers.saturating_add(1);
        }
        Ok(())
    }

    /// A job has a place for each event that may wait for it and does not.
    fn count_waiters(&mut self) -> Result<(), Defect> {
        let classes = &self.classes;
        self.jobs.each_mut(|job| {
            let class = classes.get(job.class).ok_or(Defect::Unsound("the class of a job"))?;
            job.waiters_left = class.most_waiting_events() as u8;
            Ok::<(), Defect>(())
        })?;
        for id in self.waiters.ids() {
            let Some(waiter) = self.waiters.get(id) else { continue };
            if let (WaitQueue::Job(job), WaiterKind::Event(_)) = (waiter.place, waiter.kind)
                && let Some(job) = self.jobs.get_mut(job)
            {
                let left = job.waiters_left.checked_sub(1);
                job.waiters_left = left.ok_or(Defect::Unsound("the number of events that wait for a job"))?;
            }
        }
        Ok(())
    }

    /// A job has room for its own events, less those that use a part of it.
    fn count_job_events(&mut self) -> Result<(), Defect> {
        self.jobs.each_mut(|job| {
            let text = job.event_text.checked_mul(EVENTS_PER_JOB as u32);
            job.events_left = EVENTS_PER_JOB as u8;
            job.text_reserved = text.ok_or(Defect::Unsound("the text of a job's events"))?;
            Ok::<(), Defect>(())
        })?;
        for id in self.events.ids() {
            let Some((owner, text)) = self.events.get(id).and_then(|event| event.owner.zip(event.reservation)) else {
                continue;
            };
            let Some(job) = self.jobs.get_mut(owner) else { continue };
            let left = job.events_left.checked_sub(1).zip(job.text_reserved.checked_sub(text));
            (job.events_left, job.text_reserved) = left.ok_or(Defect::Unsound("a job's own events"))?;
        }
        Ok(())
    }
}
