//! The memory of a supervisor, owned by the program that embeds it.

use heapless::Vec;

use crate::capacity::Capacity;
use crate::ids::kind;
use crate::limits::{EVENTS_PER_JOB, Limit};
use crate::machine::{Globals, Supervisor};
use crate::memory::arena::Arena;
use crate::memory::copy;
use crate::memory::index::Index;
use crate::memory::pool::Pool;
use crate::memory::timers::{Timer, Timers};
use crate::records::class::Class;
use crate::records::event::Event;
use crate::records::interest::{Interest, Name};
use crate::records::job::{Alarm, Job};
use crate::records::leaf::Leaf;
use crate::records::process::LiveProcess;
use crate::records::waiter::Waiter;
use crate::time::Instant;

/// The memory of a supervisor, owned by the program that embeds it. It is all zeros when new: in a `static` it adds
/// nothing to the program's size, and what is never used is never resident.
///
/// The parameters are the fields of [`Capacity`], in its order. [`storage!`](crate::storage) names the type without
/// writing them out.
#[derive(Debug)]
pub struct Storage<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> {
    classes: Pool<Class, CLASSES>,
    jobs: Pool<Job, JOBS>,
    processes: Pool<LiveProcess, PROCESSES>,
    events: Pool<Event, EVENTS>,
    waiters: Pool<Waiter, WAITERS>,
    leaves: Pool<Leaf, LEAVES>,
    names: Pool<Name, NAMES>,
    interests: Pool<Interest, NAMES>,
    text: Arena<TEXT, PIECES>,
    timers: Vec<Timer<kind::Job, Alarm>, JOBS>,
    class_index: Index<kind::Class, CHAINS>,
    job_index: Index<kind::Job, CHAINS>,
    pid_index: Index<kind::Process, CHAINS>,
    name_index: Index<kind::Name, CHAINS>,
    globals: Globals,
    /// Memory whose content is not kept between two steps.
    scratch: Vec<u8, SCRATCH>,
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> Clone for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS, SCRATCH>
{
    fn clone(&self) -> Self {
        let mut copy = Storage::new();
        copy.clone_from(self);
        copy
    }

    /// Copies what is used only.
    fn clone_from(&mut self, other: &Self) {
        self.classes.clone_from(&other.classes);
        self.jobs.clone_from(&other.jobs);
        self.processes.clone_from(&other.processes);
        self.events.clone_from(&other.events);
        self.waiters.clone_from(&other.waiters);
        self.leaves.clone_from(&other.leaves);
        self.names.clone_from(&other.names);
        self.interests.clone_from(&other.interests);
        self.text.clone_from(&other.text);
        copy(&mut self.timers, &other.timers);
        self.class_index.clone_from(&other.class_index);
        self.job_index.clone_from(&other.job_index);
        self.pid_index.clone_from(&other.pid_index);
        self.name_index.clone_from(&other.name_index);
        self.globals.clone_from(&other.globals);
        copy(&mut self.scratch, &other.scratch);
    }
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS, SCRATCH>
{
    /// The capacity of the storage.
    pub const CAPACITY: Capacity = Capacity {
        classes: CLASSES,
        jobs: JOBS,
        processes: PROCESSES,
        events: EVENTS,
        waiters: WAITERS,
        leaves: LEAVES,
        names: NAMES,
        text: TEXT,
        pieces: PIECES,
        chains: CHAINS,
        scratch: SCRATCH,
    };

    /// An empty storage.
    pub const fn new() -> Self {
        const {
            assert!(PROCESSES >= 2 * JOBS, "a job has a main process and one other at most");
            assert!(EVENTS > EVENTS_PER_JOB * JOBS, "jobs' own events, and at least one of a client");
            assert!(CLASSES < 1 << 16 && JOBS < 1 << 16, "a place in the list is two 16-bit numbers");
            assert!(TEXT < 1 << 31, "text is measured in 32 bits");
        }
        Storage {
            classes: Pool::new(),
            jobs: Pool::new(),
            processes: Pool::new(),
            events: Pool::new(),
            waiters: Pool::new(),
            leaves: Pool::new(),
            names: Pool::new(),
            interests: Pool::new(),
            text: Arena::new(),
            timers: Vec::new(),
            class_index: Index::new(),
            job_index: Index::new(),
            pid_index: Index::new(),
            name_index: Index::new(),
            globals: Globals::NEW,
            scratch: Vec::new(),
        }
    }

    /// Lends the memory to the machine, which continues from the state in it. The machine gets the time with the next
    /// input: if any effect is left, [`handle`](Supervisor::handle) comes before the first
    /// [`poll_effect`](Supervisor::poll_effect).
    pub fn supervisor(&mut self) -> Supervisor<'_> {
        Supervisor {
            classes: self.classes.lend(Limit::Classes),
            jobs: self.jobs.lend(Limit::Jobs),
            processes: self.processes.lend(Limit::Processes),
            events: self.events.lend(Limit::Events),
            waiters: self.waiters.lend(Limit::Blocked),
            leaves: self.leaves.lend(Limit::Operators),
            names: self.names.lend(Limit::Interests),
            interests: self.interests.lend(Limit::Interests),
            text: self.text.lend(),
            timers: Timers { heap: self.timers.as_mut_view() },
            class_index: self.class_index.lend(),
            job_index: self.job_index.lend(),
            pid_index: self.pid_index.lend(),
            name_index: self.name_index.lend(),
            globals: &mut self.globals,
            scratch: self.scratch.as_mut_view(),
            now: Instant(0),
        }
    }
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> Default for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS, SCRATCH>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<
    const CLASSES: usize,
    const JOBS: usize,
    const PROCESSES: usize,
    const EVENTS: usize,
    const WAITERS: usize,
    const LEAVES: usize,
    const NAMES: usize,
    const TEXT: usize,
    const PIECES: usize,
    const CHAINS: usize,
    const SCRATCH: usize,
> core::hash::Hash
    for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS, SCRATCH>
{
    /// Hashes what decides the machine's behaviour: texts by their content, not by their place, and ids without their
    /// generation. This makes an exhaustive search of the states finite.
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        let state = &mut self.text.by_content(state);
        (&self.classes, &self.jobs, &self.processes, &self.events, &self.waiters, &self.leaves).hash(state);
        (&self.names, &self.interests, &self.timers, &self.globals).hash(state);
    }
}

/// The type of a [`Storage`](crate::Storage) of a certain [`Capacity`], which is given by name.
///
/// ```
/// type Mine = uphold_core::storage! { classes: 8, jobs: 8 };
/// static MEMORY: std::sync::Mutex<Mine> = std::sync::Mutex::new(Mine::new());
/// ```
///
/// `classes` and `jobs` are needed; each other field of [`Capacity`] has the value of its rule unless it is given, in
/// any order. The counts are constant expressions. A field that is given twice has its last value.
#[macro_export]
macro_rules! storage {
    (@capacity $($field:ident: $count:expr),+) => {{
        let mut given = $crate::Given::NOTHING;
        $(given.$field = ::core::option::Option::Some($count);)+
        given.capacity()
    }};
    ($($field:ident: $count:expr),+ $(,)?) => {
        $crate::Storage<
            { $crate::storage!(@capacity $($field: $count),+).classes },
            { $crate::storage!(@capacity $($field: $count),+).jobs },
            { $crate::storage!(@capacity $($field: $count),+).processes },
            { $crate::storage!(@capacity $($field: $count),+).events },
            { $crate::storage!(@capacity $($field: $count),+).waiters },
            { $crate::storage!(@capacity $($field: $count),+).leaves },
            { $crate::storage!(@capacity $($field: $count),+).names },
            { $crate::storage!(@capacity $($field: $count),+).text },
            { $crate::storage!(@capacity $($field: $count),+).pieces },
            { $crate::storage!(@capacity $($field: $count),+).chains },
            { $crate::storage!(@capacity $($field: $count),+).scratch },
        >
    };
}
