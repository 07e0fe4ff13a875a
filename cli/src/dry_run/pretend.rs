//! A pretended world around a copy of the supervisor's state: every process can be made, a daemon gets ready in the way
//! that its file says, a hook and a task end well, and a process ends when a signal asks it to.
//!
//! Only jobs that the command moves, and those that hold one of them up, go on. Every other job stays as it is.

use std::collections::VecDeque;

use uphold_core::{
    Answer, ClientId, Effect, EventId, Exit, Expect, Holder, Holders, Input, Instant, JobId, Notice, Notification, Pid,
    Process, Scope, ShortName, Signal, Supervisor, Survivor, WaitCause,
};

/// The client that has sent the command. No real one has this place.
pub const CLIENT: ClientId = ClientId { slot: u32::MAX, generation: 0 };

/// The first id of a pretended process: above all that Linux gives.
const FIRST_PID: u32 = 1 << 30;

/// The most facts, four for each job that there can be. Jobs that start each other for ever reach it.
const MOST_FACTS: usize = 40_000;

/// The most times that the clock moves on to the next deadline.
const MOST_WAITS: usize = 40;

/// The most facts about a process that is to get ready, before only time can help.
const MOST_HINTS: u8 = 4;

/// A thing that the copy shows.
#[derive(Clone, Copy)]
pub enum Seen {
    /// It has a message for the log.
    Notice(Notice),
    /// It replies to the command.
    Reply(Answer),
    /// A job waits for an event.
    Waits(JobId),
    /// A job that was under way before the command holds up another one: it is taken to go on too.
    Under(JobId),
}

/// The pretended world.
struct World<'t> {
    now: Instant,
    /// The processes that now run their program.
    executed: VecDeque<Pid>,
    /// The traced processes that now stop, each by a signal.
    stops: VecDeque<(Pid, Signal)>,
    last_pid: u32,
    /// The processes that a signal has asked to end.
    asked_to_end: Vec<(Pid, Signal)>,
    /// The processes that have ended.
    gone: Vec<Pid>,
    /// The jobs that go on, in the order in which they were moved.
    moved: Vec<JobId>,
    /// The waits that were reported.
    waits: Vec<(JobId, EventId)>,
    /// How many facts each process that is to get ready was helped by.
    hints: Vec<(Pid, u8)>,
    has_ended: bool,
    tell: &'t mut dyn FnMut(&Supervisor<'_>, Seen),
}

/// Gives a copy of the supervisor's state a command, and lets everything that follows happen. Returns false if that has
/// no end.
pub fn foresee(
    supervisor: &mut Supervisor<'_>,
    now: Instant,
    command: Input<'_>,
    tell: &mut dyn FnMut(&Supervisor<'_>, Seen),
) -> bool {
    let mut world = World {
        now,
        executed: VecDeque::new(),
        stops: VecDeque::new(),
        last_pid: FIRST_PID,
        asked_to_end: vec![],
        gone: vec![],
        moved: vec![],
        waits: vec![],
        hints: vec![],
        has_ended: false,
        tell,
    };
    world.give(supervisor, command);
    let mut waits = 0;
    for _ in 0..MOST_FACTS {
        if world.has_ended {
            return true;
        }
        let fact = match world.next_fact(supervisor) {
            Some(fact) => fact,
            None => match supervisor.next_deadline().filter(|_| world.awaits_time(supervisor)) {
                Some(deadline) if waits < MOST_WAITS => {
                    waits += 1;
                    world.now = world.now.max(deadline);
                    Input::Tick
                }
                Some(_) => return false,
                None => return true,
            },
        };
        world.give(supervisor, fact);
    }
    false
}

impl World<'_> {
    /// Gives the copy a fact, and carries out what it orders.
    fn give(&mut self, supervisor: &mut Supervisor<'_>, fact: Input<'_>) {
        supervisor.handle(self.now, fact);
        while let Some(effect) = supervisor.poll_effect() {
            if let Effect::Survey { job, .. } = effect {
                let survivors = self.survivors(supervisor, job);
                supervisor.handle(self.now, Input::Survivors { job, survivors: &survivors, complete: true });
            } else if let Some(answer) = self.perform(supervisor, effect) {
                supervisor.handle(self.now, answer);
            }
        }
        let is_known = |pid: Pid| supervisor.owner(pid).is_some();
        self.gone.retain(|&pid| is_known(pid));
        self.asked_to_end.retain(|asked| is_known(asked.0));
        self.hints.retain(|hint| is_known(hint.0));
        self.moved.retain(|&job| supervisor.class_of(job).is_some());
        self.tell_waits(supervisor);
    }

    fn perform(&mut self, supervisor: &Supervisor<'_>, effect: Effect) -> Option<Input<'static>> {
        match effect {
            Effect::Spawn { job, process, launch } => {
                let pid = self.make()?;
                match launch.trace {
                    true => self.stops.push_back((pid, Signal::TRAP)),
                    false => self.executed.push_back(pid),
                }
                return Some(Input::Spawned { job, process, pid });
            }
            Effect::Signal { pid, .. } if self.gone.contains(&pid) => return Some(Input::Gone { pid }),
            Effect::Signal { pid, signal, scope: Scope::Group } => self.asked_to_end.push((pid, signal)),
            Effect::Reply { client: CLIENT, answer } => (self.tell)(supervisor, Seen::Reply(answer)),
            Effect::Log(notice) => {
                if let Notice::GoalChanged { job, .. } | Notice::StateChanged { job, .. } = notice {
                    self.note_moved(job);
                }
                (self.tell)(supervisor, Seen::Notice(notice));
            }
            Effect::Ended => self.has_ended = true,
            // No process needs more than that.
            _ => {}
        }
        None
    }

    fn make(&mut self) -> Option<Pid> {
        self.last_pid += 1;
        Pid::new(self.last_pid)
    }

    fn note_moved(&mut self, job: JobId) {
        if !self.moved.contains(&job) {
            self.moved.push(job);
        }
    }

    /// The main process of a job, if it lives.
    fn survivors(&self, supervisor: &Supervisor<'_>, job: JobId) -> Vec<Survivor> {
        let mains = supervisor.processes().filter(|&(its, process, _)| its == job && process == Process::Main);
        let live = mains.map(|(_, _, pid)| pid).filter(|pid| !self.gone.contains(pid));
        let survivor = |pid| Survivor {
            pid,
            name: ShortName::new(b""),
            session: Some(pid),
            child: true,
            named: false,
            same_program: true,
            earlier: false,
            idle: true,
        };
        live.map(survivor).collect()
    }

    /// Reports which jobs wait for an event from now on.
    fn tell_waits(&mut self, supervisor: &Supervisor<'_>) {
        if !supervisor.is_calm() {
            return;
        }
        for &job in &self.moved {
            if let WaitCause::Event(event, Some(_)) = supervisor.cause(job)
                && !self.waits.contains(&(job, event))
            {
                self.waits.push((job, event));
                (self.tell)(supervisor, Seen::Waits(job));
            }
        }
    }

    /// The next thing that happens. A job that holds up another one is moved too.
    fn next_fact(&mut self, supervisor: &Supervisor<'_>) -> Option<Input<'static>> {
        if let Some(pid) = self.executed.pop_front() {
            return Some(Input::Executed { pid });
        }
        if !supervisor.is_calm() {
            return Some(Input::Tick);
        }
        if let Some((pid, signal)) = self.stops.pop_front() {
            return Some(Input::Stopped { pid, signal, traced: true });
        }
        loop {
            for job in supervisor.jobs() {
                if self.moved.contains(&job)
                    && let Some(fact) = self.fact_of(supervisor, job)
                {
                    return Some(fact);
                }
            }
            let holder = |&job: &JobId| match supervisor.cause(job) {
                WaitCause::Event(_, Some(Holders { first: Holder::Job(holder), .. })) => Some(holder),
                _ => None,
            };
            let under_way = self.moved.iter().filter_map(holder).find(|holder| !self.moved.contains(holder))?;
            self.moved.push(under_way);
            if goes_on(supervisor.cause(under_way)) {
                (self.tell)(supervisor, Seen::Under(under_way));
            } else {
                self.tell_waits(supervisor);
            }
        }
    }

    fn fact_of(&mut self, supervisor: &Supervisor<'_>, job: JobId) -> Option<Input<'static>> {
        match supervisor.cause(job) {
            WaitCause::Ended(_, pid) if !self.gone.contains(&pid) => {
                self.gone.push(pid);
                let signal = self.asked_to_end.iter().find(|asked| asked.0 == pid).map(|asked| asked.1);
                Some(Input::Exited { pid, exit: signal.map_or(Exit::Status(0), |signal| Exit::Signal(signal.0)) })
            }
            WaitCause::Ready(pid, expect) => self.hint(job, pid, expect),
            _ => None,
        }
    }

    /// A fact that lets a main process get ready. A real process that was on the way may be anywhere on it.
    fn hint(&mut self, job: JobId, pid: Pid, expect: Expect) -> Option<Input<'static>> {
        let place = self.hints.iter().position(|hint| hint.0 == pid).unwrap_or_else(|| {
            self.hints.push((pid, if pid.get() > FIRST_PID { MOST_HINTS - 1 } else { 0 }));
            self.hints.len() - 1
        });
        let (_, hint) = self.hints.get_mut(place)?;
        *hint += 1;
        let stop = |signal, traced| Some(Input::Stopped { pid, signal, traced });
        match (*hint, expect) {
            (1, _) => Some(Input::Executed { pid }),
            (2, _) => stop(Signal::TRAP, true),
            (3, _) => stop(Signal::STOP, true),
            (MOST_HINTS, Expect::Stop | Expect::Auto) => stop(Signal::STOP, false),
            (MOST_HINTS, Expect::Notify | Expect::Descriptor | Expect::PidFile) => {
                Some(Input::Notified { job, notification: Notification::Ready })
            }
            (MOST_HINTS, Expect::Fork | Expect::Daemon) => {
                let child = self.make()?;
                self.stops.push_back((child, Signal::STOP));
                Some(Input::Forked { parent: pid, child })
            }
            _ => None,
        }
    }

    /// Whether a job that was moved goes on when time passes.
    fn awaits_time(&self, supervisor: &Supervisor<'_>) -> bool {
        self.moved.iter().any(|&job| goes_on(supervisor.cause(job)))
    }
}

/// Whether a wait ends without anything else in the system.
fn goes_on(cause: WaitCause) -> bool {
    !matches!(cause, WaitCause::Goal(_) | WaitCause::Stop | WaitCause::Event(..))
}
