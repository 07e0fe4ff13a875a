//! Everything that can happen to the supervisor, with the syntax of the scenarios: the player reads what the search
//! prints.

use std::fmt;
use std::str::FromStr;

use uphold_core::{Exit, JobCommand, Pid, Signal, SpawnStage};

/// One thing that happens. `text` is the argument of a command: an event or a job, and its variables.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Happening {
    /// A client sends a command about a job.
    Ask { client: usize, command: JobCommand, wait: bool, text: Text },
    /// A client emits an event.
    Emit { client: usize, wait: bool, text: Text },
    /// A client disconnects.
    HangsUp { client: usize },
    /// A process ends, and its end is reported to the supervisor.
    Ends { pid: Pid, exit: Exit },
    /// A process ends, and its parent reaps it. The supervisor is not the parent.
    Vanishes { pid: Pid },
    /// The supervisor gets the report that a process has vanished.
    Missed { pid: Pid },
    /// A traced process stops at its first exec.
    Traps { pid: Pid },
    /// A traced process forks. A stillborn child dies before its first stop.
    Forks { pid: Pid, stillborn: bool },
    /// A traced process executes another program.
    Execs { pid: Pid },
    /// A process stops by a signal. A new traced child does so too.
    Stops { pid: Pid, signal: Signal },
    /// A process leaves a child behind that tracing does not report: by vfork, posix_spawn, or a fork in a thread.
    Leaves { pid: Pid },
    /// The same, and the child runs the same program.
    Doubles { pid: Pid },
    /// A process creates a session.
    Leads { pid: Pid },
    /// A process becomes busy or idle.
    Works { pid: Pid, busy: bool },
    /// A pid file is written with the id of a process.
    Named { pid: Pid },
    /// A process goes into uninterruptible sleep, in which not even SIGKILL ends it.
    Sleeps { pid: Pid },
    /// A process sends a notification.
    Says { pid: Pid, saying: Saying },
    /// The kernel cannot list processes any more, for want of descriptors or memory, or can again.
    Lists { works: bool },
    /// Time passes, and every deadline in it is handled.
    Passes { milliseconds: u32 },
    /// A drain that was cut short goes on.
    Turn,
    /// A shutdown is ordered.
    Shutdown,
    /// The session ends.
    Logout,
    /// Processes run out, so that none can be made any more, or can be made again.
    Spares { works: bool },
    /// A job file is written, or removed. One with an error counts as removed, as it does for Upstart.
    File { name: Text, text: Option<Text> },
    /// Another supervisor takes the state over from a snapshot, in a storage of the same size or of a size by name.
    Restores { size: Option<Text> },
    /// Nothing happens from outside any more, until all has come to rest or cannot.
    Drains,
    /// All jobs are stopped and all job files removed, which must leave nothing.
    Clears,
    /// Sets the outcomes of the next spawns.
    Spawns { outcomes: Outcomes },
    /// The environment of a process is logged.
    Shows { pid: Pid },
}

/// A text: a constant, or read from a file.
pub type Text = std::borrow::Cow<'static, str>;

/// A notification, with the keywords of sd_notify(3).
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Saying {
    Ready,
    Main(Pid),
    Stopping,
    Alive,
    Status(Text),
}

impl fmt::Display for Saying {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Saying::Ready => f.write_str("READY"),
            Saying::Main(pid) => write!(f, "MAINPID {pid}"),
            Saying::Stopping => f.write_str("STOPPING"),
            Saying::Alive => f.write_str("WATCHDOG"),
            Saying::Status(text) => write!(f, "STATUS {text}"),
        }
    }
}

/// The outcome of a spawn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Outcome {
    /// The program is executed.
    Works,
    /// No process is made.
    Fails,
    /// A process is made, but its program cannot be executed.
    NoProgram,
    /// No process is made, for want of a resource.
    Delayed,
    /// A process is made, but its program cannot be executed for want of memory.
    LacksMemory,
    /// A process is made, and the world refuses to trace it. If it is not to be traced, the program is executed.
    Untraced,
    /// The process cannot be set up at this stage. It was made by then, except for a pipe.
    FailsAt(SpawnStage),
    /// The program is executed in a process with the id of a vanished one, if there is one; the end of the vanished
    /// process is reported then.
    Reuses,
}

/// The outcomes of consecutive spawns. All later spawns work.
pub type Outcomes = heapless::Vec<Outcome, 8>;

const COMMANDS: [(&str, JobCommand); 5] = [
    ("start", JobCommand::Start),
    ("stop --force", JobCommand::Force),
    ("stop", JobCommand::Stop),
    ("restart", JobCommand::Restart),
    ("reload", JobCommand::Reload),
];

const OUTCOMES: [(&str, Outcome); 12] = [
    ("work", Outcome::Works),
    ("fail", Outcome::Fails),
    ("lack-program", Outcome::NoProgram),
    ("wait", Outcome::Delayed),
    ("lack-memory", Outcome::LacksMemory),
    ("refuse-to-trace", Outcome::Untraced),
    ("reuse-a-number", Outcome::Reuses),
    ("lack-pipe", Outcome::FailsAt(SpawnStage::Pipe)),
    ("lack-group", Outcome::FailsAt(SpawnStage::Cgroup)),
    ("lack-directory", Outcome::FailsAt(SpawnStage::Directory)),
    ("lack-user", Outcome::FailsAt(SpawnStage::FindUser)),
    ("lack-helper", Outcome::FailsAt(SpawnStage::Helper)),
];

/// A client's letter.
pub fn letter(client: usize) -> char {
    char::from(b'A' + client as u8)
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let option = |wait| if wait { "" } else { " --no-wait" };
        match self {
            Happening::Ask { client, command, wait, text } => {
                let name = COMMANDS.iter().find(|(_, known)| known == command).map_or("", |(name, _)| name);
                write!(f, "{}: {name}{} {text}", letter(*client), option(*wait))
            }
            Happening::Emit { client, wait, text } => write!(f, "{}: emit{} {text}", letter(*client), option(*wait)),
            Happening::HangsUp { client } => write!(f, "{}: hangs up", letter(*client)),
            Happening::Ends { pid, exit: Exit::Status(status) } => write!(f, "{pid} exits {status}"),
            Happening::Ends { pid, exit: Exit::Signal(signal) } => write!(f, "{pid} dies of {}", Signal(*signal)),
            Happening::Ends { pid, exit: Exit::Unknown } => write!(f, "{pid} exits"),
            Happening::Vanishes { pid } => write!(f, "{pid} vanishes"),
            Happening::Missed { pid } => write!(f, "{pid} is missed"),
            Happening::Traps { pid } => write!(f, "{pid} traps"),
            Happening::Forks { pid, stillborn: false } => write!(f, "{pid} forks"),
            Happening::Forks { pid, stillborn: true } => write!(f, "{pid} forks stillborn"),
            Happening::Execs { pid } => write!(f, "{pid} execs"),
            Happening::Stops { pid, signal } => write!(f, "{pid} stops by {signal}"),
            Happening::Leaves { pid } => write!(f, "{pid} leaves a child"),
            Happening::Doubles { pid } => write!(f, "{pid} starts itself again"),
            Happening::Leads { pid } => write!(f, "{pid} leads a session"),
            Happening::Works { pid, busy } => write!(f, "{pid} is {}", if *busy { "busy" } else { "idle" }),
            Happening::Named { pid } => write!(f, "{pid} is named"),
            Happening::Sleeps { pid } => write!(f, "{pid} sleeps in the kernel"),
            Happening::Says { pid, saying } => write!(f, "{pid} says {saying}"),
            Happening::Lists { works: false } => f.write_str("processes are hidden"),
            Happening::Lists { works: true } => f.write_str("processes are shown"),
            Happening::Passes { milliseconds } if milliseconds % 1000 == 0 => {
                write!(f, "{} seconds pass", milliseconds / 1000)
            }
            Happening::Passes { milliseconds } => write!(f, "{milliseconds} ms pass"),
            Happening::Turn => f.write_str("turn"),
            Happening::Shutdown => f.write_str("shutdown"),
            Happening::Logout => f.write_str("logout"),
            Happening::Spares { works: false } => f.write_str("processes run out"),
            Happening::Spares { works: true } => f.write_str("processes can be made"),
            Happening::File { name, text: None } => write!(f, "remove {name}"),
            Happening::File { name, text: Some(text) } => {
                write!(f, "write {name}: {}", text.trim_end().replace('\n', "; "))
            }
            Happening::Restores { size: None } => f.write_str("snapshot"),
            Happening::Restores { size: Some(size) } => write!(f, "snapshot into {size}"),
            Happening::Drains => f.write_str("all comes to rest"),
            Happening::Clears => f.write_str("all is removed"),
            Happening::Spawns { outcomes } => {
                f.write_str("spawns")?;
                let word = |outcome| OUTCOMES.iter().find(|(_, known)| *known == outcome).map_or("", |(word, _)| word);
                outcomes.iter().try_for_each(|&outcome| write!(f, " {}", word(outcome)))
            }
            Happening::Shows { pid } => write!(f, "{pid} environment"),
        }
    }
}

/// The text is not a happening.
#[derive(Debug)]
pub struct NotUnderstood(pub String);

impl FromStr for Happening {
    type Err = NotUnderstood;

    fn from_str(words: &str) -> Result<Self, NotUnderstood> {
        parse(words).ok_or_else(|| NotUnderstood(words.to_owned()))
    }
}

fn owned(word: &str) -> Text {
    Text::Owned(word.to_owned())
}

fn parse(line: &str) -> Option<Happening> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words[..] {
        ["turn"] => return Some(Happening::Turn),
        ["shutdown"] => return Some(Happening::Shutdown),
        ["logout"] => return Some(Happening::Logout),
        ["processes", "run", "out"] => return Some(Happening::Spares { works: false }),
        ["processes", "can", "be", "made"] => return Some(Happening::Spares { works: true }),
        ["remove", name] => return Some(Happening::File { name: owned(name), text: None }),
        ["write", name, ..] => {
            let (_, text) = line.split_once(": ")?;
            let text = Text::Owned(format!("{}\n", text.replace("; ", "\n")));
            return Some(Happening::File { name: owned(name.strip_suffix(':')?), text: Some(text) });
        }
        ["snapshot"] => return Some(Happening::Restores { size: None }),
        ["snapshot", "into", size] => return Some(Happening::Restores { size: Some(owned(size)) }),
        ["all", "comes", "to", "rest"] => return Some(Happening::Drains),
        ["all", "is", "removed"] => return Some(Happening::Clears),
        ["processes", "are", "hidden"] => return Some(Happening::Lists { works: false }),
        ["processes", "are", "shown"] => return Some(Happening::Lists { works: true }),
        [seconds, "second" | "seconds", "pass" | "passes"] => {
            return Some(Happening::Passes { milliseconds: seconds.parse::<u32>().ok()?.checked_mul(1000)? });
        }
        [milliseconds, "ms", "pass"] => return Some(Happening::Passes { milliseconds: milliseconds.parse().ok()? }),
        ["spawns", ref rest @ ..] => {
            let find = |word: &&str| OUTCOMES.iter().find(|(known, _)| known == word).map(|(_, outcome)| *outcome);
            return Some(Happening::Spawns { outcomes: rest.iter().map(find).collect::<Option<_>>()? });
        }
        _ => {}
    }
    let (first, rest) = line.split_once(' ')?;
    if let Some(client) = first.strip_suffix(':') {
        let client = usize::from(*client.as_bytes().first()? - b'A');
        return parse_client(client, rest);
    }
    match first.parse() {
        Ok(pid) => parse_process(pid, &words[1..]),
        Err(_) => parse_client(0, line),
    }
}

fn parse_client(client: usize, line: &str) -> Option<Happening> {
    if line == "hangs up" {
        return Some(Happening::HangsUp { client });
    }
    let (name, command) = match COMMANDS.iter().find(|(name, _)| line.starts_with(name)) {
        Some((name, command)) => (*name, Some(*command)),
        None => ("emit", None),
    };
    let rest = line.strip_prefix(name)?.strip_prefix(' ')?;
    let (wait, rest) = rest.strip_prefix("--no-wait ").map_or((true, rest), |rest| (false, rest));
    let text = Text::Owned(rest.to_owned());
    Some(match command {
        Some(command) => Happening::Ask { client, command, wait, text },
        None => Happening::Emit { client, wait, text },
    })
}

fn parse_process(pid: Pid, words: &[&str]) -> Option<Happening> {
    let signal = |name: &str| Signal::by_name(name.as_bytes()).or_else(|| name.parse().ok().map(Signal));
    Some(match words {
        ["exits", status] => Happening::Ends { pid, exit: Exit::Status(status.parse().ok()?) },
        ["dies", "of", name] => Happening::Ends { pid, exit: Exit::Signal(signal(name)?.0) },
        ["vanishes"] => Happening::Vanishes { pid },
        ["is", "missed"] => Happening::Missed { pid },
        ["traps"] => Happening::Traps { pid },
        ["forks"] => Happening::Forks { pid, stillborn: false },
        ["forks", "stillborn"] => Happening::Forks { pid, stillborn: true },
        ["execs"] => Happening::Execs { pid },
        ["stops", "by", name] => Happening::Stops { pid, signal: signal(name)? },
        ["exits"] => Happening::Ends { pid, exit: Exit::Unknown },
        ["leaves", "a", "child"] => Happening::Leaves { pid },
        ["starts", "itself", "again"] => Happening::Doubles { pid },
        ["leads", "a", "session"] => Happening::Leads { pid },
        ["is", "busy"] => Happening::Works { pid, busy: true },
        ["is", "idle"] => Happening::Works { pid, busy: false },
        ["is", "named"] => Happening::Named { pid },
        ["sleeps", "in", "the", "kernel"] => Happening::Sleeps { pid },
        ["says", words @ ..] => Happening::Says { pid, saying: parse_saying(words)? },
        ["environment"] => Happening::Shows { pid },
        _ => return None,
    })
}

fn parse_saying(words: &[&str]) -> Option<Saying> {
    Some(match words {
        ["READY"] => Saying::Ready,
        ["MAINPID", pid] => Saying::Main(pid.parse().ok()?),
        ["STOPPING"] => Saying::Stopping,
        ["WATCHDOG"] => Saying::Alive,
        ["STATUS", words @ ..] => Saying::Status(Text::Owned(words.join(" "))),
        _ => return None,
    })
}
