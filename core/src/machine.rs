//! The machine's fields, without methods. [`supervisor`](crate::supervisor) steers it; the folders named after subjects
//! act on it.

use heapless::{Deque, VecView};

use crate::effect::Effect;
use crate::ids::{ClassId, ClientId, EventId, kind};
use crate::limits::{EVENTS_PER_DRAIN, OUTBOX};
use crate::memory::arena::{ArenaView, TextHandle};
use crate::memory::index::IndexView;
use crate::memory::pool::PoolView;
use crate::memory::queue::Queue;
use crate::memory::texts::Texts;
use crate::memory::timers::Timers;
use crate::process::Pid;
use crate::records::agenda::Agenda;
use crate::records::class::Class;
use crate::records::event::{Dispatch, Event};
use crate::records::interest::{Interest, Name};
use crate::records::job::{Alarm, Job};
use crate::records::leaf::Leaf;
use crate::records::process::LiveProcess;
use crate::records::shutdown::ShutdownStage;
use crate::records::waiter::Waiter;
use crate::tables::budget::Budget;
use crate::time::Instant;

/// The state besides classes, jobs, processes, events and waiters.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(crate) struct Globals {
    #[serde(skip)]
    pub outbox: Deque<Effect, OUTBOX>,
    /// Jobs on the move; the first is moved until it waits.
    #[serde(skip)]
    pub moving: Queue<kind::Job>,
    /// Settled answers of clients that waited.
    #[serde(skip)]
    pub answers: Queue<kind::Waiter>,
    /// Answers of clients that did not wait, to be given when nothing else is to be done.
    #[serde(skip)]
    pub last_answers: Queue<kind::Waiter>,
    /// The events, and those that are to be offered or finished.
    pub agenda: Agenda,
    #[serde(skip)]
    pub dispatch: Option<Dispatch>,
    /// A finished event that failed: `NAME/failed` follows when the job that it released waits again.
    #[serde(skip)]
    pub failing: Option<EventId>,
    /// The events and timers that were taken in this drain.
    #[serde(skip)]
    pub drained: u32,
    /// The most that are taken in a drain; 0 is [`EVENTS_PER_DRAIN`].
    #[serde(skip)]
    pub most_drained: u32,
    /// The time up to which timers fire: that of the last input which is not part of an order's execution.
    #[serde(skip)]
    pub due: Instant,
    /// The environment that every job begins with: the present one, and the original one.
    pub base_environment: TextHandle,
    pub first_environment: TextHandle,
    pub own_environment: TextHandle,
    pub session: TextHandle,
    /// The client whose `reload` has just been carried out, and the process that was signalled.
    #[serde(skip)]
    pub reloading: Option<(ClientId, Pid)>,
    /// A class whose last instance has just been freed, and whose file has changed meanwhile.
    #[serde(skip)]
    pub superseded: Option<ClassId>,
    pub shutdown: ShutdownStage,
    /// Whether `expect` is followed to the letter even where that is wrong.
    pub strict: bool,
    /// The respawn budget of all jobs.
    pub budget: Budget,
    /// Whether the world refused to trace when it was last asked to, which was logged.
    pub untraced: bool,
}

impl Globals {
    /// The state before the first input.
    pub(crate) const NEW: Globals = Globals {
        outbox: Deque::new(),
        moving: Queue::new(),
        answers: Queue::new(),
        last_answers: Queue::new(),
        agenda: Agenda::new(),
        dispatch: None,
        failing: None,
        drained: 0,
        most_drained: 0,
        due: Instant(0),
        base_environment: TextHandle::EMPTY,
        first_environment: TextHandle::EMPTY,
        own_environment: TextHandle::EMPTY,
        session: TextHandle::EMPTY,
        reloading: None,
        superseded: None,
        shutdown: ShutdownStage::Off,
        strict: false,
        budget: Budget::NONE,
        untraced: false,
    };

    /// Whether so many events were taken that the world has a turn.
    pub(crate) const fn has_drained(&self) -> bool {
        self.drained >= if self.most_drained == 0 { EVENTS_PER_DRAIN } else { self.most_drained }
    }

    /// Whether everything is done before the next input.
    pub(crate) fn is_calm(&self) -> bool {
        let queues = self.moving.is_empty() && self.answers.is_empty() && self.last_answers.is_empty();
        let work =
            self.outbox.is_empty() && self.agenda.is_empty() && self.dispatch.is_none() && self.failing.is_none();
        queues && work && self.reloading.is_none() && self.superseded.is_none()
    }
}

impl Texts for Globals {
    fn texts(&mut self) -> impl Iterator<Item = &mut TextHandle> {
        let bases = [&mut self.base_environment, &mut self.first_environment];
        bases.into_iter().chain([&mut self.own_environment, &mut self.session])
    }
}

impl core::hash::Hash for Globals {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        (self.moving, self.answers, self.last_answers, self.agenda, self.dispatch, self.shutdown).hash(state);
        (self.failing, self.untraced, self.budget).hash(state);
        self.outbox.is_empty().hash(state);
    }
}

/// The machine at work on a [`Storage`](crate::Storage), which lends itself with
/// [`supervisor`](crate::Storage::supervisor). It holds no state of its own but the time of the last input.
///
/// | purpose | methods |
/// |---|---|
/// | the loop | [`handle`](Self::handle), [`poll_effect`](Self::poll_effect), [`next_deadline`](Self::next_deadline) |
/// | job files | [`define`](Self::define), [`delete_class`](Self::delete_class), [`find_class`](Self::find_class) |
/// | behind an id | [`class_of`](Self::class_of), [`job_name`](Self::job_name), [`environment`](Self::environment) |
/// | the log | [`message`](Self::message) |
/// | clients | [`respond`](Self::respond), [`reply`](Self::reply), [`explain_client`](Self::explain_client) |
/// | jobs as they are | [`statuses`](Self::statuses), [`status`](Self::status), [`explain`](Self::explain) |
/// | once, at the start | [`set_base_environment`](Self::set_base_environment), [`set_strict`](Self::set_strict) |
/// | | [`set_respawn_budget`](Self::set_respawn_budget) |
/// | how full it is | [`occupancy`](Self::occupancy) |
/// | a new program | [`save`](Self::save), [`restore`](Self::restore) |
pub struct Supervisor<'s> {
    pub(crate) classes: PoolView<'s, Class>,
    pub(crate) jobs: PoolView<'s, Job>,
    pub(crate) processes: PoolView<'s, LiveProcess>,
    pub(crate) events: PoolView<'s, Event>,
    pub(crate) waiters: PoolView<'s, Waiter>,
    pub(crate) leaves: PoolView<'s, Leaf>,
    pub(crate) names: PoolView<'s, Name>,
    pub(crate) interests: PoolView<'s, Interest>,
    pub(crate) text: ArenaView<'s>,
    pub(crate) timers: Timers<'s, kind::Job, Alarm>,
    pub(crate) class_index: IndexView<'s, kind::Class>,
    pub(crate) job_index: IndexView<'s, kind::Job>,
    pub(crate) pid_index: IndexView<'s, kind::Process>,
    pub(crate) name_index: IndexView<'s, kind::Name>,
    pub(crate) globals: &'s mut Globals,
    pub(crate) scratch: &'s mut VecView<u8>,
    pub(crate) now: Instant,
}
