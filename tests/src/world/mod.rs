//! The world: a supervisor, and around it a simulated Linux with virtual time.

mod happen;

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use uphold_core::snapshot::Unreadable;
use uphold_core::{DefineError, Effect, Input, Instant, Occupancy, Pid, Supervisor, Usage};

use crate::depth::{self, Call};
use crate::invariants::{self, JobStatus, View};
use crate::journal::Journal;
use crate::kernel::Kernel;
use crate::memory::image_of;
pub use crate::memory::{Memory, Room, Small, Tiny};
use crate::tally::Deed;
use crate::whole::{self, WaitEnd};

/// The most effects of one input.
const MOST_EFFECTS: usize = 20_000;

/// The capacity for text (bytes, pieces) that stays free in a world without `heeds_texts`: more than one job's
/// variables need.
const SPARE: (usize, usize) = (128, 4);

/// A supervisor and its surroundings.
#[derive(Clone)]
pub struct World<M> {
    /// The supervisor's storage.
    pub memory: M,
    /// The kernel, which the supervisor sees through inputs only.
    pub kernel: Kernel,
    /// The current time.
    pub now: Instant,
    /// Whether the variables of events and jobs matter: a condition or the name of an instance uses them. Otherwise
    /// worlds that differ in variables only are the same state, and a check ensures that there is always room for them.
    pub heeds_texts: bool,
    /// Whether worlds that differ in anything are different states. With it a test proves that what is left out
    /// otherwise decides nothing.
    pub exact: bool,
    /// Whether every other input may come where a drain was cut short.
    pub interrupts: bool,
    /// The journal of the inputs, as the shim writes it; `None` to write none.
    pub inputs: Option<Journal>,
    /// The job files in force.
    files: Rc<Files>,
    /// The occupancy when no job lives and no client waits, as far as it is known; by the job files in force.
    idle: Rc<RefCell<HashMap<u64, Occupancy>>>,
}

/// The job files in force, by their names.
#[derive(Clone, Default)]
struct Files(Vec<(String, u64)>);

impl Files {
    fn write(&mut self, name: &str, text: Option<&str>) {
        self.0.retain(|(known, _)| known != name);
        self.0.extend(text.map(|text| (name.to_owned(), sum(text))));
        self.0.sort_unstable();
    }

    /// A number for them all.
    fn sum(&self) -> u64 {
        sum(&self.0)
    }
}

fn sum(thing: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    thing.hash(&mut hasher);
    hasher.finish()
}

/// The state of a world after an input and all its effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Calm {
    /// No job lives and no event is unfinished, or the supervisor has ended.
    pub rests: bool,
    /// Every job is at rest, runs, or waits for an event that a condition holds; or the supervisor has ended.
    pub settled: bool,
}

impl<M: Memory> World<M> {
    /// A world without jobs.
    pub fn new(memory: M) -> Self {
        World {
            memory,
            kernel: Kernel::default(),
            now: Instant(1_000_000),
            heeds_texts: true,
            exact: false,
            interrupts: false,
            inputs: None,
            files: Rc::default(),
            idle: Rc::default(),
        }
    }

    /// Loads a job file.
    ///
    /// # Errors
    /// The file has an error, or the storage is full.
    pub fn load(&mut self, name: &str, file: &str) -> Result<(), DefineError> {
        let mut text = file.as_bytes().to_vec();
        let mut supervisor = self.memory.supervisor();
        let class = supervisor.define(name.as_bytes(), &mut text, |_| {})?;
        self.kernel.ledger.define(class, name, file);
        Rc::make_mut(&mut self.files).write(name, Some(file));
        Ok(())
    }

    /// Writes a job file, or removes it, while jobs live.
    pub fn write(&mut self, name: &str, file: Option<&str>) {
        let written = file.map(|file| self.load(name, file));
        // Without room, the class stays as it is.
        if let Some(Err(DefineError::Full(full))) = written {
            self.kernel.ledger.tally.full(full.limit);
        } else if !matches!(written, Some(Ok(()))) {
            self.memory.supervisor().delete_class(name.as_bytes());
            Rc::make_mut(&mut self.files).write(name, None);
        }
        self.give(Input::Tick);
    }

    /// Checks the world as a whole too: waits, and what is noted in the [ledger](crate::ledger).
    pub fn check_whole(&mut self, bound: u32) {
        self.kernel.ledger.keeps = true;
        self.kernel.ledger.bound = bound;
        self.interrupts = true;
        self.memory.supervisor().bound_drain(bound);
    }

    /// Another supervisor takes over, in a storage of the same size or of the one with this name. That one may be
    /// too small.
    pub fn replace_supervisor(&mut self, size: Option<&str>) {
        if self.kernel.ended || !self.is_calm() {
            return;
        }
        let mut memory = self.memory.another(size);
        let taken = image_of(&mut self.memory).and_then(|image| {
            match memory.supervisor().restore(&mut &image[..]) {
                Ok(()) => {}
                Err(Unreadable::Full(_)) => return Ok(false),
                Err(error) => return Err(format!("its own image is refused: {error}")),
            }
            let alike = image_of(&mut memory)? == image;
            let same = memory.supervisor().occupancy() == self.memory.supervisor().occupancy();
            if alike && same { Ok(true) } else { Err("its image is not that of the same state".into()) }
        });
        match taken {
            Ok(true) => {
                self.memory = memory;
                self.kernel.ledger.tally.note(if size.is_some() { Deed::Resized } else { Deed::Replaced });
            }
            Ok(false) => self.kernel.ledger.tally.note(Deed::NoRoom),
            Err(fault) => self.kernel.wrong(|| fault),
        }
        let mut supervisor = self.memory.supervisor();
        supervisor.set_strict(self.kernel.strict);
        supervisor.bound_drain(self.kernel.ledger.bound);
    }

    /// Sets all clocks back, as if everything so far had happened earlier.
    pub fn rebase_time(&mut self, time: Instant) {
        let passed = self.now.0.saturating_sub(time.0);
        let children = &self.kernel.children;
        let known = |pid| children.iter().any(|child| child.pid == pid || child.session == pid);
        self.memory.supervisor().rebase_time(self.now, passed, known);
        self.now = time;
    }

    /// Handles an input, and performs every effect.
    pub fn give(&mut self, input: Input<'_>) {
        self.kernel.ledger.now = self.now;
        let (now, mut inputs) = (self.now, self.inputs.as_mut());
        let handle = |supervisor: &mut Supervisor<'_>, inputs: &mut Option<&mut Journal>, input: Input<'_>| {
            inputs.iter_mut().for_each(|inputs| inputs.write(now, input));
            depth::of(Call::Handle, || supervisor.handle(now, input));
        };
        let mut supervisor = self.memory.supervisor();
        handle(&mut supervisor, &mut inputs, input);
        let mut effects = 0;
        loop {
            while let Some(effect) = depth::of(Call::PollEffect, || supervisor.poll_effect()) {
                effects += 1;
                inputs.iter_mut().for_each(|inputs| inputs.polled += 1);
                if effects > MOST_EFFECTS {
                    return self.kernel.wrong(|| "it does not come to rest".into());
                }
                if let Some(input) = self.kernel.perform(&supervisor, effect) {
                    if let Some(pid) = self.kernel.reused.take() {
                        handle(&mut supervisor, &mut inputs, Input::Gone { pid });
                    }
                    handle(&mut supervisor, &mut inputs, input);
                }
                if let Effect::Survey { job, .. } = effect {
                    let survivors = self.kernel.survey(job);
                    let complete = !self.kernel.hides;
                    let input = Input::Survivors { job, survivors: &survivors, complete };
                    handle(&mut supervisor, &mut inputs, input);
                }
            }
            self.kernel.ledger.end_drain();
            inputs.iter_mut().for_each(|inputs| inputs.drained = true);
            let input = match self.kernel.ready.pop_front() {
                Some(input) => input,
                None if supervisor.is_calm() || self.interrupts => break,
                // The drain was cut short, and no other input wants its turn.
                None => Input::Tick,
            };
            if let Input::SpawnFailed { pid: Some(pid), .. } = input {
                // The id is free again when the failure is reported.
                self.kernel.forget(pid);
            }
            handle(&mut supervisor, &mut inputs, input);
        }
        if supervisor.is_calm() && supervisor.next_deadline().is_some_and(|deadline| deadline <= self.now) {
            self.kernel.wrong(|| "a deadline that has passed is still to come".into());
        }
    }

    /// The supervisor's next deadline.
    pub fn deadline(&mut self) -> Option<Instant> {
        // In the middle of a drain it is the time of the last input, which only the last supervisor knows.
        self.memory.supervisor().next_deadline().map(|deadline| deadline.max(self.now))
    }

    /// Whether everything that the last input led to is done.
    pub fn is_calm(&mut self) -> bool {
        self.memory.supervisor().is_calm()
    }

    /// Checks the [invariants](crate::invariants::broken), which hold between two inputs.
    pub fn check(&mut self) -> Calm {
        let (bytes, pieces) = self.memory.text();
        let mut supervisor = self.memory.supervisor();
        let occupancy = supervisor.occupancy();
        let room = |taken: Usage, all: usize| all - taken.used - taken.reserved;
        if !self.heeds_texts && (room(occupancy.text, bytes) < SPARE.0 || room(occupancy.pieces, pieces) < SPARE.1) {
            self.kernel.wrong(|| "there is so little room for text that it matters how long it is".into());
        }
        let rests = occupancy.jobs.used == 0 && occupancy.events.used == 0;
        let (has_deadline, is_calm) = (supervisor.next_deadline().is_some(), supervisor.is_calm());
        if is_calm && let Some(effect) = supervisor.poll_effect() {
            self.kernel.wrong(|| format!("{effect:?} came late"));
        }
        if is_calm
            && self.kernel.ledger.keeps
            && let Some(what) = whole::broken(&mut self.kernel, &supervisor)
        {
            self.kernel.wrong(|| what);
        }
        let idle = match rests {
            true => *self.idle.borrow_mut().entry(self.files.sum()).or_insert(occupancy),
            false => occupancy,
        };
        let jobs: Vec<JobStatus<'_>> = supervisor.statuses(0).filter_map(|(status, _)| JobStatus::of(status)).collect();
        let mut shown: Vec<Pid> = jobs.iter().flat_map(|job| job.processes.iter().map(|its| its.1)).collect();
        shown.sort_unstable();
        let is_wide = self.kernel.ledger.keeps;
        let by_condition = |job: &JobStatus<'_>| {
            let mut ids = supervisor.jobs().filter(|&id| job.is(supervisor.job_name(id)));
            ids.any(|id| whole::end_of_wait(&supervisor, id) == WaitEnd::Condition)
        };
        let is_held_by_condition = &by_condition;
        let (jobs, shown) = (&jobs[..], &shown[..]);
        let view = View { jobs, shown, occupancy, idle, rests, has_deadline, is_calm, is_wide, is_held_by_condition };
        if let Some(what) = invariants::broken(&self.kernel, &view) {
            self.kernel.wrong(|| what);
        }
        self.kernel.look_around(|pid| shown.binary_search(&pid).is_ok());
        // A condition lets go of an event only if another one comes.
        let is_settled = |job: &JobStatus<'_>| job.is_settled() || (job.awaits_event() && by_condition(job));
        let (over, settled) = (self.kernel.ended, jobs.iter().all(is_settled));
        Calm { rests: rests || over, settled: settled || over }
    }

    /// The status of every job that is not at rest.
    pub fn status(&mut self) -> Vec<String> {
        let supervisor = self.memory.supervisor();
        let mut all = Vec::new();
        for job in supervisor.statuses(0).filter_map(|(status, _)| JobStatus::of(status)) {
            all.push(job.words().replace("\n\t", "; "));
        }
        all
    }
}

impl<M: Memory + Clone> World<M> {
    /// Becomes a copy of another world, faster than a new copy is made.
    pub fn copy_from(&mut self, other: &Self) {
        let World { memory, kernel, now, heeds_texts, exact, interrupts, inputs, files, idle } = other;
        self.memory.clone_from(memory);
        self.kernel.clone_from(kernel);
        (self.now, self.heeds_texts, self.exact, self.interrupts) = (*now, *heeds_texts, *exact, *interrupts);
        self.inputs.clone_from(inputs);
        self.files.clone_from(files);
        self.idle.clone_from(idle);
    }

    /// Hashes all that matters of a world. Process ids serve as names only: the order of the processes says which is
    /// older.
    pub fn fingerprint(&mut self, hasher: &mut impl Hasher) {
        let mut memory = self.memory.clone();
        let mut supervisor = memory.supervisor();
        let mut occupancy = supervisor.occupancy();
        let known = self.kernel.numbers();
        let number = |pid: Pid| {
            let place = known.iter().position(|&known| known == pid);
            match self.exact {
                true => pid,
                false => place.and_then(|place| Pid::new(place as u32 + 1)).unwrap_or(Pid::MAX),
            }
        };
        supervisor.renumber_processes(number);
        if !self.heeds_texts && !self.exact {
            supervisor.erase_texts();
            (occupancy.text, occupancy.pieces) = Default::default();
        }
        memory.hash(hasher);
        occupancy.hash(hasher);
        for child in &self.kernel.children {
            child.renumbered(number).hash(hasher);
        }
        self.kernel.clients.hash(hasher);
        (self.kernel.ended, self.kernel.hides, self.kernel.always.is_some()).hash(hasher);
        (self.kernel.left, self.kernel.forks).hash(hasher);
    }
}
