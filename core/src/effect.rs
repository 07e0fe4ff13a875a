//! Orders that come out of the machine.

use core::hash::Hash;

use crate::answer::Answer;
use crate::ids::{ClassId, ClientId, JobId};
use crate::notice::Notice;
use crate::process::{Pid, Process};
use crate::signal::Signal;

/// One order to the world, which is the program around the supervisor. Effects carry ids and numbers only: the text
/// behind an id (a command line, an environment, a job's name) comes from the supervisor's read-only views, which must
/// be asked before the next effect is polled.
///
/// # The contract
///
/// Effects are carried out one at a time, in the order in which [`poll_effect`](crate::Supervisor::poll_effect) gives
/// them. Some have an answer: **an answer is given to [`handle`](crate::Supervisor::handle) as soon as the order has
/// been carried out, before the next effect is polled**. Everything else that the world learns waits until no effect is
/// left.
///
/// No world needs ptrace, control groups or pidfds:
///
/// | effect | asked of every world | a world without the means |
/// |---|---|---|
/// | `Spawn` | an answer | (a task of an operating system for boards is a process too) |
/// | `Signal` | that KILL ends the process | without signals: ends the process for TERM too |
/// | `Follow`, `Resume`, `Detach`, `Release` | nothing | without ptrace: never gets them |
/// | `Watch` | that the end is reported | without forks: never gets it |
/// | `Survey` | an answer | without a list of processes: names those that it made |
/// | `Sweep` | a signal to the processes it knows | without control groups: goes by session or group |
/// | `Wake` | nothing | without stopped processes: does nothing |
/// | `Report` | nothing | does nothing |
/// | `Rested`, `Retired` | what is kept for the id is released | that keeps nothing: does nothing |
/// | `Reply` | a reply, if inputs name clients | without clients: never gets it |
/// | `Log` | nothing | does nothing |
/// | `Ended` | that the loop ends | that never shuts down: never gets it |
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Effect {
    /// Make a process.
    ///
    /// Mandatory. The answer is [`Input::Spawned`](crate::Input::Spawned), or
    /// [`Input::SpawnFailed`](crate::Input::SpawnFailed) if the process cannot be made. When the process runs its
    /// program, [`Input::Executed`](crate::Input::Executed) follows as an input of its own. The command is what the
    /// world kept of the stanzas [`Exec`](crate::conf::Stanza::Exec) and [`Script`](crate::conf::Stanza::Script) of the
    /// job's class ([`class_of`](crate::Supervisor::class_of)), the environment is
    /// [`Supervisor::environment`](crate::Supervisor::environment).
    Spawn {
        /// The job.
        job: JobId,
        /// The kind of process.
        process: Process,
        /// The ways in which this process differs from other processes of the job.
        launch: Launch,
    },
    /// Send a signal.
    ///
    /// Mandatory. If there is no such process, the answer is [`Input::Gone`](crate::Input::Gone); a world which cannot
    /// tell gives none. If [`CONT`](Signal::CONT) lets a stopped process continue, the answer is
    /// [`Input::Continued`](crate::Input::Continued), which is for the log only. A world that knows no signals ends the
    /// process for [`KILL`](Signal::KILL) and for the class's kill signal, and may ignore the others.
    Signal {
        /// The process id.
        pid: Pid,
        /// The signal.
        signal: Signal,
        /// The reach of the signal.
        scope: Scope,
    },
    /// Report the forks and execs of a traced process that has stopped from now on, and let it continue.
    ///
    /// Only for worlds that trace ([`Launch::trace`]). There is no answer; neither is there one to the three that
    /// follow. If the process is gone, its [`Input::Exited`](crate::Input::Exited) says so.
    Follow {
        /// The process id.
        pid: Pid,
    },
    /// Let a traced process that has stopped continue.
    ///
    /// Only for worlds that trace.
    Resume {
        /// The process id.
        pid: Pid,
        /// The signal that is delivered to it.
        signal: Option<Signal>,
    },
    /// Stop tracing a process that has stopped, and let it continue.
    ///
    /// Only for worlds that trace.
    Detach {
        /// The process id.
        pid: Pid,
        /// The signal that is delivered to it.
        signal: Option<Signal>,
    },
    /// Report the end of a process that takes the place of a job's main process, even if another process reaps it: a
    /// process that a traced one made, or one that the answer to a [`Survey`](Effect::Survey) named.
    ///
    /// Mandatory for worlds whose processes fork. If there is no such process, the answer is
    /// [`Input::Gone`](crate::Input::Gone). A world without pidfds looks from time to time whether the process exists,
    /// and gives [`Input::Gone`](crate::Input::Gone) when it does not; this can mistake a process for a later one of
    /// the same id.
    Watch {
        /// The process id.
        pid: Pid,
        /// The process id of the main process until now.
        instead_of: Pid,
    },
    /// Stop tracing a process that runs, as soon as that is possible.
    ///
    /// Only for worlds that trace.
    Release {
        /// The process id.
        pid: Pid,
    },
    /// List a job's live processes, except its hooks and the processes that those have made.
    ///
    /// Mandatory: the job waits for the answer, [`Input::Survivors`](crate::Input::Survivors). A world that cannot find
    /// out at this moment says so in the answer, and is asked again after a pause. A world whose processes
    /// do not fork names the main process if it lives, and otherwise none. A world without control groups finds the
    /// others by session, process group or environment, or names those that it knows; one that it does not name is not
    /// adopted when the main process exits, and not killed with the job.
    Survey {
        /// The job.
        job: JobId,
        /// Whether a slow search is worth while if the processes are not where the world placed them.
        anywhere: bool,
    },
    /// Send a signal to all of a job's processes, except its hooks and the processes that those have made.
    ///
    /// Given for jobs whose main process was adopted, and when a stop is forced. There is no answer. A world without
    /// control groups signals the processes that it knows as the job's; if none, nothing happens, and the supervisor
    /// continues when its time has passed.
    Sweep {
        /// The job.
        job: JobId,
        /// The signal.
        signal: Signal,
    },
    /// Let processes that a signal has stopped continue, so that they take the signal that was sent before this.
    ///
    /// Optional: without it a stopped process ends when its `kill timeout` has passed. There is no answer.
    Wake {
        /// The job.
        job: JobId,
        /// The process id of a process whose group is meant.
        pid: Pid,
        /// Whether all of the job's processes are meant instead, as with [`Sweep`](Effect::Sweep).
        all: bool,
    },
    /// Log, after a moment, which of the job's processes have survived its main process.
    ///
    /// Optional: it is a message for people.
    Report {
        /// The job.
        job: JobId,
    },
    /// Release what the world keeps for the processes of a job: the job is at rest, and its id is about to become
    /// invalid.
    ///
    /// Optional if nothing is kept.
    Rested {
        /// The job.
        job: JobId,
    },
    /// Send a client the reply to its last request. [`Supervisor::reply`](crate::Supervisor::reply) puts it in words.
    ///
    /// Mandatory if inputs carry clients. Each [`Command`](crate::Input::Command),
    /// [`ChangeEnv`](crate::Input::ChangeEnv) and [`Emit`](crate::Input::Emit) of a client leads to exactly one reply,
    /// unless [`Hangup`](crate::Input::Hangup) comes first.
    Reply {
        /// The client.
        client: ClientId,
        /// The answer.
        answer: Answer,
    },
    /// Log a message. [`Supervisor::message`](crate::Supervisor::message) puts it in words.
    ///
    /// Optional.
    Log(Notice),
    /// Release what the world keeps for a class, such as its commands: the class no longer exists.
    ///
    /// Mandatory if tables run beside the storage by [`ClassId::index`](crate::Id::index): the slot may be given to
    /// another class from now on.
    Retired(ClassId),
    /// Leave the loop: after [`Input::Shutdown`](crate::Input::Shutdown) or [`Input::Logout`](crate::Input::Logout), no
    /// job is left, or time has run out and the jobs that are left have been logged. The world kills what still lives.
    ///
    /// Given once. After it there are no deadlines, and a world that waited for the next one would wait for ever.
    Ended,
}

/// The ways in which the processes of one job differ.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Launch {
    /// Whether this is the job's first process: what `apparmor load` (init(5), "AppArmor support") and `tmpfiles`
    /// (ChromeOS) ask for is done before it.
    pub first: bool,
    /// Whether the process switches to the profile of `apparmor switch`, if there is one: only the main process does
    /// (init(5), "AppArmor support").
    pub confine: bool,
    /// Whether the process is traced from its exec on. Set for the main processes of classes with `expect fork` or
    /// `expect daemon`, and for one launch of a daemon that its file does not describe, to learn how often it forks. A
    /// world that cannot trace, at this moment or ever, refuses the process with
    /// [`SpawnStage::Trace`](crate::SpawnStage::Trace). Then the order comes again without this, and the daemon is the
    /// process that stays when the launched one has exited; with [`set_strict`](crate::Supervisor::set_strict) the job
    /// fails.
    pub trace: bool,
    /// Whether another process may take its place later, so that it is worth the cost to know for certain which
    /// processes are the job's: on Linux, by a control group. A world without control groups ignores it.
    pub contain: bool,
}

/// The reach of a signal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Scope {
    /// The process alone.
    Process,
    /// Every process of the process group in which the process is. A process and those that it makes are one group
    /// unless they leave it; the world makes each process of a job the leader of a new group (on Linux: of a new
    /// session). A world without process groups signals the process alone.
    Group,
}
