//! Facts that go into the machine.

use core::hash::Hash;

use crate::bytes::Strings;
use crate::ids::{ClientId, JobId};
use crate::process::{Exit, Pid, Process, ShortName};
use crate::signal::Signal;
use crate::spawn::SpawnError;
use crate::target::{EnvTable, Target};

/// One fact about the world. The supervisor takes one in, gives every effect out, and only then takes the next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Input<'a> {
    /// The clock has passed the deadline.
    Tick,
    /// Answer to [`Effect::Spawn`](crate::effect::Effect::Spawn): the process exists.
    Spawned {
        /// Whose.
        job: JobId,
        /// Which of its processes.
        process: Process,
        /// Its number.
        pid: Pid,
    },
    /// A spawned process runs its program now. Not sent for traced processes: their first stop says it.
    Executed {
        /// Its number.
        pid: Pid,
    },
    /// A process could not be set up; it is gone, and no `Exited` follows.
    SpawnFailed {
        /// Whose.
        job: JobId,
        /// Which of its processes.
        process: Process,
        /// Its number if it existed (then `Spawned` came first).
        pid: Option<Pid>,
        /// How far it came and why not farther.
        error: SpawnError,
    },
    /// A process ended and was reaped. Any pid may be named, known or not.
    Exited {
        /// Its number.
        pid: Pid,
        /// How.
        exit: Exit,
    },
    /// A process that a signal was to reach does not exist.
    Gone {
        /// Its number.
        pid: Pid,
    },
    /// A traced process forked (not: made a thread, or called vfork). The world names the child's stops only after this.
    Forked {
        /// Who forked.
        parent: Pid,
        /// The new process.
        child: Pid,
    },
    /// A traced process replaced its program.
    Replaced {
        /// Its number.
        pid: Pid,
    },
    /// A process stopped by a signal: a traced one by any signal, another by job control.
    Stopped {
        /// Its number.
        pid: Pid,
        /// Which signal.
        signal: Signal,
        /// Whether it is traced: then it needs an order to go on.
        traced: bool,
    },
    /// A process that a signal had stopped goes on.
    Continued {
        /// Its number.
        pid: Pid,
    },
    /// Answer to [`Effect::Survey`](crate::effect::Effect::Survey): the job's live processes, the oldest first.
    Survivors {
        /// Whose.
        job: JobId,
        /// Which; none that has ended and waits to be reaped.
        survivors: &'a [Survivor],
    },
    /// A process of a job said something, in the way that its `expect` stanza names.
    Notified {
        /// Whose.
        job: JobId,
        /// What.
        notification: Notification<'a>,
    },
    /// A client asks for a job's goal to change (initctl(8) start, stop, restart) or to be reloaded.
    Command {
        /// Who asks.
        client: ClientId,
        /// What for.
        command: JobCommand,
        /// Which job.
        target: Target<'a>,
        /// Whether the answer is to wait until the goal is reached.
        wait: bool,
    },
    /// A client emits an event (initctl(8) emit).
    Emit {
        /// Who asks; `None` for the supervisor's owner (the startup event).
        client: Option<ClientId>,
        /// The event's name.
        event: &'a [u8],
        /// Its variables, `KEY=VALUE` each.
        environment: Strings<'a>,
        /// Whether the answer is to wait until the event is finished.
        wait: bool,
    },
    /// A client changes an environment (initctl(8) set-env, unset-env, reset-env).
    ChangeEnv {
        /// Who asks.
        client: ClientId,
        /// Whose environment.
        table: EnvTable<'a>,
        /// What is done to it.
        change: EnvChange<'a>,
    },
    /// A client has gone; it is not answered any more.
    Hangup {
        /// Who.
        client: ClientId,
    },
    /// Every job is to be stopped, none started or respawned from now on; [`Effect::Ended`](crate::effect::Effect::Ended)
    /// follows.
    Shutdown,
    /// The session ends: every job is to be stopped but those that wait for the event session-end, which get some seconds;
    /// then as for `Shutdown`.
    Logout,
}

/// A live process of a job, as the world sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Survivor {
    /// Its number.
    pub pid: Pid,
    /// What it calls itself (on Linux: `comm` of proc(5)).
    pub name: ShortName,
    /// Who leads its session.
    pub session: Option<Pid>,
    /// Whether the supervisor is its parent, and so learns how it ends.
    pub child: bool,
    /// Whether the file of its `pid file` stanza names it.
    pub named: bool,
    /// Whether it waits for something to happen: it neither computes nor reads a disk.
    pub idle: bool,
}

/// What a process of a job says of itself (on Linux: sd_notify(3), or a newline on a descriptor).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Notification<'a> {
    /// It is ready.
    Ready,
    /// This process of the same job is the main one.
    Main(Pid),
    /// It is about to end.
    Stopping,
    /// It is alive: its watchdog starts again.
    Alive,
    /// What it is doing, for people to read.
    Status(&'a [u8]),
}

/// What is done to an environment.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum EnvChange<'a> {
    /// Set a variable.
    Set {
        /// `KEY=VALUE`, or `KEY` for an empty value.
        entry: &'a [u8],
        /// Whether a value that is there already is replaced.
        replace: bool,
    },
    /// Take a variable away.
    Unset {
        /// Its name.
        name: &'a [u8],
    },
    /// Make it what it was at first.
    Reset,
}

/// What `initctl` can have done to a job.
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
    /// Goal stop, and nothing is waited for any longer than it takes to kill it.
    Force,
}
