//! The commands of initctl(8): one row each, which parses, asks, prints and explains it.

use crate::config::{check_conf, check_config, show_config};
use crate::context::Context;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::{
    CHECK_CONF, ENUMERATE, GLOBAL_TABLE, NO_WAIT_EMIT, NO_WAIT_RESTART, NO_WAIT_START, OptionSpec, Options, SET_ENV,
    STOP, UNREACHABLE,
};
use crate::print::{ErrorHint, ReplyFormat};
use crate::requests::RequestResult;
use crate::texts::{self, Texts};
use crate::{environment, requests, sessions};
use ErrorHint::{ShowUsage, Without};
use Group::{Environment, Events, Jobs, Other, Ours};
use ReplyFormat::{List, Nothing, Status, Text, Usage};

/// One command.
pub struct Subcommand {
    /// Its name: the first word, or the name by which the program was called.
    pub name: &'static str,
    /// Where `initctl help` lists it.
    pub group: Group,
    /// Its arguments in the usage line.
    pub arguments: &'static str,
    /// Its own options, beside those of all commands.
    pub options: &'static [OptionSpec],
    /// What it does.
    pub(crate) action: Action,
    /// One sentence.
    pub summary: &'static str,
    /// The rest of its help, one line a paragraph.
    pub details: &'static str,
}

/// The headings of `initctl help`, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Commands about jobs.
    Jobs,
    /// Commands about events.
    Events,
    /// Commands about the environment of jobs.
    Environment,
    /// The rest.
    Other,
    /// Commands that Upstart does not have; its `help` does not list them.
    Ours,
}

impl Group {
    /// Every heading, in the order in which they are printed.
    pub const ALL: [(Group, &'static str); 4] = [
        (Jobs, "Job commands"),
        (Events, "Event commands"),
        (Environment, "Environment commands"),
        (Other, "Other commands"),
    ];
}

/// What a command does.
pub(crate) enum Action {
    /// It asks the supervisor one thing.
    Ask {
        /// What; or which argument is missing.
        request: for<'a> fn(&'a Invocation, &Options) -> RequestResult<'a>,
        /// What is printed of the reply.
        format: ReplyFormat,
        /// What is printed of an error.
        hint: ErrorHint,
    },
    /// It asks several things, or nobody.
    Do(fn(&mut Context<'_>) -> Result<(), Failure>),
    /// It prints the list of commands.
    Help,
}

/// The command table.
#[rustfmt::skip]
pub const COMMANDS: &[Subcommand] = &[
    //  name                             group        arguments               own options       request                              reply    on error   help
    ask("start",                         Jobs,        "JOB [KEY=VALUE]...",   &NO_WAIT_START,   requests::start,                         Status,  ShowUsage, texts::START),
    ask("stop",                          Jobs,        "JOB [KEY=VALUE]...",   &STOP,            requests::stop,                          Status,  ShowUsage, texts::STOP),
    ask("restart",                       Jobs,        "JOB [KEY=VALUE]...",   &NO_WAIT_RESTART, requests::restart,                       Status,  Without,   texts::RESTART),
    ask("reload",                        Jobs,        "JOB [KEY=VALUE]...",   &[],              requests::reload,                        Nothing, ShowUsage, texts::RELOAD),
    ask("status",                        Jobs,        "JOB [KEY=VALUE]...",   &[],              requests::status,                        Status,  ShowUsage, texts::STATUS),
    ask("list",                          Jobs,        "",                     &[],              requests::list,                          List,    Without,   texts::LIST),
    ask("emit",                          Events,      "EVENT [KEY=VALUE]...", &NO_WAIT_EMIT,    requests::emit,                          Nothing, Without,   texts::EMIT),
    ask("get-env",                       Environment, "VARIABLE",             &GLOBAL_TABLE,    requests::get_env,                       Text,    Without,   texts::GET_ENV),
    own("list-env",                      Environment, "",                     &GLOBAL_TABLE,    Action::Do(environment::list),                            texts::LIST_ENV),
    ask("reset-env",                     Environment, "VARIABLE",             &GLOBAL_TABLE,    requests::reset_env,                     Nothing, Without,   texts::RESET_ENV),
    own("set-env",                       Environment, "VARIABLE[=VALUE]",     &SET_ENV,         Action::Do(environment::set),                             texts::SET_ENV),
    own("unset-env",                     Environment, "VARIABLE",             &GLOBAL_TABLE,    Action::Do(environment::unset),                           texts::UNSET_ENV),
    ask("reload-configuration",          Other,       "",                     &[],              requests::reload_configuration,          Nothing, Without,   texts::RELOAD_CONFIGURATION),
    ask("version",                       Other,       "",                     &[],              requests::version,                       Text,    Without,   texts::VERSION),
    own("log-priority",                  Other,       "[PRIORITY]",           &[],              Action::Do(environment::log_priority),                    texts::LOG_PRIORITY),
    own("show-config",                   Other,       "[CONF]",               &ENUMERATE,       Action::Do(show_config::show),                            texts::SHOW_CONFIG),
    own("check-config",                  Other,       "[CONF]",               &UNREACHABLE,     Action::Do(check_config::check),                          texts::CHECK_CONFIG),
    ask("usage",                         Other,       "JOB",                  &[],              requests::usage,                         Usage,   Without,   texts::USAGE),
    ask("notify-cgroup-manager-address", Other,       "",                     &[],              requests::notify_cgroup_manager_address, Nothing, Without,   texts::NOTIFY_CGROUP),
    ask("notify-dbus-address",           Other,       "",                     &[],              requests::notify_dbus_address,           Nothing, Without,   texts::NOTIFY_DBUS),
    ask("notify-disk-writeable",         Other,       "",                     &[],              requests::notify_disk_writeable,         Nothing, Without,   texts::NOTIFY_DISK),
    own("list-sessions",                 Other,       "",                     &[],              Action::Do(sessions::list),                               texts::LIST_SESSIONS),
    own("help",                          Other,       "",                     &[],              Action::Help,                                             texts::HELP),
    own("check-conf",                    Ours,        "FILE...",              &CHECK_CONF,      Action::Do(check_conf::check),                            texts::CHECK_CONF),
    ask("end-session",                   Ours,        "",                     &[],              requests::end_session,                   Nothing, Without,   texts::END_SESSION),
    ask("restart-init",                  Ours,        "",                     &[],              requests::restart_init,                  Nothing, Without,   texts::RESTART_INIT),
];

#[allow(clippy::too_many_arguments)] // They are the columns.
const fn ask(
    name: &'static str,
    group: Group,
    arguments: &'static str,
    options: &'static [OptionSpec],
    request: for<'a> fn(&'a Invocation, &Options) -> RequestResult<'a>,
    format: ReplyFormat,
    hint: ErrorHint,
    texts: Texts,
) -> Subcommand {
    own(name, group, arguments, options, Action::Ask { request, format, hint }, texts)
}

const fn own(
    name: &'static str,
    group: Group,
    arguments: &'static str,
    options: &'static [OptionSpec],
    action: Action,
    (summary, details): Texts,
) -> Subcommand {
    Subcommand { name, group, arguments, options, action, summary, details }
}

/// The command of that name.
pub fn find(name: &str) -> Option<&'static Subcommand> {
    COMMANDS.iter().find(|command| command.name == name)
}
