//! The lifecycle table: the states of a job, and what leads from one to the next.

use crate::process::Process;
use crate::state::{Goal, JobEvent, State};

/// The action on entry to a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// Nothing.
    Nothing,
    /// Take the new start environment, drop the last stop and failure, emit the event.
    Begin(JobEvent),
    /// Emit the event.
    Emit(JobEvent),
    /// Emit the event and reply to clients that wait for the job to run. If a stop was called off, only reply: the job
    /// has been running all along.
    Arrive(JobEvent),
    /// Emit the event, reply to clients that wait for the job to stop, and free the instance.
    Rest(JobEvent),
    /// Spawn the process, if the class has it.
    Run(Process),
    /// Send the kill signal to the main process, if there is one, and arm the kill timeout.
    Kill,
}

/// The wait of a job in a state. A wait for something that cannot come is skipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wait {
    /// Nothing.
    Nothing,
    /// Until the goal is this one: the job is at rest, or runs.
    Goal(Goal),
    /// Until the event that was emitted on entry is finished.
    Event,
    /// Until the process exists; skipped if the class has none.
    Spawned(Process),
    /// Until the main process is ready, by its `expect`; skipped if there is none.
    Readiness,
    /// Until the process exits; skipped if there is none.
    End(Process),
}

/// The transition from a state for a goal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// To that state.
    To(State),
    /// To that state, and the stop is called off: the job has been running all along.
    CallOff(State),
    /// To the first state if there is a main process, else to the second.
    IfMain(State, State),
    /// To that state, and the goal becomes start.
    Anew(State),
    /// None: the state is never left with this goal.
    Never,
}

/// The following of the main process on entry to a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Follow {
    /// The following continues unchanged, but nothing is expected of the process in this state.
    Keep,
    /// The process is expected to do what `expect` names.
    Expect,
    /// The job is to stop: only what names the processes that have to end with it is kept.
    Close,
    /// Everything is dropped.
    Forget,
}

/// The row of a state.
#[derive(Clone, Copy, Debug)]
pub struct StateRow {
    /// The state.
    pub state: State,
    /// The action on entry.
    pub entry: Entry,
    /// The wait.
    pub wait: Wait,
    /// The transition for goal start.
    pub start: Next,
    /// The transition for goal stop.
    pub stop: Next,
    /// The transition for goal respawn.
    pub respawn: Next,
    /// The following of the main process on entry.
    pub follow: Follow,
}

impl StateRow {
    /// The transition for a goal.
    pub const fn next(&self, goal: Goal) -> Next {
        match goal {
            Goal::Start => self.start,
            Goal::Stop => self.stop,
            Goal::Respawn => self.respawn,
        }
    }

    /// Whether a job whose goal is stop is at rest here, and can be freed.
    pub fn is_rest(&self) -> bool {
        self.wait == Wait::Goal(Goal::Start)
    }

    /// Whether a new run of the job begins here.
    pub fn begins(&self) -> bool {
        matches!(self.entry, Entry::Begin(_))
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

    /// Whether goal start leads through `stopping` here, so that the job runs again without a change of its goal.
    pub fn runs_anew(&self) -> bool {
        self.start == Next::To(State::Stopping)
    }

    /// The process for which the job waits here: to exist, to be ready, or to exit.
    pub fn awaited(&self) -> Option<Process> {
        match self.wait {
            Wait::Spawned(process) | Wait::End(process) => Some(process),
            Wait::Readiness => Some(Process::Main),
            Wait::Nothing | Wait::Goal(_) | Wait::Event => None,
        }
    }

    /// Whether the job waits here for this process.
    pub fn awaits(&self, process: Process) -> bool {
        self.awaited() == Some(process)
    }
}

/// The lifecycle. It is Upstart's except for the rows marked `better`. There, a respawning daemon that exits before it
/// is ready would be assumed to run without a process; and one that exits while a process is being spawned would leave
/// that process behind, or would be awaited for ever.
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

// The table is indexed by state: each row is at its state's place.
#[allow(clippy::indexing_slicing, reason = "evaluated when the program is built, where a wrong index is an error")]
const _: () = {
    let mut place = 0;
    while place < State::COUNT {
        assert!(LIFECYCLE[place].state as usize == place);
        place += 1;
    }
};

impl State {
    /// The row of the state.
    pub fn row(self) -> &'static StateRow {
        // The fallback is never used: there is a row for each of the `State::COUNT` states.
        LIFECYCLE.get(self as usize).unwrap_or(&LIFECYCLE[0])
    }
}
