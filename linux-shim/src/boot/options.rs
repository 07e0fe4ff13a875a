//! The command line of `init` (init(8)).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use uphold_core::conf::Console;
use uphold_core::{Priority, RespawnBudget};

use crate::capacity::{LOG_BUFFER, LOG_BUFFER_MOST};
use crate::crash::past::Past;
use crate::watch::signals::Supervised;

/// The options of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Whether a user's session is supervised, and not the system.
    pub user: bool,
    /// Whether the system is a container.
    pub container: bool,
    /// `--confdir`, in order; empty for the default directories.
    pub conf_dirs: Vec<PathBuf>,
    /// `--prepend-confdir`, the last one first.
    pub conf_dirs_before: Vec<PathBuf>,
    /// `--append-confdir`, in order.
    pub conf_dirs_after: Vec<PathBuf>,
    /// The directory of job output; `None` for the default.
    pub log_dir: Option<PathBuf>,
    /// Whether job output is kept.
    pub log_jobs: bool,
    /// Whether jobs get control groups.
    pub groups: bool,
    /// The `console` of a job without that stanza.
    pub default_console: Console,
    /// The first event; `None` for no event.
    pub startup_event: Option<Vec<u8>>,
    /// The control socket's path; `None` for the default.
    pub socket: Option<PathBuf>,
    /// Whether jobs of a session get init's environment.
    pub inherit_environment: bool,
    /// Bytes of job output that are kept while their files cannot be written.
    pub log_buffer: usize,
    /// Whether `expect` is followed to the letter, even where it is wrong.
    pub strict_expect: bool,
    /// Whether this program was re-executed by another supervisor.
    pub restart: bool,
    /// The descriptor of the previous program's state.
    pub state_fd: Option<i32>,
    /// The crashes of earlier programs.
    pub crashed: Past,
    /// The most respawns of all jobs together in a time.
    pub respawn_budget: RespawnBudget,
    /// The program that runs on the console when process 1 has crashed too often; `None` for none.
    pub rescue: Option<PathBuf>,
    /// The lowest priority of logged messages.
    pub threshold: Priority,
    /// The mistakes that were passed over.
    pub mistakes: Vec<Mistake>,
}

impl Options {
    /// The thing that is to be supervised.
    pub fn supervised(&self) -> Supervised {
        match (self.user, self.container) {
            (true, _) => Supervised::Session,
            (false, true) => Supervised::Container,
            (false, false) => Supervised::System,
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            user: false,
            container: false,
            conf_dirs: Vec::new(),
            conf_dirs_before: Vec::new(),
            conf_dirs_after: Vec::new(),
            log_dir: None,
            log_jobs: true,
            groups: true,
            default_console: Console::Log,
            startup_event: Some(b"startup".to_vec()),
            socket: None,
            inherit_environment: true,
            log_buffer: LOG_BUFFER,
            strict_expect: false,
            restart: false,
            state_fd: None,
            crashed: Past::default(),
            respawn_budget: RespawnBudget::default(),
            rescue: Some(PathBuf::from("/bin/sh")),
            threshold: Priority::Message,
            mistakes: Vec::new(),
        }
    }
}

/// The meaning of the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// Supervise.
    Run(Box<Options>),
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// The error in the command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Mistake {
    /// There is no such option.
    Invalid(String),
    /// An option that needs an argument has none.
    MissingArgument(String),
    /// An option without an argument has one.
    UnexpectedArgument(String),
    /// `--default-console` with an unknown value.
    Console(String),
    /// An option that needs a number has something else.
    Number(&'static str, String),
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hint = "\nTry `init --help' for more information.";
        match self {
            Mistake::Invalid(option) => write!(f, "init: invalid option: {option}{hint}"),
            Mistake::MissingArgument(option) => write!(f, "init: missing argument: {option}{hint}"),
            Mistake::UnexpectedArgument(option) => write!(f, "init: unexpected argument: {option}{hint}"),
            Mistake::Console(word) => write!(f, "init: invalid console type specified: {word}"),
            Mistake::Number(option, word) => write!(f, "init: illegal argument: {option}={word}{hint}"),
        }
    }
}

/// The effect of an option, and whether it has an argument.
enum Action {
    Flag(fn(&mut Options)),
    Word(fn(&mut Options, Vec<u8>) -> Result<(), Mistake>),
    Show(Request),
}

/// A row of the table of options.
pub(super) struct OptionRow {
    pub(super) short: Option<u8>,
    pub(super) long: &'static str,
    pub(super) word: &'static str,
    pub(super) help: &'static str,
    action: Action,
    /// Whether Upstart does not have the option.
    ours: bool,
}

const fn row(
    short: Option<u8>,
    long: &'static str,
    word: &'static str,
    help: &'static str,
    action: Action,
) -> OptionRow {
    OptionRow { short, long, word, help, action, ours: false }
}

const fn ours(long: &'static str, word: &'static str, help: &'static str, action: Action) -> OptionRow {
    OptionRow { short: None, long, word, help, action, ours: true }
}

fn path(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

/// The effect of an option that selects what Uphold does, or leaves out, anyway.
fn nothing(_: &mut Options) {}

fn set_default_console(options: &mut Options, word: Vec<u8>) -> Result<(), Mistake> {
    options.default_console = match word.as_slice() {
        b"none" => Console::None,
        b"output" => Console::Output,
        b"owner" => Console::Owner,
        b"log" => Console::Log,
        _ => return Err(Mistake::Console(String::from_utf8_lossy(&word).into_owned())),
    };
    Ok(())
}

fn set_log_buffer(options: &mut Options, word: Vec<u8>) -> Result<(), Mistake> {
    let bytes = usize::try_from(number("--log-buffer", &word)?).ok().filter(|&bytes| bytes <= LOG_BUFFER_MOST);
    options.log_buffer = bytes.ok_or_else(|| not_a_number("--log-buffer", &word))?;
    Ok(())
}

fn set_respawn_budget(options: &mut Options, word: Vec<u8>) -> Result<(), Mistake> {
    const OPTION: &str = "--respawn-budget";
    let mut parts = word.splitn(2, |&byte| byte == b'/');
    let mut next = || parts.next().map(|part| number(OPTION, part)).transpose().ok().flatten();
    let (Some(count), Some(seconds)) = (next(), next()) else { return Err(not_a_number(OPTION, &word)) };
    options.respawn_budget = RespawnBudget { count: count.unsigned_abs(), seconds: seconds.unsigned_abs() };
    Ok(())
}

fn set_state_fd(options: &mut Options, word: Vec<u8>) -> Result<(), Mistake> {
    options.state_fd = Some(number("--state-fd", &word)?);
    Ok(())
}

fn number(option: &'static str, word: &[u8]) -> Result<i32, Mistake> {
    let number = std::str::from_utf8(word).ok().and_then(|word| word.parse().ok());
    number.filter(|&number| number >= 0).ok_or_else(|| not_a_number(option, word))
}

fn not_a_number(option: &'static str, word: &[u8]) -> Mistake {
    Mistake::Number(option, String::from_utf8_lossy(word).into_owned())
}

#[rustfmt::skip]
pub(super) const TABLE: &[OptionRow] = &[
    //  short       long                 word     help                                                                                            action
    row(None,       "append-confdir",    "DIR",   "read job files from DIR after the other directories",                                          Action::Word(|o, w| { o.conf_dirs_after.push(path(w)); Ok(()) })),
    row(None,       "chroot-sessions",   "",      "ignored: there are no chroot sessions",                                                        Action::Flag(nothing)),
    row(None,       "confdir",           "DIR",   "read job files from DIR instead of the usual directories; may be repeated",                    Action::Word(|o, w| { o.conf_dirs.push(path(w)); Ok(()) })),
    ours("container",                    "",      "as process 1 of a container: TERM and INT stop everything and exit; log to standard output",     Action::Flag(|o| o.container = true)),
    row(None,       "debug",             "",      "log everything, and stop jobs with the stanza `debug' before they run their program",          Action::Flag(|o| o.threshold = Priority::Debug)),
    row(None,       "default-console",   "VALUE", "set the console of jobs that do not choose one: none, output, owner, or log (the default)",    Action::Word(set_default_console)),
    ours("crashed",                      "WORDS", "used by init itself: go on after a crash that is described by WORDS",                            Action::Word(|o, w| { o.crashed = Past::parse(&w); Ok(()) })),
    ours("log-buffer",                   "BYTES", "keep at most BYTES of job output in memory while log files cannot be written",                 Action::Word(set_log_buffer)),
    row(None,       "logdir",            "DIR",   "write the output of jobs to files in DIR",                                                     Action::Word(|o, w| { o.log_dir = Some(path(w)); Ok(()) })),
    row(None,       "no-cgroups",        "",      "do not create control groups for jobs",                                                        Action::Flag(|o| o.groups = false)),
    row(None,       "no-dbus",           "",      "ignored: D-Bus is not used",                                                                   Action::Flag(nothing)),
    row(None,       "no-inherit-env",    "",      "do not pass the environment of a session to its jobs",                                         Action::Flag(|o| o.inherit_environment = false)),
    row(None,       "no-log",            "",      "discard the output of jobs",                                                                   Action::Flag(|o| o.log_jobs = false)),
    row(None,       "no-sessions",       "",      "ignored: there are no chroot sessions",                                                        Action::Flag(nothing)),
    row(None,       "no-startup-event",  "",      "emit no first event",                                                                          Action::Flag(|o| o.startup_event = None)),
    row(None,       "prepend-confdir",   "DIR",   "read job files from DIR before the other directories",                                         Action::Word(|o, w| { o.conf_dirs_before.insert(0, path(w)); Ok(()) })),
    ours("rescue",                       "PROGRAM", "run PROGRAM on the console (default: /bin/sh) when process 1 has crashed too often; none if empty", Action::Word(|o, w| { o.rescue = Some(path(w)).filter(|path| !path.as_os_str().is_empty()); Ok(()) })),
    ours("respawn-budget",               "COUNT/SECONDS", "respawn at most COUNT jobs in SECONDS, all together; later respawns wait",                Action::Word(set_respawn_budget)),
    row(None,       "restart",           "",      "used by init itself: take over from an earlier run",                                           Action::Flag(|o| o.restart = true)),
    row(None,       "state-fd",          "FD",    "used by init itself: read the state of the earlier run from FD",                               Action::Word(set_state_fd)),
    row(None,       "session",           "",      "ignored: D-Bus is not used",                                                                   Action::Flag(nothing)),
    ours("socket",                       "PATH",  "listen at the control socket PATH",                                                            Action::Word(|o, w| { o.socket = Some(path(w)); Ok(()) })),
    row(None,       "startup-event",     "NAME",  "emit NAME instead of startup as the first event",                                              Action::Word(|o, w| { o.startup_event = Some(w); Ok(()) })),
    ours("strict-expect",                "",      "follow `expect' to the letter; report jobs that it does not fit, and repair nothing",          Action::Flag(|o| o.strict_expect = true)),
    row(None,       "user",              "",      "supervise a session instead of the system",                                                    Action::Flag(|o| o.user = true)),
    row(None,       "write-state-file",  "",      "ignored: the state is handed over without a file",                                             Action::Flag(nothing)),
    row(Some(b'q'), "quiet",             "",      "log errors only",                                                                              Action::Flag(|o| o.threshold = Priority::Error)),
    row(Some(b'v'), "verbose",           "",      "also log every state of every job, and every event",                                           Action::Flag(|o| o.threshold = Priority::Info)),
    row(Some(b'h'), "help",              "",      "print this help",                                                                              Action::Show(Request::Help)),
    row(None,       "version",           "",      "print the version and the licence",                                                            Action::Show(Request::Version)),
];

/// Parses the words after the program's name. Words that are not options are ignored: the kernel passes on the parts of
/// its own command line that it did not understand.
///
/// # Errors
/// An option is unknown, lacks its argument, or has a wrong one.
pub fn parse(words: impl Iterator<Item = OsString>) -> Result<Request, Mistake> {
    let mut options = Options::default();
    let mut words = words.map(OsString::into_vec);
    while let Some(word) = words.next() {
        if word == b"--" {
            break;
        }
        if let Some(request) = parse_word(&mut options, &word, &mut words)? {
            return Ok(request);
        }
    }
    Ok(Request::Run(Box::new(options)))
}

/// The options that are right, with a list of the mistakes: for a program that must not exit.
pub fn understood(words: impl Iterator<Item = OsString>) -> Options {
    let mut options = Options::default();
    let mut words = words.map(OsString::into_vec);
    while let Some(word) = words.next().filter(|word| word != b"--") {
        if let Err(mistake) = parse_word(&mut options, &word, &mut words) {
            options.mistakes.push(mistake);
        }
    }
    options
}

fn parse_word(
    options: &mut Options,
    word: &[u8],
    words: &mut impl Iterator<Item = Vec<u8>>,
) -> Result<Option<Request>, Mistake> {
    match word.strip_prefix(b"--") {
        Some(long) => parse_long(options, word, long, words),
        None if word.len() > 1 && word[0] == b'-' => parse_short(options, &word[1..]),
        None => Ok(None),
    }
}

fn parse_long(
    options: &mut Options,
    word: &[u8],
    long: &[u8],
    words: &mut impl Iterator<Item = Vec<u8>>,
) -> Result<Option<Request>, Mistake> {
    let (name, value) = uphold_core::bytes::split_variable(long);
    let shown = || format!("--{}", String::from_utf8_lossy(name));
    let Some(row) = TABLE.iter().find(|row| row.long.as_bytes() == name) else {
        return Err(Mistake::Invalid(String::from_utf8_lossy(word).into_owned()));
    };
    if let Action::Word(set) = row.action {
        let value = value.map(<[u8]>::to_vec).or_else(|| words.next());
        return set(options, value.ok_or_else(|| Mistake::MissingArgument(shown()))?).map(|()| None);
    }
    match value {
        Some(_) => Err(Mistake::UnexpectedArgument(shown())),
        None => Ok(act(options, row)),
    }
}

fn parse_short(options: &mut Options, letters: &[u8]) -> Result<Option<Request>, Mistake> {
    for letter in letters {
        let row = TABLE.iter().find(|row| row.short == Some(*letter));
        let row = row.ok_or_else(|| Mistake::Invalid(format!("-{}", char::from(*letter))))?;
        if let Some(request) = act(options, row) {
            return Ok(Some(request));
        }
    }
    Ok(None)
}

/// Applies an option without an argument.
fn act(options: &mut Options, row: &OptionRow) -> Option<Request> {
    match &row.action {
        Action::Flag(set) => set(options),
        Action::Show(request) => return Some(request.clone()),
        // No option with an argument has a letter.
        Action::Word(_) => {}
    }
    None
}

/// The name of every option, its explanation, and whether Upstart does not have it.
pub fn rows() -> impl Iterator<Item = (&'static str, &'static str, bool)> {
    TABLE.iter().map(|row| (row.long, row.help, row.ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Request, Mistake> {
        parse(words.iter().map(OsString::from))
    }

    fn run(words: &[&str]) -> Options {
        match read(words) {
            Ok(Request::Run(options)) => *options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_word_follows_its_option_or_an_equals_sign() {
        let words = ["--user", "--confdir", "a", "--confdir=b", "--startup-event=x=y", "-v", "--log-buffer=4096"];
        let options = run(&words);
        assert_eq!(options.log_buffer, 4096);
        let budget = run(&["--respawn-budget=20/60"]).respawn_budget;
        assert_eq!(budget, RespawnBudget { count: 20, seconds: 60 });
        assert!(options.user);
        assert_eq!(options.conf_dirs, [PathBuf::from("a"), PathBuf::from("b")]);
        assert_eq!(options.startup_event.as_deref(), Some(&b"x=y"[..]));
        assert_eq!(options.threshold, Priority::Info);
    }

    #[test]
    fn mistakes_are_reported_in_upstarts_words() {
        let hint = "\nTry `init --help' for more information.";
        let told = |words: &[&str]| read(words).unwrap_err().to_string();
        assert_eq!(told(&["--nosuchoption"]), format!("init: invalid option: --nosuchoption{hint}"));
        assert_eq!(told(&["--confdir"]), format!("init: missing argument: --confdir{hint}"));
        assert_eq!(told(&["--state-fd"]), format!("init: missing argument: --state-fd{hint}"));
        assert_eq!(told(&["--user", "--default-console", "bogus"]), "init: invalid console type specified: bogus");
        for wrong in ["", "-1", "1k", "9999999999"] {
            let text = format!("init: illegal argument: --log-buffer={wrong}{hint}");
            assert_eq!(told(&["--log-buffer", wrong]), text);
        }
        for wrong in ["", "7", "7/", "/7", "-1/7", "7/7/7", "a/b"] {
            let text = format!("init: illegal argument: --respawn-budget={wrong}{hint}");
            assert_eq!(told(&["--respawn-budget", wrong]), text);
        }
    }

    #[test]
    fn words_of_the_kernel_are_ignored() {
        assert_eq!(read(&["-h"]), Ok(Request::Help));
        assert_eq!(run(&["quiet", "splash"]), Options::default());
    }

    #[test]
    fn the_page_has_every_option() {
        let page = include_str!("../../../docs/init.md");
        for OptionRow { long, word, .. } in TABLE {
            let shown = if word.is_empty() { format!("`--{long}`") } else { format!("`--{long}={word}`") };
            assert!(page.contains(&shown), "{shown}");
        }
        assert!(page.contains(&format!(": {LOG_BUFFER} unless said otherwise, at most {LOG_BUFFER_MOST} ")));
    }
}
