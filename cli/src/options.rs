//! Options as Upstart's programs take them: `--name`, `--name=value`, `--name value`, `-n`, and `--` before words that begin
//! with a dash. Long names are not abbreviated; options may stand between the words of a command.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One option.
pub struct OptionSpec {
    /// Its letter.
    pub short: Option<u8>,
    /// Its long name, without the dashes.
    pub long: &'static str,
    /// The name of its argument in the help, if it takes one.
    pub argument: Option<&'static str>,
    /// What it changes; the second value is its argument, empty if it takes none.
    apply: fn(&mut Options, OsString),
    /// What the help says about it.
    pub help: &'static str,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where an option or a command comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Upstart 1.13.2 has it, or an older program of the same name.
    Upstart,
    /// It is Uphold's own.
    Uphold,
}

/// What is shown instead of doing anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Info {
    /// `--help`
    Help,
    /// `--version`
    Version,
}

/// What the options said.
#[derive(Default)]
pub struct Options {
    /// Print errors only.
    pub(crate) quiet: bool,
    /// Show this and do nothing.
    pub(crate) info: Option<Info>,
    /// Ask the system's supervisor, wherever this is called.
    pub(crate) system: bool,
    /// Ask the supervisor of the user's session.
    pub(crate) user: bool,
    /// Ask the supervisor at this socket.
    pub(crate) socket: Option<OsString>,
    /// Do not wait until it is done.
    pub(crate) no_wait: bool,
    /// The environment that all jobs begin with, rather than a job's own.
    pub(crate) global: bool,
    /// A variable that is set stays as it is.
    pub(crate) retain: bool,
    /// Every event of a condition on a line of its own.
    pub(crate) enumerate: bool,
    /// Events that count as known.
    pub(crate) ignored: Vec<u8>,
    /// Whatever is unknown is said.
    pub(crate) warn: bool,
    /// Scripts are not checked.
    pub(crate) no_script: bool,
    /// Files to check, beside the words.
    pub(crate) files: Vec<OsString>,
    /// Variables for the event, `KEY=VALUE` each.
    pub(crate) variables: Vec<OsString>,
    /// Where who is logged in is recorded, if not in the usual place.
    pub(crate) utmp: Option<OsString>,
    /// Where who was logged in is recorded, if not in the usual place.
    pub(crate) wtmp: Option<OsString>,
    /// `shutdown`: what follows.
    pub(crate) after_shutdown: Option<AfterShutdown>,
    /// `shutdown`: which of the two ways of halting.
    pub(crate) halt_mode: Option<HaltMode>,
    /// `shutdown`: give it up.
    pub(crate) cancel: bool,
    /// `shutdown`: only say so.
    pub(crate) warn_only: bool,
    /// `reboot`: do it here and now; `stop`: wait for nobody.
    pub(crate) force: bool,
    /// `reboot`: only note it in wtmp.
    pub(crate) wtmp_only: bool,
}

/// What follows a shutdown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterShutdown {
    /// The system starts again.
    Reboot,
    /// The system stays down.
    Halt,
}

/// How the system stays down.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum HaltMode {
    /// With the power on.
    Halt,
    /// With the power off.
    PowerOff,
}

/// The options that choose a supervisor. D-Bus is not used, but its options are accepted, so that scripts which give them
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

/// The same for programs of which `-h` means something else, here or in other implementations.
pub const COMMON_WITHOUT_H: &[OptionSpec] = &common(None);

#[rustfmt::skip]
const fn common(help_letter: Option<u8>) -> [OptionSpec; 4] {
    [
        row(Some(b'q'),  "quiet",   None, |to, _| to.quiet = true,              "print errors only"),
        row(Some(b'v'),  "verbose", None, |to, _| to.quiet = false,             "cancel an earlier --quiet"),
        row(help_letter, "help",    None, |to, _| to.info = Some(Info::Help),    "print this help"),
        row(None,        "version", None, |to, _| to.info = Some(Info::Version), "print the version and the licence"),
    ]
}

/// The control socket.
pub(crate) const SOCKET: OptionSpec =
    ours("socket", Some("PATH"), |to, path| to.socket = Some(path), "connect to the supervisor at the socket PATH");
/// The file instead of /var/run/utmp.
pub(crate) const UTMP: OptionSpec =
    ours("utmp", Some("FILE"), |to, path| to.utmp = Some(path), "use FILE instead of /var/run/utmp");
/// The file instead of /var/log/wtmp.
pub(crate) const WTMP: OptionSpec =
    ours("wtmp", Some("FILE"), |to, path| to.wtmp = Some(path), "use FILE instead of /var/log/wtmp");

/// The option of `start`.
pub(crate) const START: [OptionSpec; 1] = [no_wait("do not wait until the job runs")];
/// The options of `stop`.
pub(crate) const STOP: [OptionSpec; 2] = [no_wait("do not wait until the job has stopped"), FORCE];
/// The option of `restart`.
pub(crate) const RESTART: [OptionSpec; 1] = [no_wait("do not wait until the job runs again")];
/// The option of `emit`.
pub(crate) const EMIT: [OptionSpec; 1] = [no_wait("do not wait until the event is finished")];
/// The option of the environment commands.
pub(crate) const ENVIRONMENT: [OptionSpec; 1] = [GLOBAL];
/// The options of `set-env`.
#[rustfmt::skip]
pub(crate) const SET_ENV: [OptionSpec; 2] = [
    GLOBAL,
    row(Some(b'r'), "retain", None, |to, _| to.retain = true, "do not change variables that are already set"),
];
/// The option of `show-config`.
#[rustfmt::skip]
pub(crate) const SHOW_CONFIG: [OptionSpec; 1] = [
    row(Some(b'e'), "enumerate", None, |to, _| to.enumerate = true, "print each event of a condition on a line of its own"),
];
/// The options of `check-config`.
#[rustfmt::skip]
pub(crate) const CHECK_CONFIG: [OptionSpec; 2] = [
    row(Some(b'i'), "ignore-events", Some("EVENTS"), |to, list| to.ignored = list.into_vec(), "take these events (a list with commas) as emitted by something"),
    row(Some(b'w'), "warn",          None,           |to, _| to.warn = true,                  "also report an unknown event or job that `or' makes optional"),
];
/// The option of `check-conf`.
pub(crate) const CHECK_CONF: [OptionSpec; 1] =
    [row(Some(b's'), "noscript", None, |to, _| to.no_script = true, "do not check the syntax of scripts")];

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

const FORCE: OptionSpec = ours(
    "force",
    None,
    |to, _| to.force = true,
    "kill the process that the job waits for, do not wait for other jobs; also ends a stop that hangs already",
);

/// One row for an option that Upstart does not have.
pub(crate) const fn ours(
    long: &'static str,
    argument: Option<&'static str>,
    apply: fn(&mut Options, OsString),
    help: &'static str,
) -> OptionSpec {
    OptionSpec { short: None, long, argument, apply, help, origin: Origin::Uphold }
}

/// One row for an option of Upstart or, in tools, of other implementations.
pub(crate) const fn row(
    short: Option<u8>,
    long: &'static str,
    argument: Option<&'static str>,
    apply: fn(&mut Options, OsString),
    help: &'static str,
) -> OptionSpec {
    OptionSpec { short, long, argument, apply, help, origin: Origin::Upstart }
}

/// How far to parse.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// To the first word that is no option, inclusive: the command.
    FirstOperand,
    /// To the end.
    End,
}

/// Takes options and words off the arguments; stops early at `--help` and `--version`. An error is what is wrong.
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

/// `--name`, `--name=value` or `--name value`.
fn parse_long(
    text: &[u8],
    arguments: &mut std::vec::IntoIter<OsString>,
    tables: &[&[OptionSpec]],
    options: &mut Options,
) -> Result<(), String> {
    let (name, value) = uphold_core::bytes::split_variable(text);
    let shown = String::from_utf8_lossy(name);
    let found = all(tables).find(|option| option.long.as_bytes() == name);
    let option = found.ok_or_else(|| format!("invalid option: --{shown}"))?;
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

/// `-q`, several letters behind one dash, and after a letter that takes an argument `-xvalue` or `-x value`.
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
