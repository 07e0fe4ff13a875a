//! The commands of initctl(8): one row each, which parses, asks, prints and explains it.

use crate::options::{NO_WAIT_EMIT, NO_WAIT_RESTART, NO_WAIT_START, NO_WAIT_STOP, Opt};
use Answer::{List, Nothing, Status, Text, Usage};
use Group::{Events, Jobs, Other};
use Hint::{ShowUsage, Without};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use uphold_core::bytes::Strings;
use uphold_core::control::{Request, Select, Target};

/// One command.
pub struct Command {
    /// Its name: the first word, or the name by which the program was called.
    pub name: &'static str,
    /// Where `initctl help` lists it.
    pub group: Group,
    /// Its arguments in the usage line.
    pub arguments: &'static str,
    /// Its own options, beside those of all commands.
    pub options: &'static [Opt],
    /// What it does.
    pub work: Work,
    /// One sentence.
    pub summary: &'static str,
    /// The rest of its help, one line a paragraph.
    pub details: &'static str,
}

/// The headings of `initctl help`, in order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Jobs,
    Events,
    Other,
}

impl Group {
    /// Every heading, in the order in which they are printed.
    pub const ALL: [(Group, &'static str); 3] =
        [(Jobs, "Job commands"), (Events, "Event commands"), (Other, "Other commands")];
}

/// What a command does.
pub enum Work {
    /// It asks the supervisor.
    Ask {
        /// What; or which argument is missing.
        request: for<'a> fn(&'a Call) -> Result<Request<'a>, &'static str>,
        /// What is printed of the reply.
        answer: Answer,
        /// What is printed of an error.
        hint: Hint,
    },
    /// It prints the list of commands.
    Help,
}

/// Which reply a command expects, and so how it is printed.
#[derive(Clone, Copy)]
pub enum Answer {
    /// Nothing to print.
    Nothing,
    /// A job's status.
    Status,
    /// The statuses of all jobs, page by page.
    List,
    /// A text as it is.
    Text,
    /// A job's usage text.
    Usage,
}

/// What follows an error.
#[derive(Clone, Copy)]
pub enum Hint {
    /// When a parameter is missing: the job's usage text, if it has one.
    ShowUsage,
    /// Nothing.
    Without,
}

/// The command table.
#[rustfmt::skip]
pub const COMMANDS: &[Command] = &[
    //  name                    group   arguments               own options       request               reply    on error   help
    ask("start",                Jobs,   "JOB [KEY=VALUE]...",   &NO_WAIT_START,   start,                Status,  ShowUsage, START),
    ask("stop",                 Jobs,   "JOB [KEY=VALUE]...",   &NO_WAIT_STOP,    stop,                 Status,  ShowUsage, STOP),
    ask("restart",              Jobs,   "JOB [KEY=VALUE]...",   &NO_WAIT_RESTART, restart,              Status,  Without,   RESTART),
    ask("reload",               Jobs,   "JOB [KEY=VALUE]...",   &[],              reload,               Nothing, ShowUsage, RELOAD),
    ask("status",               Jobs,   "JOB [KEY=VALUE]...",   &[],              status,               Status,  ShowUsage, STATUS),
    ask("list",                 Jobs,   "",                     &[],              list,                 List,    Without,   LIST),
    ask("emit",                 Events, "EVENT [KEY=VALUE]...", &NO_WAIT_EMIT,    emit,                 Nothing, Without,   EMIT),
    ask("reload-configuration", Other,  "",                     &[],              reload_configuration, Nothing, Without,   RELOAD_CONFIGURATION),
    ask("version",              Other,  "",                     &[],              version,              Text,    Without,   VERSION),
    ask("usage",                Other,  "JOB",                  &[],              usage,                Usage,   Without,   USAGE),
    own("help",                 Other,  "",                     &[],              Work::Help,                               HELP),
];

/// The sentence and the details of a command's help.
type Texts = (&'static str, &'static str);

const START: Texts = (
    "Start job.",
    "JOB is the name of the job that is to be started, this may be followed by zero or more environment variables to be \
     defined in the new job.\n\n\
     The environment may also serve to distinguish between job instances, and thus decide whether a new instance will be \
     started or an error returned if an existing instance is already running.",
);
const STOP: Texts = (
    "Stop job.",
    "JOB is the name of the job that is to be stopped, this may be followed by zero or more environment variables to be \
     passed to the job's pre-stop and post-stop processes.\n\n\
     The environment also serves to distinguish between job instances, and thus decide which of multiple instances will \
     be stopped.",
);
const RESTART: Texts = (
    "Restart job.",
    "JOB is the name of the job that is to be restarted, this may be followed by zero or more environment variables to be \
     defined in the job after restarting.\n\n\
     The environment also serves to distinguish between job instances, and thus decide which of multiple instances will \
     be restarted.",
);
const RELOAD: Texts = (
    "Send HUP signal to job.",
    "JOB is the name of the job that is to be sent the signal, this may be followed by zero or more environment variables \
     to distinguish between job instances.\n",
);
const STATUS: Texts = (
    "Query status of job.",
    "JOB is the name of the job that is to be queried, this may be followed by zero or more environment variables to \
     distguish between job instances.\n",
);
const LIST: Texts = ("List known jobs.", "The known jobs and their current status will be output.");
const EMIT: Texts = (
    "Emit an event.",
    "EVENT is the name of an event the init daemon should emit, this may be followed by zero or more environment \
     variables to be included in the event.\n",
);
const RELOAD_CONFIGURATION: Texts = ("Reload the configuration of the init daemon.", "");
const VERSION: Texts = ("Request the version of the init daemon.", "");
const USAGE: Texts =
    ("Show job usage message if available.", "JOB is the name of the job which usage is to be shown.\n");
const HELP: Texts = ("display list of commands", "");

#[allow(clippy::too_many_arguments)]
const fn ask(
    name: &'static str,
    group: Group,
    arguments: &'static str,
    options: &'static [Opt],
    request: for<'a> fn(&'a Call) -> Result<Request<'a>, &'static str>,
    answer: Answer,
    hint: Hint,
    texts: Texts,
) -> Command {
    own(name, group, arguments, options, Work::Ask { request, answer, hint }, texts)
}

const fn own(
    name: &'static str,
    group: Group,
    arguments: &'static str,
    options: &'static [Opt],
    work: Work,
    (summary, details): Texts,
) -> Command {
    Command { name, group, arguments, options, work, summary, details }
}

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// What a command was called with.
pub struct Call {
    /// The first word: a job or an event.
    subject: Option<OsString>,
    /// The words after it, each ended by NUL.
    variables: Vec<u8>,
    /// Whether not to wait was asked for.
    no_wait: bool,
    /// The job that this process belongs to, `UPSTART_JOB`.
    own_job: Option<OsString>,
    /// And which instance of it, `UPSTART_INSTANCE`.
    own_instance: Option<OsString>,
}

impl Call {
    /// From the words after the command, and from the environment.
    pub fn new(words: Vec<OsString>, no_wait: bool) -> Self {
        let mut words = words.into_iter();
        let subject = words.next();
        let mut variables = Vec::new();
        for word in words {
            variables.extend_from_slice(word.as_bytes());
            variables.push(0);
        }
        let own_job = std::env::var_os("UPSTART_JOB");
        let own_instance = std::env::var_os("UPSTART_INSTANCE");
        Call { subject, variables, no_wait, own_job, own_instance }
    }

    /// The job that is meant, and whether to wait for it.
    ///
    /// Without arguments, in a process of a job: that very instance, and never waiting, since the job would wait for itself.
    fn target(&self) -> Result<(Target<'_>, bool), &'static str> {
        match (&self.subject, &self.own_job, &self.own_instance) {
            (Some(job), ..) => {
                let select = Select::Environment(Strings(&self.variables));
                Ok((Target { job: job.as_bytes(), select }, !self.no_wait))
            }
            (None, Some(job), Some(instance)) => {
                let select = Select::Name(instance.as_bytes());
                Ok((Target { job: job.as_bytes(), select }, false))
            }
            (None, ..) => Err("missing job name"),
        }
    }
}

fn start(call: &Call) -> Result<Request<'_>, &'static str> {
    call.target().map(|(target, wait)| Request::Start { target, wait })
}

fn stop(call: &Call) -> Result<Request<'_>, &'static str> {
    call.target().map(|(target, wait)| Request::Stop { target, wait })
}

fn restart(call: &Call) -> Result<Request<'_>, &'static str> {
    call.target().map(|(target, wait)| Request::Restart { target, wait })
}

fn reload(call: &Call) -> Result<Request<'_>, &'static str> {
    call.target().map(|(target, _)| Request::Reload { target })
}

fn status(call: &Call) -> Result<Request<'_>, &'static str> {
    call.target().map(|(target, _)| Request::Status { target })
}

fn list(_: &Call) -> Result<Request<'_>, &'static str> {
    Ok(next_page(0))
}

/// The request for the page that begins there.
pub fn next_page<'a>(from: u32) -> Request<'a> {
    Request::List { from }
}

fn emit(call: &Call) -> Result<Request<'_>, &'static str> {
    let event = call.subject.as_ref().ok_or("missing event name")?.as_bytes();
    Ok(Request::Emit { event, environment: Strings(&call.variables), wait: !call.no_wait })
}

fn reload_configuration(_: &Call) -> Result<Request<'_>, &'static str> {
    Ok(Request::ReloadConfiguration)
}

fn version(_: &Call) -> Result<Request<'_>, &'static str> {
    Ok(Request::Version)
}

fn usage(call: &Call) -> Result<Request<'_>, &'static str> {
    let job = call.subject.as_ref().or(call.own_job.as_ref()).ok_or("missing job name")?;
    Ok(Request::Usage { job: job.as_bytes() })
}
