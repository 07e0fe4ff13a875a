//! The machine: facts in, orders out.

use heapless::{Deque, Vec, VecView};

use crate::agenda::Agenda;
use crate::class::Class;
use crate::condition::Leaf;
use crate::effect::{Answer, Denial, Effect};
use crate::ending::Ending;
use crate::event::{Dispatch, Event};
use crate::index::{Index, IndexView};
use crate::input::Input;
use crate::interest::{Interest, Name};
use crate::job::Job;
use crate::limits::{CHAINS, Limit, OUTBOX, SCRATCH};
use crate::notice::Notice;
use crate::process::Pid;
use crate::queue::Queue;
use crate::running::Running;
use crate::storage::{ClassId, ClientId, Pool, PoolView};
use crate::text::{Arena, Text, TextView};
use crate::time::Instant;
use crate::timers::{Timer, Timers};
use crate::waiter::Waiter;

/// The memory of a supervisor, owned by whoever embeds it. All zeros when new: in a `static` it takes no room in the
/// program, and what is never used is never resident.
///
/// | parameter | how many |
/// |---|---|
/// | `CLASSES` | job files |
/// | `JOBS` | instances, at rest ones not counted |
/// | `PROCESSES` | live processes; at least `2 * JOBS` |
/// | `EVENTS` | unfinished events; `2 * JOBS` are the jobs' own, the rest is for clients |
/// | `WAITERS` | clients that wait, and events that wait for jobs |
/// | `LEAVES` | events named in conditions: each `start on` once, each `stop on` once an instance |
/// | `NAMES` | distinct event names, and how many classes name each |
/// | `TEXT`, `PIECES` | bytes of text, and of how many pieces |
/// | `CHAINS_EACH` | chains of each hash table, a power of two; fewer make a small storage cheap to copy |
#[derive(Clone, Debug)]
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
    const CHAINS_EACH: usize = CHAINS,
> {
    classes: Pool<Class, CLASSES>,
    jobs: Pool<Job, JOBS>,
    running: Pool<Running, PROCESSES>,
    events: Pool<Event, EVENTS>,
    waiters: Pool<Waiter, WAITERS>,
    leaves: Pool<Leaf, LEAVES>,
    names: Pool<Name, NAMES>,
    interests: Pool<Interest, NAMES>,
    text: Arena<TEXT, PIECES>,
    timers: Vec<Timer, JOBS>,
    class_index: Index<Class, CHAINS_EACH>,
    job_index: Index<Job, CHAINS_EACH>,
    pid_index: Index<Running, CHAINS_EACH>,
    name_index: Index<Name, CHAINS_EACH>,
    core: Core,
    scratch: Scratch,
}

/// Memory whose content means nothing between two steps.
#[derive(Clone, Debug)]
struct Scratch(Vec<u8, SCRATCH>);

/// What the machine knows besides classes, jobs and events.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Core {
    #[serde(skip)]
    pub outbox: Deque<Effect, OUTBOX>,
    /// Jobs on the move; the first is moved until it waits.
    pub moving: Queue<Job>,
    /// Settled answers of clients that waited.
    pub answers: Queue<Waiter>,
    /// Answers of clients that did not wait: given when nothing else is to be done.
    pub last_answers: Queue<Waiter>,
    /// Events, and which are to be offered or finished.
    pub agenda: Agenda,
    pub dispatch: Option<Dispatch>,
    /// What every job begins with, as it is now and as it was at first.
    pub base_environment: Text,
    pub first_environment: Text,
    pub own_environment: Text,
    pub session: Text,
    /// The client whose `reload` has just been carried out, and on which process.
    pub reloading: Option<(ClientId, Pid)>,
    /// A class whose last instance has just been let go, and whose file has changed meanwhile.
    pub superseded: Option<ClassId>,
    pub ending: Ending,
    /// Whether `expect` is followed to the letter even where that is wrong.
    pub strict: bool,
}

impl Core {
    /// Nothing has happened yet.
    pub(crate) const NEW: Core = Core {
        outbox: Deque::new(),
        moving: Queue::new(),
        answers: Queue::new(),
        last_answers: Queue::new(),
        agenda: Agenda::new(),
        dispatch: None,
        base_environment: Text::EMPTY,
        first_environment: Text::EMPTY,
        own_environment: Text::EMPTY,
        session: Text::EMPTY,
        reloading: None,
        superseded: None,
        ending: Ending::Off,
        strict: false,
    };

    /// Whether nothing is to be done before the next input.
    pub(crate) fn is_calm(&self) -> bool {
        let queues = self.moving.is_empty() && self.answers.is_empty() && self.last_answers.is_empty();
        let work = self.outbox.is_empty() && self.agenda.is_empty() && self.dispatch.is_none();
        queues && work && self.reloading.is_none() && self.superseded.is_none()
    }
}

impl core::hash::Hash for Core {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (self.moving, self.answers, self.last_answers, self.agenda, self.dispatch, self.ending).hash(state);
        self.outbox.is_empty().hash(state);
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
    const CHAINS_EACH: usize,
> Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS_EACH>
{
    /// Empty.
    pub const fn new() -> Self {
        const {
            assert!(PROCESSES >= 2 * JOBS, "a job has a main process and one other at most");
            assert!(EVENTS > crate::limits::EVENTS_PER_JOB * JOBS, "jobs' own events, and at least one of a client");
            assert!(CLASSES < 1 << 16 && JOBS < 1 << 16, "a place in the list is two 16-bit numbers");
            assert!(TEXT < 1 << 31, "text is measured in 32 bits");
        }
        Storage {
            classes: Pool::new(),
            jobs: Pool::new(),
            running: Pool::new(),
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
            core: Core::NEW,
            scratch: Scratch(Vec::new()),
        }
    }

    /// Lends the memory to the machine, which goes on from whatever state it holds. What time it is it learns from the next
    /// input: [`handle`](Supervisor::handle) comes before the first [`poll_effect`](Supervisor::poll_effect) if any effect
    /// was left.
    pub fn supervisor(&mut self) -> Supervisor<'_> {
        Supervisor {
            classes: self.classes.lend(Limit::Classes),
            jobs: self.jobs.lend(Limit::Jobs),
            running: self.running.lend(Limit::Processes),
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
            core: &mut self.core,
            scratch: self.scratch.0.as_mut_view(),
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
    const CHAINS_EACH: usize,
> Default for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS_EACH>
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
    const CHAINS_EACH: usize,
> core::hash::Hash for Storage<CLASSES, JOBS, PROCESSES, EVENTS, WAITERS, LEAVES, NAMES, TEXT, PIECES, CHAINS_EACH>
{
    /// What decides what the machine will do: texts by what they say, not by where they lie, and ids without their
    /// generation. This is what makes an exhaustive search of the states finite.
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        let state = &mut self.text.by_content(state);
        (&self.classes, &self.jobs, &self.running, &self.events, &self.waiters, &self.leaves).hash(state);
        (&self.names, &self.interests, &self.timers, &self.core).hash(state);
    }
}

/// The machine at work on a [`Storage`]. It holds no state of its own but the time of the last input.
pub struct Supervisor<'s> {
    pub(crate) classes: PoolView<'s, Class>,
    pub(crate) jobs: PoolView<'s, Job>,
    pub(crate) running: PoolView<'s, Running>,
    pub(crate) events: PoolView<'s, Event>,
    pub(crate) waiters: PoolView<'s, Waiter>,
    pub(crate) leaves: PoolView<'s, Leaf>,
    pub(crate) names: PoolView<'s, Name>,
    pub(crate) interests: PoolView<'s, Interest>,
    pub(crate) text: TextView<'s>,
    pub(crate) timers: Timers<'s>,
    pub(crate) class_index: IndexView<'s, Class>,
    pub(crate) job_index: IndexView<'s, Job>,
    pub(crate) pid_index: IndexView<'s, Running>,
    pub(crate) name_index: IndexView<'s, Name>,
    pub(crate) core: &'s mut Core,
    pub(crate) scratch: &'s mut VecView<u8>,
    pub(crate) now: Instant,
}

impl Supervisor<'_> {
    /// Takes one fact in. What follows from it is given out by [`poll_effect`](Self::poll_effect).
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        match input {
            Input::Tick => {}
            Input::Spawned { job, process, pid } => self.spawned(job, process, pid),
            Input::Executed { pid } => self.executed(pid),
            Input::SpawnFailed { job, process, pid: _, error } => self.spawn_failed(job, process, error),
            Input::Exited { pid, exit } => self.exited(pid, exit),
            Input::Gone { pid } => self.gone(pid),
            Input::Forked { parent, child } => self.forked(parent, child),
            Input::Replaced { pid } => self.replaced(pid),
            Input::Stopped { pid, signal, traced } => self.stopped(pid, signal, traced),
            Input::Continued { pid } => self.continued(pid),
            Input::Survivors { job, survivors } => self.surveyed(job, survivors),
            Input::Told { job, word } => self.told(job, word),
            Input::Command { client, command, target, wait } => self.command(client, command, target, wait),
            Input::Emit { client, event, environment, wait } => self.emit_for(client, event, environment, wait),
            Input::Hangup { client } => self.forget_client(client),
            Input::Change { client, table, change } => self.change(client, table, change),
            Input::Shutdown => self.begin_ending(),
            Input::Logout => self.begin_logout(),
        }
    }

    /// Gives the next order out; `None` when there is nothing to do before the next input.
    ///
    /// One step is taken at a time, in this order: orders already given, answers, a class that gives way to its file, the
    /// job on the move, the event being offered, the next event, timers, the end; so that everything an input leads to is
    /// done before anything else.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        loop {
            if let Some(effect) = self.core.outbox.pop_front() {
                return Some(effect);
            }
            if let Some(reply) = self.next_answer(false) {
                return Some(reply);
            }
            if let Some((client, _)) = self.core.reloading.take() {
                return Some(Effect::Reply { client, answer: Answer::Done });
            }
            if let Some(class) = self.core.superseded {
                // Answers may still have to name it.
                if let Some(reply) = self.next_answer(true) {
                    return Some(reply);
                }
                self.core.superseded = None;
                self.supersede(class);
            } else if let Some(job) = self.core.moving.head() {
                self.step(job);
            } else if let Some(dispatch) = self.core.dispatch {
                self.dispatch(dispatch);
            } else if !(self.next_to_stop() || self.next_event() || self.next_timer() || self.next_to_end()) {
                return self.next_answer(true).or_else(|| self.ended());
            }
        }
    }

    /// When the machine next wants [`Input::Tick`], if no other input comes before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|timer| timer.at);
        let ending = self.core.ending.deadline();
        [timer, ending].into_iter().flatten().min()
    }

    /// From now on `expect` is followed to the letter: what is wrong is said, and nothing is adopted (init(8),
    /// `--strict-expect`).
    pub fn set_strict(&mut self, strict: bool) {
        self.core.strict = strict;
    }

    /// Gives an order.
    pub(crate) fn order(&mut self, effect: Effect) {
        let given = self.core.outbox.push_back(effect);
        debug_assert!(given.is_ok(), "the outbox holds what one step can order");
    }

    /// Has the log told something.
    pub(crate) fn say_later(&mut self, notice: Notice) {
        self.order(Effect::Say(notice));
    }

    /// A signal found no process. For a reload that is the answer; for a job that is being killed, its main process's end.
    fn gone(&mut self, pid: Pid) {
        if let Some((client, _)) = self.core.reloading.take_if(|(_, reloaded)| *reloaded == pid) {
            self.order(Effect::Reply { client, answer: Answer::Denied(Denial::NoSuchProcess) });
        }
        self.vanished(pid);
    }
}
