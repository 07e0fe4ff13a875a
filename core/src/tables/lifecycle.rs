//! The lifecycle table: the states of a job, and what leads from one to the next.

use crate::process::Process;
use crate::state::{Goal, JobEvent, State};

/// What happens when a state is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Nothing.
    Nothing,
    /// Take the new start environment, forget the last stop and failure, emit the event.
    Begin(JobEvent),
    /// Emit the event.
    Emit(JobEvent),
    /// Emit the event and answer who waited for the job to run; only answer them when it had been running all along.
    Arrive(JobEvent),
    /// Emit the event, answer who waited for the job to stop, and let the instance go.
    Rest(JobEvent),
    /// Make the process, if the class has it.
    Run(Process),
    /// Send the kill signal to the main process, if there is one, and arm the kill timeout.
    Kill,
}

/// What a job in a state waits for; it goes on at once if that is not to be expected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Nothing.
    Nothing,
    /// The goal to become this one: a state of rest.
    Goal(Goal),
    /// The event it emitted on entry to be finished.
    Event,
    /// The process to exist; passed if the class has none.
    Spawned(Process),
    /// The main process to be ready as `expect` says; passed if there is none.
    Readiness,
    /// The process to end; passed if there is none.
    End(Process),
}

/// Where a goal leads from a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// There.
    To(State),
    /// To that state, and the stop is called off: the job has been running all along.
    CallOff(State),
    /// To the first with a main process, else to the second.
    IfMain(State, State),
    /// There, and the goal is start from then on.
    Anew(State),
    /// Nowhere: the state is never left with this goal.
    Never,
}

/// What becomes of the following of the main process when a state is entered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// It goes on as it is, but nothing is expected of the process in this state.
    Keep,
    /// What `expect` names is expected in this state.
    Expect,
    /// The job is to stop: of what is known, only what names the processes that have to end with it is kept.
    Close,
    /// Nothing of it is kept.
    Forget,
}

/// One state's row.
#[derive(Clone, Copy, Debug)]
pub struct StateRow {
    /// The state.
    pub state: State,
    /// What happens on entry.
    pub entry: Entry,
    /// What is waited for.
    pub wait: Wait,
    /// Where goal start leads.
    pub start: Next,
    /// Where goal stop leads.
    pub stop: Next,
    /// Where goal respawn leads.
    pub respawn: Next,
    /// What becomes of the following of the main process on entry.
    pub follow: Follow,
}

impl StateRow {
    /// Where a goal leads.
    pub const fn next(&self, goal: Goal) -> Next {
        match goal {
            Goal::Start => self.start,
            Goal::Stop => self.stop,
            Goal::Respawn => self.respawn,
        }
    }

    /// Whether a job whose goal is stop can be let go in this state.
    pub fn is_rest(&self) -> bool {
        self.wait == Wait::Goal(Goal::Start)
    }

    /// Whether a job runs here until its goal changes.
    pub fn is_run(&self) -> bool {
        self.wait == Wait::Goal(Goal::Stop)
    }

    /// Whether the main process is being killed here.
    pub fn kills(&self) -> bool {
        self.entry == Entry::Kill
    }

    /// Whether what `expect` names is expected of the main process here.
    pub fn expects(&self) -> bool {
        self.follow == Follow::Expect
    }

    /// Whether goal start calls a stop off here, so that a restart needs goal respawn to go through with it.
    pub fn calls_off(&self) -> bool {
        matches!(self.start, Next::CallOff(_))
    }

    /// Whether goal start leads by way of `stopping` here, so that the job runs anew without a change of its goal.
    pub fn runs_anew(&self) -> bool {
        self.start == Next::To(State::Stopping)
    }

    /// Whether the job waits here for this process: to exist, to be ready, or to end.
    pub fn awaits(&self, process: Process) -> bool {
        match self.wait {
            Wait::Spawned(awaited) | Wait::End(awaited) => awaited == process,
            Wait::Readiness => process == Process::Main,
            Wait::Nothing | Wait::Goal(_) | Wait::Event => false,
        }
    }
}

/// The lifecycle. It is Upstart's but for the rows marked `better`: there, a respawning daemon that dies before it is ready
/// would have been taken to run without a process, and one that dies while a process is being made would have left that
/// process behind, or have waited for ever.
pub static LIFECYCLE: [StateRow; State::COUNT] = {
    use self::{Entry::*, Follow as F, JobEvent as E, Next::*, State as S};
    use Process as P;
    const fn row(
        state: State,
        entry: Entry,
        wait: Wait,
        start: Next,
        stop: Next,
        respawn: Next,
        follow: Follow,
    ) -> StateRow {
        StateRow { state, entry, wait, start, stop, respawn, follow }
    }
    #[rustfmt::skip]
    let table = [
        //  state                on entry            waits for                    goal start               goal stop                            goal respawn        following
        row(S::Waiting,          Rest(E::Stopped),   Wait::Goal(Goal::Start),     To(S::Starting),         Never,                               Never,              F::Keep),
        row(S::Starting,         Begin(E::Starting), Wait::Event,                 To(S::SecuritySpawning), To(S::Stopping),                     Never,              F::Keep),
        row(S::SecuritySpawning, Nothing,            Wait::Nothing,               To(S::Security),         To(S::Stopping),                     Never,              F::Keep),
        row(S::Security,         Nothing,            Wait::Nothing,               To(S::PreStarting),      To(S::Stopping),                     Never,              F::Keep),
        row(S::PreStarting,      Run(P::PreStart),   Wait::Spawned(P::PreStart),  To(S::PreStart),         To(S::Stopping),                     Never,              F::Keep),
        row(S::PreStart,         Nothing,            Wait::End(P::PreStart),      To(S::Spawning),         To(S::Stopping),                     Never,              F::Keep),
        row(S::Spawning,         Run(P::Main),       Wait::Spawned(P::Main),      To(S::Spawned),          To(S::Stopping),                     To(S::Spawned),     F::Expect), // better
        row(S::Spawned,          Nothing,            Wait::Readiness,             To(S::PostStarting),     To(S::Stopping),                     Anew(S::Stopping),  F::Expect), // better
        row(S::PostStarting,     Run(P::PostStart),  Wait::Spawned(P::PostStart), To(S::PostStart),        To(S::PostStart),                    To(S::PostStart),   F::Keep), // better
        row(S::PostStart,        Nothing,            Wait::End(P::PostStart),     To(S::Running),          To(S::Stopping),                     Anew(S::Stopping),  F::Keep),
        row(S::Running,          Arrive(E::Started), Wait::Goal(Goal::Stop),      To(S::Stopping),         IfMain(S::PreStopping, S::Stopping), Anew(S::Stopping),  F::Keep),
        row(S::PreStopping,      Run(P::PreStop),    Wait::Spawned(P::PreStop),   To(S::PreStop),          To(S::PreStop),                      To(S::PreStop),     F::Keep), // better
        row(S::PreStop,          Nothing,            Wait::End(P::PreStop),       CallOff(S::Running),     To(S::Stopping),                     Anew(S::Stopping),  F::Keep),
        row(S::Stopping,         Emit(E::Stopping),  Wait::Event,                 To(S::Killed),           To(S::Killed),                       Never,              F::Close),
        row(S::Killed,           Kill,               Wait::End(P::Main),          To(S::PostStopping),     To(S::PostStopping),                 Never,              F::Keep),
        row(S::PostStopping,     Run(P::PostStop),   Wait::Spawned(P::PostStop),  To(S::PostStop),         To(S::PostStop),                     Never,              F::Forget),
        row(S::PostStop,         Nothing,            Wait::End(P::PostStop),      To(S::Starting),         To(S::Waiting),                      Never,              F::Keep),
    ];
    table
};

// The table is indexed by state: each row stands where its state says.
#[allow(clippy::indexing_slicing, reason = "evaluated when the program is built, where a wrong index is an error")]
const _: () = {
    let mut place = 0;
    while place < State::COUNT {
        assert!(LIFECYCLE[place].state as usize == place);
        place += 1;
    }
};

impl State {
    /// The state's row.
    #[allow(clippy::indexing_slicing, reason = "the assertion above shows that every state has a row")]
    pub fn row(self) -> &'static StateRow {
        &LIFECYCLE[self as usize]
    }
}
