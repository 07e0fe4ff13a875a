//! The stanzas of a job file.

use crate::bytes::Strings;
use crate::expect::Expect;
use crate::process::Process;
use crate::signal::Signal;
use crate::spawn::Resource;

/// One stanza of a job file (init(5)). Text is borrowed from the file, already unquoted.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Stanza<'t> {
    /// `exec COMMAND...`, `pre-start exec ...`, ...: the rest of the line, unquoted only where Upstart unquotes it.
    Exec(Process, &'t [u8]),
    /// `script ... end script`: the lines between, without the leading white space that they share, each with its
    /// newline.
    Script(Process, &'t [u8]),
    /// `start on CONDITION`.
    StartOn(ConditionText<'t>),
    /// `stop on CONDITION`.
    StopOn(ConditionText<'t>),
    /// `manual`: discards any `start on` that precedes it.
    Manual,
    /// `env NAME=VALUE` or `env NAME`.
    Env(&'t [u8]),
    /// `export NAME...`.
    Export(Strings<'t>),
    /// `import NAME...` (ChromeOS).
    Import(Strings<'t>),
    /// `tmpfiles FILE...` (ChromeOS).
    Tmpfiles(Strings<'t>),
    /// `emits EVENT...`.
    Emits(Strings<'t>),
    /// `instance NAME`.
    Instance(&'t [u8]),
    /// `instance limit COUNT`, at least 1.
    InstanceLimit(u32),
    /// `task`.
    Task,
    /// `respawn`.
    Respawn,
    /// `respawn limit COUNT INTERVAL` (seconds); `unlimited` is 0 and 0.
    RespawnLimit {
        /// Number of respawns allowed within the interval.
        count: u32,
        /// Length of the interval in seconds.
        interval: u32,
    },
    /// `respawn delay MIN [MAX]` (seconds), `most` is at least `least`.
    RespawnDelay {
        /// The delay before the first respawn.
        least: u32,
        /// The delay that no later one exceeds.
        most: u32,
    },
    /// `respawn retry SECONDS`; 0 means that the job is not tried again.
    RespawnRetry(u32),
    /// `normal exit`: one status (0 to 2147483647, a signal as its number times 256). A line with several statuses
    /// gives a stanza for each.
    NormalExit(i32),
    /// `expect none|stop|fork|daemon|notify|auto`.
    Expect(Expect),
    /// `expect fd NUMBER`: the daemon writes a newline to that descriptor, 3 to 1023.
    ReadyDescriptor(u32),
    /// `pid file PATH`: the daemon writes its process id to that file.
    PidFile(&'t [u8]),
    /// `start timeout SECONDS`; 0 means no limit.
    StartTimeout(u32),
    /// `hook timeout SECONDS`, for each of pre-start, post-start, pre-stop and post-stop; 0 means no limit.
    HookTimeout(u32),
    /// `watchdog SECONDS`: the longest time between two messages of the daemon that it is alive; 0 means no limit.
    Watchdog(u32),
    /// `kill signal SIGNAL`; 0 is accepted too, and 255 stands for every number that is too large for a signal.
    KillSignal(Signal),
    /// `kill scope group|job`.
    KillScope(KillScope),
    /// `kill timeout SECONDS`; with 0 SIGKILL follows at once.
    KillTimeout(u32),
    /// `reload signal SIGNAL`, with the same special values as `kill signal`.
    ReloadSignal(Signal),
    /// `description TEXT`.
    Description(&'t [u8]),
    /// `author TEXT`.
    Author(&'t [u8]),
    /// `version TEXT`.
    Version(&'t [u8]),
    /// `usage TEXT`.
    Usage(&'t [u8]),
    /// `console none|output|log|owner`.
    Console(Console),
    /// `umask MODE`, 0 to 0777.
    Umask(u16),
    /// `nice PRIORITY`, -20 to 19.
    Nice(i8),
    /// `oom SCORE|never` and `oom score SCORE|never`, as the kernel's oom_score_adj (-1000 to 1000).
    OomScore(i16),
    /// `limit RESOURCE SOFT HARD`; `None` is `unlimited`.
    Limit(Resource, Option<u64>, Option<u64>),
    /// `chroot DIRECTORY`.
    Chroot(&'t [u8]),
    /// `chdir DIRECTORY`.
    Chdir(&'t [u8]),
    /// `setuid USER`.
    Setuid(&'t [u8]),
    /// `setgid GROUP`.
    Setgid(&'t [u8]),
    /// `cgroup CONTROLLER [NAME] [KEY VALUE]`: the arguments in order.
    Cgroup(Strings<'t>),
    /// `apparmor load PROFILE`.
    ApparmorLoad(&'t [u8]),
    /// `apparmor switch PROFILE`.
    ApparmorSwitch(&'t [u8]),
    /// `debug`: the process stops itself before exec when init runs with `--debug`.
    Debug,
}

/// The processes that end with a main process (`kill scope`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum KillScope {
    /// Its process group, at `stop`.
    #[default]
    Group,
    /// Every process of the job, at `stop` and before a respawn.
    Job,
}

/// The target of a process's standard descriptors (init(5), `console`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Console {
    /// `/dev/null`.
    None,
    /// `/dev/console`.
    Output,
    /// `/dev/console`, as the controlling terminal.
    Owner,
    /// A terminal whose output is kept in a log file.
    #[default]
    Log,
}

/// A condition of `start on` or `stop on` in postfix order, as one piece of text.
///
/// It is a program for a stack machine: each event operator pushes, `and` and `or` take two and push one. See
/// [`ConditionText::operators`].
///
/// `&` and `|` are one byte each, an event is `e NAME NUL (ARGUMENT NUL)* NUL`. An empty argument is [`EMPTY_WORD`], so
/// an empty entry ends the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ConditionText<'t>(pub &'t [u8]);

/// An empty argument of an event: as a job file writes one. It takes part in matching as empty text.
pub const EMPTY_WORD: &[u8] = b"''";

/// One step of a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator<'t> {
    /// Both of the two operands before it.
    And,
    /// Either of the two operands before it.
    Or,
    /// An event of this name whose variables match these (`VALUE`, `KEY=VALUE` or `KEY!=VALUE`, in order).
    Event(&'t [u8], Strings<'t>),
}
