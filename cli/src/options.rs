//! Options, and how they are parsed: `--name`, `--name=value`, `--name value`, `-n`. Operands that begin with a dash
//! follow `--`. Long names cannot be abbreviated. Options may stand between operands.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// An option of a program.
pub struct OptionSpec {
    /// The short name.
    pub short: Option<u8>,
    /// The long name, without the dashes.
    pub long: &'static str,
    /// The argument's name in the help; `None` for an option without an argument.
    pub argument: Option<&'static str>,
    /// Sets the option. The second value is its argument, empty if it takes none.
    apply: fn(&mut Options, OsString),
    /// The text of the help.
    pub help: &'static str,
    /// Whether the option is Upstart's or Uphold's own.
    pub origin: Origin,
}

impl OptionSpec {
    /// The option as help shows it, such as `-q, --quiet` and `--socket=FILE`.
    pub fn spelling(&self) -> String {
        let short = self.short.map_or(String::new(), |letter| format!("-{}, ", letter.escape_ascii()));
        let argument = self.argument.map_or(String::new(), |argument| format!("={argument}"));
        format!("{short}--{}{argument}", self.long)
    }
}

/// Where an option or a command comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Upstart 1.13.2, or an older program of the same name.
    Upstart,
    /// Uphold alone.
    Uphold,
}

/// A text that is printed instead of running a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Info {
    /// `--help`
    Help,
    /// `--version`
    Version,
}

/// The values of all options.
#[derive(Default)]
pub struct Options {
    /// `--quiet`: print errors only.
    pub(crate) quiet: bool,
    /// `--verbose`: print more.
    pub(crate) verbose: bool,
    /// `--help` or `--version`.
    pub(crate) info: Option<Info>,
    /// `--system`: connect to the system's supervisor, even inside a session.
    pub(crate) system: bool,
    /// `--user`: connect to the supervisor of a session.
    pub(crate) user: bool,
    /// `--socket`: the path of the supervisor's socket.
    pub(crate) socket: Option<OsString>,
    /// `--no-wait`: return at once.
    pub(crate) no_wait: bool,
    /// `--global`: use the environment with which every job starts.
    pub(crate) global: bool,
    /// `--retain`: do not change variables that are already set.
    pub(crate) retain: bool,
    /// `--enumerate`: print each event of a condition on a line of its own.
    pub(crate) enumerate: bool,
    /// `--ignore-events`: the names of events that count as known, with commas between them.
    pub(crate) ignored: Vec<u8>,
    /// `--warn`: report every unknown event and job.
    pub(crate) warn: bool,
    /// `--noscript`: do not check scripts.
    pub(crate) no_script: bool,
    /// `--file`: files to check, in addition to the operands.
    pub(crate) files: Vec<OsString>,
    /// `--env`: variables for the event runlevel, each as `KEY=VALUE`.
    pub(crate) variables: Vec<OsString>,
    /// `--utmp`: the file to use instead of /var/run/utmp.
    pub(crate) utmp: Option<OsString>,
    /// `--wtmp`: the file to use instead of /var/log/wtmp.
    pub(crate) wtmp: Option<OsString>,
    /// `shutdown`: what happens after the shutdown; `None` for maintenance.
    pub(crate) after_shutdown: Option<AfterShutdown>,
    /// `shutdown`, `halt`: whether the power is switched off; `None` if the system's jobs decide.
    pub(crate) halt_mode: Option<HaltMode>,
    /// `shutdown --cancel`: cancel the pending shutdown.
    pub(crate) cancel: bool,
    /// `shutdown --warn`: send the warning and do nothing else.
    pub(crate) warn_only: bool,
    /// `--force`: for `reboot`, call the kernel directly; for `stop`, do not wait for hooks and other jobs.
    pub(crate) force: bool,
    /// `reboot --wtmp-only`: write the record in wtmp and do nothing else.
    pub(crate) wtmp_only: bool,
    /// `probe --conf`: print a job file.
    pub(crate) conf: bool,
    /// `--json`: print JSON.
    pub(crate) json: bool,
    /// `probe --here`: use no namespaces.
    pub(crate) here: bool,
    /// `probe --strace-log`: the log to read instead of running a command.
    pub(crate) strace_log: Option<OsString>,
    /// `status --exit-code`: the exit code tells whether the job runs.
    pub(crate) exit_code: bool,
    /// `log --lines`: how many lines are printed first.
    pub(crate) lines: Option<OsString>,
    /// `log --follow`: print what is appended.
    pub(crate) follow: bool,
    /// `service --status-all`: print the state of everything.
    pub(crate) status_all: bool,
    /// `service --full-restart`: stop and start.
    pub(crate) full_restart: bool,
    /// `--all`: every instance of the job; for `timeline`, what came after the boot too.
    pub(crate) all: bool,
    /// `restart --reload`: take the job file as it is now.
    pub(crate) reload: bool,
    /// `restart --start`: start a job that does not run.
    pub(crate) start: bool,
    /// `--dry-run`: say what would happen, and do nothing.
    pub(crate) dry_run: bool,
    /// `graph --svg`: draw a picture.
    pub(crate) svg: bool,
    /// `probe --timeout`: the most seconds until a program is quiet.
    pub(crate) timeout: Option<OsString>,
}

/// The action after a shutdown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterShutdown {
    /// The system starts again.
    Reboot,
    /// The system stays down.
    Halt,
}

/// The state of the power when the system has halted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HaltMode {
    /// The power stays on.
    Halt,
    /// The power is switched off.
    PowerOff,
}

/// The options that choose a supervisor. D-Bus is not used, but its options are accepted, so that scripts that use them
/// keep working.
#[rustfmt::skip]
pub const SUPERVISOR: &[OptionSpec] = &[
    SOCKET,
    row(None,       "system",  None,         |to, _| (to.system, to.user) = (true, false),   "connect to the supervisor of the system, even inside a session"),
    row(None,       "user",    None,         |to, _| (to.system, to.user) = (false, true),   "connect to the supervisor of a session of yours"),
    row(None,       "session", None,         |_, _| {},                                      "ignored: D-Bus is not used"),
    row(None,       "dest",    Some("NAME"), |_, _| {},                                      "ignored: D-Bus is not used"),
];

/// The options of every program.
pub const COMMON: &[OptionSpec] = &common(Some(b'h'));

/// The same without `-h`, for programs in which it means something else, here or in other implementations.
pub const COMMON_WITHOUT_H: &[OptionSpec] = &common(None);

#[rustfmt::skip]
const fn common(help_letter: Option<u8>) -> [OptionSpec; 4] {
    [
        row(Some(b'q'),  "quiet",   None, |to, _| (to.quiet, to.verbose) = (true, false), "print errors only"),
        row(Some(b'v'),  "verbose", None, |to, _| (to.quiet, to.verbose) = (false, true), "print more, if there is more; cancels --quiet"),
        row(help_letter, "help",    None, |to, _| to.info = Some(Info::Help),    "print this help"),
        row(None,        "version", None, |to, _| to.info = Some(Info::Version), "print the version and the licence"),
    ]
}

/// The path of the control socket.
pub(crate) const SOCKET: OptionSpec =
    ours("socket", Some("PATH"), |to, path| to.socket = Some(path), "connect to the supervisor at the socket PATH");
/// The file instead of /var/run/utmp.
pub(crate) const UTMP: OptionSpec =
    ours("utmp", Some("FILE"), |to, path| to.utmp = Some(path), "use FILE instead of /var/run/utmp");
/// The file instead of /var/log/wtmp.
pub(crate) const WTMP: OptionSpec =
    ours("wtmp", Some("FILE"), |to, path| to.wtmp = Some(path), "use FILE instead of /var/log/wtmp");

/// The options of `start`.
pub(crate) const START: [OptionSpec; 4] = [no_wait("do not wait until the job runs"), ALL, DRY_RUN, DRY_JSON];
/// The options of `stop`.
pub(crate) const STOP: [OptionSpec; 5] =
    [no_wait("do not wait until the job has stopped"), ALL, FORCE, DRY_RUN, DRY_JSON];
/// The options of `restart`.
pub(crate) const RESTART: [OptionSpec; 6] = [
    no_wait("do not wait until the job runs again"),
    ALL,
    ours("reload", None, |to, _| to.reload = true, "stop the job, then start it with its job file as it is now"),
    ours("start", None, |to, _| to.start = true, "start the job if it does not run"),
    DRY_RUN,
    DRY_JSON,
];
/// The options of `emit`.
pub(crate) const EMIT: [OptionSpec; 3] = [no_wait("do not wait until the event is finished"), DRY_RUN, DRY_JSON];
/// The option of commands that only look.
pub(crate) const LOOK: [OptionSpec; 1] = [JSON];
/// The option of the environment commands.
pub(crate) const ENVIRONMENT: [OptionSpec; 1] = [GLOBAL];
/// The options of `set-env`.
#[rustfmt::skip]
pub(crate) const SET_ENV: [OptionSpec; 2] = [
    GLOBAL,
    row(Some(b'r'), "retain", None, |to, _| to.retain = true, "do not change variables that are already set"),
];
/// The options of `show-config`.
#[rustfmt::skip]
pub(crate) const SHOW_CONFIG: [OptionSpec; 2] = [
    JSON,
    row(Some(b'e'), "enumerate", None, |to, _| to.enumerate = true, "print each event of a condition on a line of its own"),
];
/// The options of `check-config`.
#[rustfmt::skip]
pub(crate) const CHECK_CONFIG: [OptionSpec; 3] = [
    JSON,
    row(Some(b'i'), "ignore-events", Some("EVENTS"), |to, list| to.ignored = list.into_vec(), "take these events (a list with commas) as emitted by something"),
    row(Some(b'w'), "warn",          None,           |to, _| to.warn = true,                  "also report an unknown event or job that `or' makes optional"),
];
/// The option of `check-conf`.
pub(crate) const CHECK_CONF: [OptionSpec; 1] =
    [row(Some(b's'), "noscript", None, |to, _| to.no_script = true, "do not check the syntax of scripts")];

/// The option of `timeline`.
pub(crate) const TIMELINE: [OptionSpec; 1] =
    [ours("all", None, |to, _| to.all = true, "also draw what was started after the boot")];

/// The option of `graph`.
pub(crate) const GRAPH: [OptionSpec; 1] =
    [ours("svg", None, |to, _| to.svg = true, "draw the picture here, as SVG, without Graphviz")];

/// The options of `probe`.
#[rustfmt::skip]
pub(crate) const PROBE: [OptionSpec; 6] = [
    ours("conf",       None,              |to, _| to.conf = true,                        "print a job file instead of the report"),
    ours("json",       None,              |to, _| to.json = true,                        "print the facts and the verdict as JSON (docs/json.md)"),
    ours("strace-log", Some("FILE"),      |to, file| to.strace_log = Some(file),         "run nothing: judge FILE, which `strace -f -o FILE COMMAND' wrote, or the files of -ff that begin with FILE"),
    ours("timeout",    Some("SECONDS"),   |to, seconds| to.timeout = Some(seconds),      "judge after SECONDS even if it is not quiet (default: 60)"),
    ours("env",        Some("KEY=VALUE"), |to, variable| to.variables.push(variable),    "give it a variable; may be repeated. It gets PATH and TERM, as jobs do, and no others"),
    ours("here",       None,              |to, _| to.here = true,                        "use no namespaces: for a program that needs the network or the processes of the system"),
];

/// The options of `status`.
#[rustfmt::skip]
pub(crate) const STATUS: [OptionSpec; 2] = [
    JSON,
    ours("exit-code", None, |to, _| to.exit_code = true, "exit with 0 if the job runs, 3 if not, 4 if that is not known"),
];
/// The options of `log`.
#[rustfmt::skip]
pub(crate) const LOG: [OptionSpec; 2] = [
    OptionSpec { short: Some(b'n'), ..ours("lines", Some("N"), |to, lines| to.lines = Some(lines), "print the last N lines first (default: 10)") },
    OptionSpec { short: Some(b'f'), ..ours("follow", None, |to, _| to.follow = true, "go on with what the job writes from now on") },
];

const GLOBAL: OptionSpec = row(
    Some(b'g'),
    "global",
    None,
    |to, _| to.global = true,
    "inside a job: use the environment with which every job starts",
);

const fn no_wait(help: &'static str) -> OptionSpec {
    row(Some(b'n'), "no-wait", None, |to, _| to.no_wait = true, help)
}

const ALL: OptionSpec = ours("all", None, |to, _| to.all = true, "do it for every instance of JOB that is not at rest");

const JSON: OptionSpec = ours("json", None, |to, _| to.json = true, "print JSON (docs/json.md)");

const DRY_JSON: OptionSpec = ours("json", None, |to, _| to.json = true, "print the dry run as JSON (docs/json.md)");

const DRY_RUN: OptionSpec =
    ours("dry-run", None, |to, _| to.dry_run = true, "print what would start and stop, in order, and do nothing");

const FORCE: OptionSpec = ours(
    "force",
    None,
    |to, _| to.force = true,
    "kill the process that the job waits for, do not wait for other jobs; also ends a stop that hangs already",
);

/// Makes a row for an option that Upstart does not have.
pub(crate) const fn ours(
    long: &'static str,
    argument: Option<&'static str>,
    apply: fn(&mut Options, OsString),
    help: &'static str,
) -> OptionSpec {
    OptionSpec { short: None, long, argument, apply, help, origin: Origin::Uphold }
}

/// Makes a row for an option of Upstart or, in tools, of other implementations.
pub(crate) const fn row(
    short: Option<u8>,
    long: &'static str,
    argument: Option<&'static str>,
    apply: fn(&mut Options, OsString),
    help: &'static str,
) -> OptionSpec {
    OptionSpec { short, long, argument, apply, help, origin: Origin::Upstart }
}

/// The point at which parsing ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// After the first operand, which is the command.
    FirstOperand,
    /// At the end of the arguments.
    End,
}

/// Parses arguments into options and operands. Ends early at `--help` and `--version`. The error is the message to
/// print.
pub(crate) fn parse(
    arguments: &mut std::vec::IntoIter<OsString>,
    tables: &[&[OptionSpec]],
    until: Until,
    options: &mut Options,
    words: &mut Vec<OsString>,
) -> Result<(), String> {
    let mut only_words = false;
    while options.info.is_none() {
        let Some(argument) = arguments.next() else { break };
        match argument.as_bytes() {
            b"--" if !only_words => only_words = true,
            [b'-', b'-', long @ ..] if !only_words => parse_long(long, arguments, tables, options)?,
            [b'-', letters @ ..] if !only_words && !letters.is_empty() => {
                parse_letters(letters, arguments, tables, options)?;
            }
            _ => {
                words.push(argument);
                if until == Until::FirstOperand {
                    break;
                }
            }
        }
    }
    Ok(())
}

/// Parses `--name`, `--name=value` or `--name value`.
fn parse_long(
    text: &[u8],
    arguments: &mut std::vec::IntoIter<OsString>,
    tables: &[&[OptionSpec]],
    options: &mut Options,
) -> Result<(), String> {
    let (name, value) = uphold_core::bytes::split_variable(text);
    let shown = String::from_utf8_lossy(name);
    let found = all(tables).find(|option| option.long.as_bytes() == name);
    let option = found.ok_or_else(|| format!("invalid option: --{}", String::from_utf8_lossy(text)))?;
    let value = value.map(|value| OsString::from_vec(value.to_vec()));
    let argument = match (option.argument, value) {
        (None, None) => None,
        (None, Some(_)) => return Err(format!("unexpected argument: --{shown}")),
        (Some(_), Some(value)) => Some(value),
        (Some(_), None) => Some(arguments.next().ok_or_else(|| format!("missing argument: --{shown}"))?),
    };
    (option.apply)(options, argument.unwrap_or_default());
    Ok(())
}

/// Parses one or more letters after a dash. A letter that takes an argument is written `-xvalue` or `-x value`.
fn parse_letters(
    mut letters: &[u8],
    arguments: &mut std::vec::IntoIter<OsString>,
    tables: &[&[OptionSpec]],
    options: &mut Options,
) -> Result<(), String> {
    while let [letter, rest @ ..] = letters {
        let shown = letter.escape_ascii();
        let found = all(tables).find(|option| option.short == Some(*letter));
        let option = found.ok_or_else(|| format!("invalid option: -{shown}"))?;
        letters = rest;
        let argument = match option.argument {
            None => None,
            Some(_) if !rest.is_empty() => Some(OsString::from_vec(std::mem::take(&mut letters).to_vec())),
            Some(_) => Some(arguments.next().ok_or_else(|| format!("missing argument: -{shown}"))?),
        };
        (option.apply)(options, argument.unwrap_or_default());
    }
    Ok(())
}

fn all<'a>(tables: &'a [&'a [OptionSpec]]) -> impl Iterator<Item = &'a OptionSpec> {
    tables.iter().copied().flatten()
}
