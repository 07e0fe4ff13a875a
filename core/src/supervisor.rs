//! The calls that drive the machine: one input in, every effect out.

use crate::answer::{Answer, Denial};
use crate::effect::Effect;
use crate::input::Input;
#[cfg(doc)]
use crate::limits::EVENTS_PER_DRAIN;
use crate::machine::Supervisor;
use crate::process::Pid;
use crate::tables::budget::RespawnBudget;
use crate::time::Instant;

impl Supervisor<'_> {
    /// Takes one input. Its effects are returned by [`poll_effect`](Self::poll_effect).
    pub fn handle(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        // The execution of orders takes time, and many may be under way: no timer fires before all of their inputs are
        // known, or the first would fire again before the last.
        if !input.is_of_an_order() {
            self.globals.due = now;
        }
        match input {
            Input::Tick => {}
            Input::Spawned { job, process, pid } => self.spawned(job, process, pid),
            Input::Executed { pid } => self.executed(pid),
            Input::SpawnFailed { job, process, pid: _, error, passing } => {
                self.spawn_failed(job, process, error, passing)
            }
            Input::Exited { pid, exit } => self.exited(pid, exit),
            Input::Gone { pid } => self.gone(pid),
            Input::Forked { parent, child } => self.forked(parent, child),
            Input::Replaced { pid } => self.replaced(pid),
            Input::Stopped { pid, signal, traced } => self.stopped(pid, signal, traced),
            Input::Continued { pid } => self.continued(pid),
            Input::Survivors { job, survivors, complete } => self.surveyed(job, survivors, complete),
            Input::Notified { job, notification } => self.notified(job, notification),
            Input::Command { client, command, target, wait } => self.command(client, command, target, wait),
            #[cfg(feature = "planted-crash")]
            #[allow(clippy::panic)]
            Input::Emit { event: b"uphold-planted-panic-core", .. } => panic!("planted in the core"),
            Input::Emit { client, event, environment, wait } => self.emit_for(client, event, environment, wait),
            Input::Hangup { client } => self.forget_client(client),
            Input::ChangeEnv { client, table, change } => self.change(client, table, change),
            Input::Shutdown => self.begin_shutdown(),
            Input::Logout => self.begin_logout(),
            Input::Found { target, instance, pid } => self.found(target, instance, pid),
        }
    }

    /// Returns the next effect; `None` when nothing is to be done before the next input, or when the world has a turn
    /// before more is done.
    ///
    /// One step is taken at a time, in this order: effects that are ready, replies, a class that is replaced, the job
    /// on the move, the event being offered, a job that is to stop, the next event, timers, the end. So everything that
    /// an input leads to is done before anything else, but for a bound: after [`EVENTS_PER_DRAIN`] events and timers
    /// the world gets its turn, with a deadline that has passed, so that jobs which start each other for ever delay
    /// nothing else.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        loop {
            self.report_failure();
            if let Some(effect) = self.globals.outbox.pop_front() {
                return Some(effect);
            }
            if let Some(reply) = self.next_answer(false) {
                return Some(reply);
            }
            if let Some((client, _)) = self.globals.reloading.take() {
                return Some(Effect::Reply { client, answer: Answer::Done });
            }
            if let Some(class) = self.globals.superseded {
                // Answers may still name the class.
                if let Some(reply) = self.next_answer(true) {
                    return Some(reply);
                }
                self.globals.superseded = None;
                self.supersede(class);
            } else if let Some(job) = self.globals.moving.head() {
                self.step(job);
            } else if let Some(dispatch) = self.globals.dispatch {
                self.dispatch(dispatch);
            } else if self.globals.has_drained() && self.has_more() {
                return self.next_answer(true).or_else(|| self.end_drain());
            } else if !(self.next_to_stop() || self.next_event() || self.next_timer() || self.advance_shutdown()) {
                return self.next_answer(true).or_else(|| self.take_ended()).or_else(|| self.end_drain());
            }
        }
    }

    /// Whether events or timers are left for the next drain. Otherwise this one is done, and the end may come.
    fn has_more(&self) -> bool {
        !self.globals.agenda.is_empty() || self.timers.first().is_some_and(|timer| timer.at <= self.globals.due)
    }

    /// Ends a drain. The next one begins a new round.
    fn end_drain(&mut self) -> Option<Effect> {
        self.globals.drained = 0;
        self.globals.agenda.end_round();
        None
    }

    /// The time of the next [`Input::Tick`], if no other input comes before.
    pub fn next_deadline(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|timer| timer.at);
        let ending = self.globals.shutdown.deadline();
        let more = (!self.globals.agenda.is_empty()).then_some(self.now);
        [timer, ending, more].into_iter().flatten().min()
    }

    /// Whether everything that the inputs led to is done. It is not when the world got its turn in the middle of a
    /// drain: then [`next_deadline`](Self::next_deadline) has passed, and [`save`](Self::save) may refuse.
    pub fn is_calm(&self) -> bool {
        self.globals.is_calm() && !self.has_more()
    }

    /// Sets the most events and timers that are taken before the world has a turn; 0 is [`EVENTS_PER_DRAIN`].
    #[doc(hidden)]
    pub fn bound_drain(&mut self, events: u32) {
        self.globals.most_drained = events;
    }

    /// Sets whether `expect` is followed to the letter: what is wrong is logged, and nothing is adopted (init(8),
    /// `--strict-expect`).
    pub fn set_strict(&mut self, strict: bool) {
        self.globals.strict = strict;
    }

    /// Bounds the respawns of all jobs together (init(8), `--respawn-budget`). A respawn beyond it waits, and does not
    /// fail.
    pub fn set_respawn_budget(&mut self, bound: RespawnBudget) {
        self.globals.budget.set(bound);
    }

    /// A signal found no process. For a reload that is the answer; for a job that is being killed, it is the exit of
    /// the main process.
    fn gone(&mut self, pid: Pid) {
        if let Some((client, _)) = self.globals.reloading.take_if(|(_, reloaded)| *reloaded == pid) {
            self.order(Effect::Reply { client, answer: Answer::Denied(Denial::NoSuchProcess) });
        }
        self.vanished(pid);
    }
}
