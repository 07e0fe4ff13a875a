//! The table of all stanzas: how each is read, and what becomes of it.

use super::error::ConfError;
use super::stanza::{ConditionText, Stanza};
use super::token::Scanner;
use super::value;
use crate::bytes::Strings;
use crate::process::Process;

/// The effect of a stanza.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The supervisor acts on it.
    ActedOn,
    /// It is text for people and tools.
    Information,
}

/// How the arguments of a stanza are read.
pub(super) enum Shape {
    /// The rest of the line, for the shell or execve(2).
    Command(Process),
    /// The lines up to `end script`.
    Script(Process),
    /// Events, `and`, `or` and parentheses.
    Condition(for<'t> fn(ConditionText<'t>) -> Stanza<'t>),
    /// No arguments.
    Nothing(Stanza<'static>),
    /// No arguments, but as in Upstart this is not checked: what follows is read as the next stanza.
    Unchecked(Stanza<'static>),
    /// One word.
    Word(for<'t> fn(&'t [u8]) -> Stanza<'t>),
    /// One or more words, up to this many.
    Words(usize, for<'t> fn(Strings<'t>) -> Stanza<'t>),
    /// One word, which the function converts.
    Value(fn(&[u8]) -> value::Value),
    /// One or more words, which the function converts, each to a stanza of its own.
    Values(fn(&[u8]) -> value::Value),
    /// Several words, which the function reads together.
    Tuple(fn(&mut Scanner<'_>) -> Result<Stanza<'static>, ConfError>),
}

/// A row of the stanza table.
pub struct StanzaRow {
    /// The word, or the two words, with which the stanza starts.
    pub name: &'static str,
    /// The arguments, in the notation of the manual.
    pub arguments: &'static str,
    /// The effect of the stanza.
    pub role: Role,
    /// The section of init(5) that describes the stanza.
    pub section: &'static str,
    pub(super) shape: Shape,
}

impl StanzaRow {
    /// The first word, and the second one if it selects among stanzas with the same first word.
    pub(super) fn words(&self) -> (&'static str, Option<&'static str>) {
        match self.name.split_once(' ') {
            Some((first, second)) => (first, Some(second)),
            None => (self.name, None),
        }
    }
}

impl StanzaRow {
    /// Whether only Uphold has the stanza.
    pub(super) fn is_ours(&self) -> bool {
        self.section == UPHOLD
    }
}

/// Every row, in the order of init(5). The parser reads by them, and `docs/stanzas.md` and `docs/compatibility.md` are
/// generated from them.
pub fn stanza_rows() -> impl Iterator<Item = &'static StanzaRow> + Clone {
    STANZAS.iter()
}

const fn row(
    name: &'static str,
    arguments: &'static str,
    shape: Shape,
    role: Role,
    section: &'static str,
) -> StanzaRow {
    StanzaRow { name, arguments, role, section, shape }
}

const ANY: usize = usize::MAX;
const PROCESS: &str = "Process definition";
const EVENT: &str = "Event definition";
const ENV: &str = "Job environment";
const SERVICE: &str = "Services, tasks and respawning";
const INSTANCE: &str = "Instances";
const DOC: &str = "Documentation";
const SETUP: &str = "Process environment";
const APPARMOR: &str = "AppArmor support";
const MISC: &str = "Miscellaneous";
const CHROMEOS: &str = "none (ChromeOS)";
const UPHOLD: &str = "none (Uphold)";
const DEBUG: &str = "none (Upstart 1.13.2)";

use Process::{Main, PostStart, PostStop, PreStart, PreStop};
use Role::{ActedOn, Information};
use Shape::{Command, Condition, Nothing, Script, Tuple, Unchecked, Value, Values, Word, Words};
use Stanza as S;

#[rustfmt::skip]
#[allow(clippy::redundant_closure)] // A variant itself is a function for one lifetime only.
static STANZAS: &[StanzaRow] = &[
    //  name                 arguments                                   how it is read                  role         section of init(5)
    row("exec",              "COMMAND [ ARG ]...",                       Command(Main),                  ActedOn,     PROCESS),
    row("script",            "... end script",                           Script(Main),                   ActedOn,     PROCESS),
    row("pre-start exec",    "COMMAND [ ARG ]...",                       Command(PreStart),              ActedOn,     PROCESS),
    row("pre-start script",  "... end script",                           Script(PreStart),               ActedOn,     PROCESS),
    row("post-start exec",   "COMMAND [ ARG ]...",                       Command(PostStart),             ActedOn,     PROCESS),
    row("post-start script", "... end script",                           Script(PostStart),              ActedOn,     PROCESS),
    row("pre-stop exec",     "COMMAND [ ARG ]...",                       Command(PreStop),               ActedOn,     PROCESS),
    row("pre-stop script",   "... end script",                           Script(PreStop),                ActedOn,     PROCESS),
    row("post-stop exec",    "COMMAND [ ARG ]...",                       Command(PostStop),              ActedOn,     PROCESS),
    row("post-stop script",  "... end script",                           Script(PostStop),               ActedOn,     PROCESS),
    row("start on",          "EVENT [[ KEY= ]VALUE]... [ and | or ...]", Condition(|t| S::StartOn(t)),   ActedOn,     EVENT),
    row("stop on",           "EVENT [[ KEY= ]VALUE]... [ and | or ...]", Condition(|t| S::StopOn(t)),    ActedOn,     EVENT),
    row("manual",            "",                                         Unchecked(S::Manual),           ActedOn,     EVENT),
    row("env",               "KEY[ =VALUE ]",                            Word(|t| S::Env(t)),            ActedOn,     ENV),
    row("export",            "KEY...",                                   Words(ANY, |t| S::Export(t)),   ActedOn,     ENV),
    row("import",            "KEY...",                                   Words(ANY, |t| S::Import(t)),   ActedOn,     CHROMEOS),
    row("task",              "",                                         Nothing(S::Task),               ActedOn,     SERVICE),
    row("respawn",           "",                                         Nothing(S::Respawn),            ActedOn,     SERVICE),
    row("respawn limit",     "COUNT INTERVAL | unlimited",               Tuple(value::respawn_limit),    ActedOn,     SERVICE),
    row("normal exit",       "STATUS | SIGNAL...",                       Values(value::normal_exit),     ActedOn,     SERVICE),
    row("instance",          "NAME",                                     Word(|t| S::Instance(t)),       ActedOn,     INSTANCE),
    row("description",       "DESCRIPTION",                              Word(|t| S::Description(t)),    Information, DOC),
    row("author",            "AUTHOR",                                   Word(|t| S::Author(t)),         Information, DOC),
    row("version",           "VERSION",                                  Word(|t| S::Version(t)),        Information, DOC),
    row("emits",             "EVENT...",                                 Words(ANY, |t| S::Emits(t)),    Information, DOC),
    row("usage",             "USAGE",                                    Word(|t| S::Usage(t)),          ActedOn,     DOC),
    row("console",           "none | output | owner | log",              Value(value::console),          ActedOn,     SETUP),
    row("umask",             "UMASK",                                    Value(value::umask),            ActedOn,     SETUP),
    row("nice",              "NICE",                                     Value(value::nice),             ActedOn,     SETUP),
    row("oom",               "ADJUSTMENT | never",                       Value(value::oom),              ActedOn,     SETUP),
    row("oom score",         "SCORE | never",                            Value(value::oom_score),        ActedOn,     SETUP),
    row("chroot",            "DIR",                                      Word(|t| S::Chroot(t)),         ActedOn,     SETUP),
    row("chdir",             "DIR",                                      Word(|t| S::Chdir(t)),          ActedOn,     SETUP),
    row("limit",             "LIMIT SOFT|unlimited HARD|unlimited",      Tuple(value::limit),            ActedOn,     SETUP),
    row("setuid",            "USERNAME",                                 Word(|t| S::Setuid(t)),         ActedOn,     SETUP),
    row("setgid",            "GROUPNAME",                                Word(|t| S::Setgid(t)),         ActedOn,     SETUP),
    row("cgroup",            "CONTROLLER [ NAME ] [ KEY VALUE ]",        Words(4, |t| S::Cgroup(t)),     ActedOn,     SETUP),
    row("tmpfiles",          "FILE...",                                  Words(ANY, |t| S::Tmpfiles(t)), ActedOn,     CHROMEOS),
    row("apparmor load",     "PROFILE",                                  Word(|t| S::ApparmorLoad(t)),   ActedOn,     APPARMOR),
    row("apparmor switch",   "NAME",                                     Word(|t| S::ApparmorSwitch(t)), ActedOn,     APPARMOR),
    row("kill signal",       "SIGNAL",                                   Value(value::kill_signal),      ActedOn,     MISC),
    row("kill timeout",      "INTERVAL",                                 Value(value::kill_timeout),     ActedOn,     MISC),
    row("reload signal",     "SIGNAL",                                   Value(value::reload_signal),    ActedOn,     MISC),
    row("expect",            "none | stop | fork | daemon | notify | fd N | auto", Tuple(value::expect),           ActedOn,     MISC),
    row("pid file",          "PATH",                                     Word(|t| S::PidFile(t)),        ActedOn,     UPHOLD),
    row("instance limit",    "COUNT",                                    Value(value::instance_limit),   ActedOn,     UPHOLD),
    row("respawn delay",     "MIN [ MAX ]",                              Tuple(value::respawn_delay),    ActedOn,     UPHOLD),
    row("respawn retry",     "SECONDS",                                  Value(value::respawn_retry),    ActedOn,     UPHOLD),
    row("kill scope",        "group | job",                              Value(value::kill_scope),       ActedOn,     UPHOLD),
    row("start timeout",     "SECONDS",                                  Value(value::start_timeout),    ActedOn,     UPHOLD),
    row("hook timeout",      "SECONDS",                                  Value(value::hook_timeout),     ActedOn,     UPHOLD),
    row("watchdog",          "SECONDS",                                  Value(value::watchdog),         ActedOn,     UPHOLD),
    row("debug",             "",                                         Unchecked(S::Debug),            ActedOn,     DEBUG),
];
