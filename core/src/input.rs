//! Facts that go into the machine.

use core::hash::Hash;

use crate::bytes::Strings;
use crate::ids::{ClientId, JobId};
use crate::process::{Exit, Pid, Process, ShortName};
use crate::signal::Signal;
use crate::spawn::SpawnError;
use crate::target::{EnvTable, Target};

/// One fact about the world, which is the program around the supervisor.
///
/// # The contract
///
/// One input is given to [`handle`](crate::Supervisor::handle), then every effect is polled and carried out, and only
/// then comes the next input. The exceptions are the answers to effects, which are given before the next effect is
/// polled.
///
/// | inputs | a world gives them |
/// |---|---|
/// | [`Tick`](Input::Tick) | always, when [`next_deadline`](crate::Supervisor::next_deadline) has passed |
/// | [`Spawned`](Input::Spawned) or [`SpawnFailed`](Input::SpawnFailed) | always, as an answer |
/// | [`Survivors`](Input::Survivors) | always, as an answer |
/// | [`Executed`](Input::Executed), [`Exited`](Input::Exited) | always |
/// | [`Gone`](Input::Gone) | as an answer, if it can tell that a process does not exist |
/// | [`Stopped`](Input::Stopped), [`Continued`](Input::Continued) | if processes stop, as with `expect stop` |
/// | [`Forked`](Input::Forked), [`Replaced`](Input::Replaced) | if it traces |
/// | [`Notified`](Input::Notified) | if it supports `expect notify` or `expect fd` |
/// | [`Command`](Input::Command), [`ChangeEnv`](Input::ChangeEnv), [`Hangup`](Input::Hangup) | if it has clients |
/// | [`Emit`](Input::Emit) | as it likes: an event is how jobs start by themselves |
/// | [`Shutdown`](Input::Shutdown), [`Logout`](Input::Logout) | if it ends before the power does |
/// | [`Found`](Input::Found) | if its processes may outlive its state |
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Input<'a> {
    /// The deadline has passed.
    ///
    /// Mandatory. Any other input at or after the deadline does as well, unless it belongs to the execution of an
    /// order.
    Tick,
    /// The process exists.
    ///
    /// The answer to [`Effect::Spawn`](crate::Effect::Spawn).
    Spawned {
        /// The job.
        job: JobId,
        /// The kind of process.
        process: Process,
        /// The process id.
        pid: Pid,
    },
    /// A process runs its program now.
    ///
    /// Mandatory, after [`Spawned`](Input::Spawned) and when its effects have been carried out; a job with no `expect`
    /// runs from then on. Not given for traced processes, whose first stop means the same.
    Executed {
        /// The process id.
        pid: Pid,
    },
    /// A process could not be set up. It is gone, and no [`Exited`](Input::Exited) follows.
    ///
    /// The answer to [`Effect::Spawn`](crate::Effect::Spawn) if the process cannot be made; or, instead of
    /// [`Executed`](Input::Executed), if it fails later.
    SpawnFailed {
        /// The job.
        job: JobId,
        /// The kind of process.
        process: Process,
        /// The process id, if the process existed (then [`Spawned`](Input::Spawned) came first).
        pid: Option<Pid>,
        /// The stage that failed, and the reason.
        error: SpawnError,
        /// Whether the world only lacks a resource at the moment, such as memory, a process or a descriptor: the
        /// process is then spawned again after a pause, as long as the job is to run. A world that cannot tell says no.
        passing: bool,
    },
    /// A process ended and was reaped.
    ///
    /// Mandatory. Any process may be named, a job's or not, so that a world need not know which are jobs'.
    Exited {
        /// The process id.
        pid: Pid,
        /// The way in which the process ended.
        exit: Exit,
    },
    /// A process does not exist, and it is not known how it ended.
    ///
    /// The answer to [`Effect::Signal`](crate::Effect::Signal) and [`Effect::Watch`](crate::Effect::Watch) if there is
    /// no such process; also an input of its own, for a watched process that another process has reaped.
    Gone {
        /// The process id.
        pid: Pid,
    },
    /// A traced process forked. A new thread does not count as a fork, and neither does vfork(2). The child's stops are
    /// given only after this.
    ///
    /// Only from worlds that trace.
    Forked {
        /// The process id of the process that forked.
        parent: Pid,
        /// The process id of the new process.
        child: Pid,
    },
    /// A traced process replaced its program.
    ///
    /// Only from worlds that trace.
    Replaced {
        /// The process id.
        pid: Pid,
    },
    /// A process stopped: a traced one by any signal, another one by job control.
    ///
    /// Needed for `expect stop`, and by worlds that trace.
    Stopped {
        /// The process id.
        pid: Pid,
        /// The signal that stopped it.
        signal: Signal,
        /// Whether the process is traced: then it needs an order to continue.
        traced: bool,
    },
    /// A process that a signal had stopped continues.
    ///
    /// Optional: it is for the log.
    Continued {
        /// The process id.
        pid: Pid,
    },
    /// A job's live processes.
    ///
    /// The answer to [`Effect::Survey`](crate::Effect::Survey), with as many processes as the world can name.
    Survivors {
        /// The job.
        job: JobId,
        /// The processes, the oldest first; none that has ended and only waits to be reaped. The serialised form leaves
        /// them out, since a list of structures cannot be borrowed from bytes: they go beside it.
        #[serde(skip)]
        survivors: &'a [Survivor],
        /// Whether these are all. False if the world could not find that out: others may live too, so the supervisor
        /// adopts none, gives none up and asks again after a pause. The process that the world itself launched is
        /// named in either case if it lives.
        complete: bool,
    },
    /// A process of a job reported something about itself, in the way that its `expect` stanza names.
    ///
    /// Needed for `expect notify` and `expect fd`.
    Notified {
        /// The job.
        job: JobId,
        /// The message.
        #[serde(borrow)]
        notification: Notification<'a>,
    },
    /// A client wants a job's goal changed (initctl(8) start, stop, restart), or the job reloaded.
    Command {
        /// The client.
        client: ClientId,
        /// The command.
        command: JobCommand,
        /// The job.
        #[serde(borrow)]
        target: Target<'a>,
        /// Whether the reply waits until the goal is reached.
        wait: bool,
    },
    /// An event is emitted, by a client (initctl(8) emit) or by the world itself (the event `startup`).
    Emit {
        /// The client; `None` for the world itself, which gets no reply.
        client: Option<ClientId>,
        /// The event's name.
        event: &'a [u8],
        /// The event's variables, `KEY=VALUE` each.
        #[serde(borrow)]
        environment: Strings<'a>,
        /// Whether the reply waits until the event is finished.
        wait: bool,
    },
    /// A client changes an environment (initctl(8) set-env, unset-env, reset-env).
    ChangeEnv {
        /// The client.
        client: ClientId,
        /// The environment.
        #[serde(borrow)]
        table: EnvTable<'a>,
        /// The change.
        #[serde(borrow)]
        change: EnvChange<'a>,
    },
    /// A client has disconnected and gets no reply any more.
    ///
    /// Mandatory for a client that waits for a reply; otherwise its place is kept until there is one.
    Hangup {
        /// The client.
        client: ClientId,
    },
    /// The supervisor ends: every job is stopped, and none is started or respawned from now on.
    /// [`Effect::Ended`](crate::Effect::Ended) follows.
    Shutdown,
    /// The session ends: every job is stopped except those that wait for the event session-end, which get some seconds;
    /// then as for [`Shutdown`](Input::Shutdown).
    Logout,
    /// A job's main process runs already: an earlier supervisor has launched it, whose state is lost. The job runs from
    /// now on with this process; no hook is run, and no event is emitted. Nothing happens if the job exists already, if
    /// there is no such job, or no room for it: the process then has no [`owner`](crate::Supervisor::owner).
    Found {
        /// The job, and the variables with which it was started.
        #[serde(borrow)]
        target: Target<'a>,
        /// The instance's name; nothing happens if the `instance` stanza gives another one with these variables.
        instance: &'a [u8],
        /// The process id.
        pid: Pid,
    },
}

impl<'a> Input<'a> {
    /// Whether the input belongs to the execution of an order: an answer, or that a process now runs its program.
    pub(crate) const fn is_of_an_order(&self) -> bool {
        matches!(
            self,
            Input::Spawned { .. }
                | Input::SpawnFailed { .. }
                | Input::Executed { .. }
                | Input::Survivors { .. }
                | Input::Gone { .. }
        )
    }

    /// An event of the world itself, without variables: `Input::event(b"startup")`.
    pub const fn event(name: &'a [u8]) -> Self {
        Input::Emit { client: None, event: name, environment: Strings::EMPTY, wait: false }
    }
}

/// A live process of a job, as the world sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Survivor {
    /// The process id.
    pub pid: Pid,
    /// The process's name (on Linux: `comm` of proc(5)).
    pub name: ShortName,
    /// The process id of the session's leader, where there are sessions.
    pub session: Option<Pid>,
    /// Whether the supervisor's program is the parent, so that it learns how the process ends.
    pub child: bool,
    /// Whether the file of the `pid file` stanza names the process.
    pub named: bool,
    /// Whether the process runs the program that the main process ran, which the world remembers of a main process from
    /// the time when it lived (on Linux: the same executable file). A world that cannot tell says no.
    pub same_program: bool,
    /// Whether the process is older than the last main process that was launched, and so one of its predecessor's.
    pub earlier: bool,
    /// Whether the process waits for something to happen: it neither computes nor reads a disk.
    pub idle: bool,
}

/// A report of a job's process about itself (on Linux: sd_notify(3), or a newline on a descriptor).
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Notification<'a> {
    /// The process is ready.
    Ready,
    /// This process of the same job is the main one.
    Main(Pid),
    /// The process is about to end.
    Stopping,
    /// The process is alive: its watchdog timer starts again.
    Alive,
    /// The process's present activity, as text for people.
    Status(&'a [u8]),
}

/// A change of an environment.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EnvChange<'a> {
    /// Set a variable.
    Set {
        /// `KEY=VALUE`, or `KEY` for an empty value.
        entry: &'a [u8],
        /// Whether an existing value is replaced.
        replace: bool,
    },
    /// Remove a variable.
    Unset {
        /// The variable's name.
        name: &'a [u8],
    },
    /// Restore the initial contents.
    Reset,
}

/// A command of a client about a job.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum JobCommand {
    /// Goal start.
    Start,
    /// Goal stop.
    Stop,
    /// Goal stop, then start.
    Restart,
    /// Send the reload signal.
    Reload,
    /// Goal stop; what the job waits for is killed, or waited for no longer than a kill takes.
    Force,
}
