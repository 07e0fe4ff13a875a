//! Options as Upstart's programs take them: `--name`, `--name=value`, `--name value`, `-n`, and `--` before words that begin
//! with a dash. Long names are not abbreviated; options may stand between the words of a command.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// One option.
pub struct Opt {
    /// Its letter.
    pub short: Option<u8>,
    /// Its long name, without the dashes.
    pub long: &'static str,
    /// The name of its argument in the help, if it takes one.
    pub argument: Option<&'static str>,
    /// What it changes.
    effect: Effect,
    /// Its help; empty: not shown.
    pub help: &'static str,
}

/// What an option changes.
#[derive(Clone, Copy)]
enum Effect {
    /// Nothing: D-Bus is not spoken here, but scripts may go on saying how.
    Accepted,
    /// `--system`
    System,
    /// `--user`
    User,
    /// `--socket`
    Socket,
    /// `--quiet`
    Quiet,
    /// `--verbose`
    Verbose,
    /// `--no-wait`
    NoWait,
    /// `--help` or `--version`: nothing else is looked at.
    Show(Show),
}

/// What is shown instead of doing anything.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// `--help`
    Help,
    /// `--version`
    Version,
}

/// The options of every command (initctl(8)). `--socket` is ours and is left out of the help, which is Upstart's.
#[rustfmt::skip]
pub const GLOBAL: &[Opt] = &[
    row(None,       "socket",  Some("PATH"), Effect::Socket,              ""),
    row(None,       "session", None,         Effect::Accepted,            "use existing D-Bus session bus to connect to init daemon (for testing)"),
    row(None,       "system",  None,         Effect::System,              "use D-Bus system bus to connect to init daemon"),
    row(None,       "dest",    Some("NAME"), Effect::Accepted,            "destination well-known name on D-Bus bus"),
    row(None,       "user",    None,         Effect::User,                "run in user mode (as used for user sessions)"),
    row(Some(b'q'), "quiet",   None,         Effect::Quiet,               "reduce output to errors only"),
    row(Some(b'v'), "verbose", None,         Effect::Verbose,             "increase output to include informational messages"),
    row(None,       "help",    None,         Effect::Show(Show::Help),    "display this help and exit"),
    row(None,       "version", None,         Effect::Show(Show::Version), "output version information and exit"),
];

/// The option of `start`.
pub const NO_WAIT_START: [Opt; 1] = [no_wait("do not wait for job to start before exiting")];
/// The option of `stop`.
pub const NO_WAIT_STOP: [Opt; 1] = [no_wait("do not wait for job to stop before exiting")];
/// The option of `restart`.
pub const NO_WAIT_RESTART: [Opt; 1] = [no_wait("do not wait for job to restart before exiting")];
/// The option of `emit`.
pub const NO_WAIT_EMIT: [Opt; 1] = [no_wait("do not wait for event to finish before exiting")];

const fn no_wait(help: &'static str) -> Opt {
    row(Some(b'n'), "no-wait", None, Effect::NoWait, help)
}

const fn row(
    short: Option<u8>,
    long: &'static str,
    argument: Option<&'static str>,
    effect: Effect,
    help: &'static str,
) -> Opt {
    Opt { short, long, argument, effect, help }
}

/// What the options said.
#[derive(Default)]
pub struct Options {
    /// Print errors only.
    pub quiet: bool,
    /// Do not wait until it is done.
    pub no_wait: bool,
    /// Ask the system's supervisor, wherever this is called.
    pub system: bool,
    /// Ask the supervisor of the user's session.
    pub user: bool,
    /// Ask the supervisor at this socket.
    pub socket: Option<OsString>,
    /// Show this and do nothing.
    pub show: Option<Show>,
}

impl Options {
    fn apply(&mut self, effect: Effect, argument: Option<OsString>) {
        match effect {
            Effect::Accepted => {}
            Effect::System => (self.system, self.user) = (true, false),
            Effect::User => (self.system, self.user) = (false, true),
            Effect::Socket => self.socket = argument,
            Effect::Quiet => self.quiet = true,
            Effect::Verbose => self.quiet = false,
            Effect::NoWait => self.no_wait = true,
            Effect::Show(show) => self.show = Some(show),
        }
    }
}

/// How far to parse.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the first word that is no option, inclusive: the command.
    FirstWord,
    /// To the end.
    End,
}

/// Takes options and words off the arguments; stops early at `--help` and `--version`. An error is what is wrong.
pub fn parse(
    arguments: &mut std::vec::IntoIter<OsString>,
    tables: &[&[Opt]],
    until: Until,
    options: &mut Options,
    words: &mut Vec<OsString>,
) -> Result<(), String> {
    let mut only_words = false;
    while options.show.is_none() {
        let Some(argument) = arguments.next() else { break };
        match argument.as_bytes() {
            b"--" if !only_words => only_words = true,
            [b'-', b'-', long @ ..] if !only_words => parse_long(long, arguments, tables, options)?,
            [b'-', letters @ ..] if !only_words && !letters.is_empty() => {
                parse_letters(letters, arguments, tables, options)?;
            }
            _ => {
                words.push(argument);
                if until == Until::FirstWord {
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
    tables: &[&[Opt]],
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
    options.apply(option.effect, argument);
    Ok(())
}

/// `-q`, several letters behind one dash, and after a letter that takes an argument `-xvalue` or `-x value`.
fn parse_letters(
    mut letters: &[u8],
    arguments: &mut std::vec::IntoIter<OsString>,
    tables: &[&[Opt]],
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
        options.apply(option.effect, argument);
    }
    Ok(())
}

fn all<'a>(tables: &'a [&'a [Opt]]) -> impl Iterator<Item = &'a Opt> {
    tables.iter().copied().flatten()
}
