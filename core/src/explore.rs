//! Support for an exhaustive search of the machine's states: makes states equal that differ in nothing relevant.
//!
//! Only tests call these methods. They are public because the tests are a package of their own.

use core::hash::{Hash, Hasher};
use core::num::NonZeroU32;

use crate::ids::{ClassId, ClientId, EventId, Id, JobId, LeafId, kind};
use crate::machine::Supervisor;
use crate::memory::arena::TextHandle;
use crate::memory::queue::Queue;
use crate::process::Pid;
use crate::records::class::{Class, Phase};
use crate::records::event::Dispatch;
use crate::records::job::{Failure, Job};
use crate::records::waiter::WaiterKind;
use crate::tables::respawn::RespawnLimit;
use crate::time::Instant;

#[doc(hidden)]
impl Supervisor<'_> {
    /// Sets every clock back by so many milliseconds; deadlines before `now` are dropped. Process ids that are not
    /// `known` any more are forgotten. So states that differ in nothing relevant become one, and a search of all states
    /// ends.
    pub fn rebase_time(&mut self, now: Instant, milliseconds: u64, known: impl Fn(Pid) -> bool) {
        let earlier = |at: Instant| Instant(at.0.saturating_sub(milliseconds));
        for timer in self.timers.heap.iter_mut() {
            timer.at = earlier(timer.at);
        }
        let mut at = self.jobs.first();
        while let Some(id) = at {
            if let Some(job) = self.jobs.get_mut(id) {
                job.follow.fresh_until =
                    if job.follow.fresh_until <= now { Instant::default() } else { earlier(job.follow.fresh_until) };
                job.follow.launched = job.follow.launched.filter(|&pid| known(pid));
                // Whether there was such a process still matters.
                job.follow.middle = job.follow.middle.map(|pid| if known(pid) { pid } else { Pid::MAX });
                job.follow.start_by = job.follow.start_by.map(earlier);
                let limit = self.classes.get(job.class).map_or(RespawnLimit::DEFAULT, |class| class.limit);
                job.respawns.rebase_time(now, limit, milliseconds);
            }
            at = self.jobs.after(id);
        }
        self.globals.shutdown.rebase_time(milliseconds);
        self.globals.due = earlier(self.globals.due);
        // The order of free slots must not depend on what was in them before.
        self.jobs.sort_free();
        self.processes.sort_free();
        self.events.sort_free();
        self.waiters.sort_free();
        self.leaves.sort_free();
    }

    /// Hashes what decides the machine's behaviour, so that states which differ in names only have the same hash: ids,
    /// clients and process ids are only names. `number` gives a process the number that counts. The slots of jobs
    /// decide in which order a shutdown stops them, so they count too if `slots` says so. Texts count if `texts` says
    /// so; otherwise everything is left out that only programs and people read: the environments of jobs and events,
    /// details of failures, and which lessons were logged.
    pub fn hash_alike<H: Hasher>(&self, hasher: &mut H, texts: bool, slots: bool, number: impl Fn(Pid) -> Pid) {
        let hasher = &mut self.text.by_content(hasher);
        let mut walk = Walk { all: self, hasher, texts, slots, number, clients: heapless::Vec::new() };
        let classes: heapless::Vec<ClassId, CLASSES> = walk.classes_in_order();
        for &id in &classes {
            walk.class(id);
        }
        let mut at = self.jobs.first().filter(|_| slots);
        while let Some(id) = at {
            id.hash(walk.hasher);
            walk.job(id);
            at = self.jobs.after(id);
        }
        for &class in classes.iter().filter(|_| !slots) {
            let mut at = self.classes.get(class).and_then(|class| class.first_job);
            while let Some((id, job)) = at.and_then(|id| Some((id, self.jobs.get(id)?))) {
                walk.job(id);
                at = job.after;
            }
        }
        walk.names();
        walk.events();
        walk.rest();
    }
}

/// The most classes of a state that is hashed.
const CLASSES: usize = 8;

/// The most event names of such a state.
const NAMES: usize = 32;

/// The most clients of such a state.
const CLIENTS: usize = 16;

/// A walk along the lists of a state. An id is hashed as the place of its thing on the walk.
struct Walk<'s, 'm, H, F> {
    all: &'s Supervisor<'m>,
    hasher: &'s mut H,
    texts: bool,
    slots: bool,
    number: F,
    /// The clients, in the order in which they were met.
    clients: heapless::Vec<ClientId, CLIENTS>,
}

/// A place in a list of what the walk has not met.
const NOWHERE: u32 = u32::MAX;

impl<H: Hasher, F: Fn(Pid) -> Pid> Walk<'_, '_, H, F> {
    /// The classes by name, a successor after the one that it succeeds.
    fn classes_in_order(&self) -> heapless::Vec<ClassId, CLASSES> {
        let mut classes: heapless::Vec<ClassId, CLASSES> = self.all.classes.ids().collect();
        let key = |class: &Class| (class.hash, class.phase == Phase::Successor);
        classes.sort_unstable_by_key(|&id| (self.all.classes.get(id).map(key), id.index()));
        classes
    }

    fn class_place(&self, id: ClassId) -> u32 {
        let Some(class) = self.all.classes.get(id) else { return NOWHERE };
        let key = |class: &Class, id: ClassId| (class.hash, class.phase == Phase::Successor, id.index());
        let own = key(class, id);
        let is_before = |&other: &ClassId| self.all.classes.get(other).is_some_and(|class| key(class, other) < own);
        self.all.classes.ids().filter(is_before).count() as u32
    }

    fn job_place(&self, id: JobId) -> u32 {
        let Some(job) = self.all.jobs.get(id) else { return NOWHERE };
        if self.slots {
            return id.index() as u32;
        }
        let mut place = 0_u32;
        let mut at = job.before;
        while let Some(job) = at.and_then(|at| self.all.jobs.get(at)) {
            place = place.saturating_add(1);
            at = job.before;
        }
        self.class_place(job.class).saturating_mul(1 << 8).saturating_add(place)
    }

    fn event_place(&self, id: EventId) -> u32 {
        let mut place = 0_u32;
        let mut at = self.all.globals.agenda.first;
        while let Some(event) = at.filter(|&at| at != id).and_then(|at| self.all.events.get(at)) {
            place = place.saturating_add(1);
            at = event.after;
        }
        if at.is_some() { place } else { NOWHERE }
    }

    fn client_place(&mut self, id: ClientId) -> u32 {
        let known = self.clients.iter().position(|&known| known == id);
        let place = known.unwrap_or(self.clients.len());
        if known.is_none() && self.clients.push(id).is_err() {
            return id.slot.saturating_add(1 << 16);
        }
        place as u32
    }

    fn class(&mut self, id: ClassId) {
        let Some(mut class) = self.all.classes.get(id).cloned() else { return };
        let held = class.start_leaves;
        (class.successor.map(|id| self.class_place(id)), class.cause.map(|id| self.class_place(id))).hash(self.hasher);
        (class.first_job, class.last_job, class.chain, class.interests) = Default::default();
        (class.start_leaves, class.successor, class.cause) = Default::default();
        if !self.texts {
            class.lessons = 0;
        }
        class.hash(self.hasher);
        self.held(held);
    }

    fn job(&mut self, id: JobId) {
        let number = &self.number;
        let Some(mut job) = self.all.jobs.get(id).cloned() else { return };
        (self.class_place(job.class), job.blocker.map(|event| self.event_place(event))).hash(self.hasher);
        (job.before.map(|id| self.job_place(id)), job.link.map(|id| self.job_place(id))).hash(self.hasher);
        let (held, waiters) = (job.stop_leaves, job.waiters);
        // It follows from the class and the name.
        (job.class, job.hash) = (Id::new(0, NonZeroU32::MIN), 0);
        (job.before, job.after, job.link, job.chain, job.timer) = Default::default();
        (job.blocker, job.stop_leaves, job.waiters) = Default::default();
        job.pids = job.pids.map(|pid| pid.map(number));
        job.follow.launched = job.follow.launched.map(number);
        job.follow.middle = job.follow.middle.map(number);
        if !self.texts {
            job.erase_texts();
        }
        job.hash(self.hasher);
        self.held(held);
        self.queue(waiters);
    }

    /// The events that the leaves of a condition hold.
    fn held(&mut self, first: Option<LeafId>) {
        for event in self.all.leaf_events(first) {
            event.map(|event| self.event_place(event)).hash(self.hasher);
        }
    }

    fn queue(&mut self, queue: Queue<kind::Waiter>) {
        let mut at = queue.head();
        while let Some(waiter) = at.and_then(|at| self.all.waiters.get(at)) {
            match waiter.kind {
                WaiterKind::Client(client, command) => (1_u8, self.client_place(client), command).hash(self.hasher),
                WaiterKind::Emitter(client) => (2_u8, self.client_place(client)).hash(self.hasher),
                WaiterKind::Event(event) => (3_u8, self.event_place(event)).hash(self.hasher),
                WaiterKind::Answered(client, answer) => (4_u8, self.client_place(client), answer).hash(self.hasher),
            }
            at = waiter.link;
        }
        0_u8.hash(self.hasher);
    }

    /// The classes that each event is offered to, in their order.
    fn names(&mut self) {
        let mut names: heapless::Vec<_, NAMES> = self.all.names.ids().collect();
        names.sort_unstable_by_key(|&id| self.all.names.get(id).map(|name| name.hash));
        for name in names.iter().filter_map(|&id| self.all.names.get(id)) {
            name.hash.hash(self.hasher);
            let mut at = name.first;
            while let Some(interest) = at.and_then(|at| self.all.interests.get(at)) {
                self.class_place(interest.class).hash(self.hasher);
                at = interest.after;
            }
        }
    }

    fn events(&mut self) {
        let mut at = self.all.globals.agenda.first;
        while let Some(mut event) = at.and_then(|at| self.all.events.get(at)).cloned() {
            at = event.after;
            let owner = (event.owner.map(|id| self.job_place(id)), event.class.map(|id| self.class_place(id)));
            owner.hash(self.hasher);
            let waiters = event.waiters;
            (event.owner, event.class, event.before, event.after) = Default::default();
            event.waiters = Queue::new();
            if !self.texts {
                event.erase_texts();
            }
            event.hash(self.hasher);
            self.queue(waiters);
        }
    }

    /// The timers, what is under way, and what is reserved.
    fn rest(&mut self) {
        let Supervisor { globals, jobs, processes, events, waiters, leaves, names, interests, text, timers, .. } =
            self.all;
        for timer in timers.heap.iter() {
            (timer.at, self.job_place(timer.owner), timer.alarm).hash(self.hasher);
        }
        self.queue(globals.answers);
        self.queue(globals.last_answers);
        globals.moving.head().map(|id| self.job_place(id)).hash(self.hasher);
        globals.agenda.next.map(|id| self.event_place(id)).hash(self.hasher);
        globals.failing.map(|id| self.event_place(id)).hash(self.hasher);
        globals.superseded.map(|id| self.class_place(id)).hash(self.hasher);
        let dispatch = globals.dispatch.map(|Dispatch { event, interest, begun, job }| {
            let of_class = |id| interests.get(id).map(|its| self.class_place(its.class));
            let places = [interest, begun].map(|id| id.and_then(of_class));
            (self.event_place(event), places, job.map(|id| self.job_place(id)))
        });
        dispatch.hash(self.hasher);
        globals.reloading.map(|(client, pid)| (self.client_place(client), (self.number)(pid))).hash(self.hasher);
        (globals.shutdown, globals.untraced, globals.outbox.is_empty()).hash(self.hasher);
        (globals.agenda.under_way, globals.agenda.ready, globals.agenda.finished).hash(self.hasher);
        (jobs.reserved(), processes.len(), processes.reserved(), events.len(), events.reserved()).hash(self.hasher);
        (waiters.len(), waiters.reserved(), leaves.len()).hash(self.hasher);
        (names.reserved(), interests.reserved()).hash(self.hasher);
        if self.texts {
            (text.used(), text.reserved(), text.pieces(), text.reserved_pieces()).hash(self.hasher);
        }
    }
}

impl Job {
    /// Erases what only programs and people read.
    fn erase_texts(&mut self) {
        self.told_scope = false;
        (self.environment, self.stop_environment, self.status_text) = Default::default();
        self.next_environment = self.next_environment.map(|_| TextHandle::EMPTY);
        self.failure = self.failure.map(|_| Failure { process: None, exit: None });
        (self.event_text, self.text_reserved) = (0, 0);
    }
}
