//! The commands of `initctl`: one row for each, with its arguments, its options, its request, and how the reply is
//! printed.

use crate::config::{check_conf, check_config, show_config};
use crate::context::Context;
use crate::descriptions::{self as about, Description};
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::{self, OptionSpec, Options, Origin};
use crate::print::{ErrorHint, ReplyFormat};
use crate::requests::RequestResult;
use crate::{chart, environment, jobs, monitor, order, probe, requests, sessions, why};
use ErrorHint::{ShowUsage, Without};
use Group::{Configuration, Environment, Events, Jobs, Supervisor};
use Origin::{Uphold, Upstart};
use ReplyFormat::{Nothing, Status, Text, Usage};

/// A command of `initctl`.
pub struct Subcommand {
    /// The name: the first operand of `initctl`, or the name of a link to the program.
    pub name: &'static str,
    /// The heading under which `initctl help` lists the command.
    pub group: Group,
    /// Whether the command is Upstart's or Uphold's own.
    pub origin: Origin,
    /// The arguments, as the usage line shows them.
    pub arguments: &'static str,
    /// The options of this command alone.
    pub options: &'static [OptionSpec],
    /// How the command is carried out.
    pub(crate) action: Action,
    /// The text of the help.
    pub description: Description,
}

/// The groups of commands in `initctl help`, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// Commands about jobs.
    Jobs,
    /// Commands about events.
    Events,
    /// Commands about the environment of jobs.
    Environment,
    /// Commands about job files.
    Configuration,
    /// Commands about the supervisor itself.
    Supervisor,
}

impl Group {
    /// Every group with its heading, in the order of the output.
    pub const ALL: [(Group, &'static str); 5] = [
        (Jobs, "Jobs"),
        (Events, "Events"),
        (Environment, "Environment of jobs"),
        (Configuration, "Job files"),
        (Supervisor, "The supervisor"),
    ];
}

/// How a command is carried out.
pub(crate) enum Action {
    /// By one request to the supervisor.
    Ask {
        /// Makes the request.
        request: for<'a> fn(&'a Invocation, &Options) -> RequestResult<'a>,
        /// How the reply is printed.
        format: ReplyFormat,
        /// The text printed after an error message.
        hint: ErrorHint,
    },
    /// By a function: the command sends several requests, or none.
    Do(fn(&mut Context<'_>) -> Result<(), Failure>),
    /// By printing help.
    Help,
}

/// The command table.
#[rustfmt::skip]
pub const COMMANDS: &[Subcommand] = &[
    //  name group origin arguments own options request reply on error help
    ask("start",                         Jobs,          Upstart, "JOB [KEY=VALUE]...",   &options::START,        requests::start,                          Status,  ShowUsage, about::START),
    ask("stop",                          Jobs,          Upstart, "JOB [KEY=VALUE]...",   &options::STOP,         requests::stop,                           Status,  ShowUsage, about::STOP),
    ask("restart",                       Jobs,          Upstart, "JOB [KEY=VALUE]...",   &options::RESTART,      requests::restart,                        Status,  Without,   about::RESTART),
    ask("reload",                        Jobs,          Upstart, "JOB [KEY=VALUE]...",   &[],                    requests::reload,                         Nothing, ShowUsage, about::RELOAD),
    own("status",                        Jobs,          Upstart, "JOB [KEY=VALUE]...",   &options::STATUS,       Action::Do(why::status),                                      about::STATUS),
    own("why",                           Jobs,          Uphold,  "JOB [KEY=VALUE]...",   &options::LOOK,                  Action::Do(why::why),                                         about::WHY),
    own("log",                           Jobs,          Uphold,  "[JOB [KEY=VALUE]...]", &options::LOG,          Action::Do(why::log::log),                                    about::LOG),
    own("list",                          Jobs,          Upstart, "",                     &options::LOOK,                  Action::Do(jobs::list),                                       about::LIST),
    own("tree",                          Jobs,          Uphold,  "[JOB]",                &options::LOOK,                  Action::Do(jobs::tree),                                       about::TREE),
    own("monitor",                       Jobs,          Uphold,  "[JOB]",                &options::LOOK,                  Action::Do(monitor::monitor),                                 about::MONITOR),
    own("blame",                         Jobs,          Uphold,  "",                     &options::LOOK,         Action::Do(chart::blame),                                     about::BLAME),
    own("timeline",                      Jobs,          Uphold,  "",                     &options::TIMELINE,     Action::Do(chart::timeline),                                  about::TIMELINE),
    ask("usage",                         Jobs,          Upstart, "JOB",                  &[],                    requests::usage,                          Usage,   Without,   about::USAGE),
    ask("emit",                          Events,        Upstart, "EVENT [KEY=VALUE]...", &options::EMIT,         requests::emit,                           Nothing, Without,   about::EMIT),
    ask("get-env",                       Environment,   Upstart, "VARIABLE",             &options::ENVIRONMENT,  requests::get_env,                        Text,    Without,   about::GET_ENV),
    own("list-env",                      Environment,   Upstart, "",                     &options::ENVIRONMENT,  Action::Do(environment::list),                                about::LIST_ENV),
    own("set-env",                       Environment,   Upstart, "VARIABLE[=VALUE]...",  &options::SET_ENV,      Action::Do(environment::set),                                 about::SET_ENV),
    own("unset-env",                     Environment,   Upstart, "VARIABLE...",          &options::ENVIRONMENT,  Action::Do(environment::unset),                               about::UNSET_ENV),
    ask("reset-env",                     Environment,   Upstart, "",                     &options::ENVIRONMENT,  requests::reset_env,                      Nothing, Without,   about::RESET_ENV),
    ask("reload-configuration",          Configuration, Upstart, "",                     &[],                    requests::reload_configuration,           Nothing, Without,   about::RELOAD_CONFIGURATION),
    own("show-config",                   Configuration, Upstart, "[JOB]",                &options::SHOW_CONFIG,  Action::Do(show_config::show),                                about::SHOW_CONFIG),
    own("check-config",                  Configuration, Upstart, "[JOB]",                &options::CHECK_CONFIG, Action::Do(check_config::check),                              about::CHECK_CONFIG),
    own("check-conf",                    Configuration, Uphold,  "FILE...",              &options::CHECK_CONF,   Action::Do(check_conf::check),                                about::CHECK_CONF),
    own("graph",                         Configuration, Uphold,  "[JOB]...",             &options::GRAPH,        Action::Do(chart::graph),                                     about::GRAPH),
    own("probe",                         Configuration, Uphold,  "-- COMMAND [ARGUMENT]...", &options::PROBE,    Action::Do(probe::probe),                                     about::PROBE),
    ask("version",                       Supervisor,    Upstart, "",                     &[],                    requests::version,                        Text,    Without,   about::VERSION),
    own("log-priority",                  Supervisor,    Upstart, "[PRIORITY]",           &[],                    Action::Do(environment::log_priority),                        about::LOG_PRIORITY),
    ask("restart-init",                  Supervisor,    Uphold,  "",                     &[],                    requests::restart_init,                   Nothing, Without,   about::RESTART_INIT),
    own("list-sessions",                 Supervisor,    Upstart, "",                     &[],                    Action::Do(sessions::list),                                   about::LIST_SESSIONS),
    ask("end-session",                   Supervisor,    Uphold,  "",                     &[],                    requests::end_session,                    Nothing, Without,   about::END_SESSION),
    ask("notify-disk-writeable",         Supervisor,    Upstart, "",                     &[],                    requests::notify_disk_writeable,          Nothing, Without,   about::NOTIFY_DISK),
    ask("notify-dbus-address",           Supervisor,    Upstart, "ADDRESS",              &[],                    requests::notify_dbus_address,            Nothing, Without,   about::NOTIFY_DBUS),
    ask("notify-cgroup-manager-address", Supervisor,    Upstart, "ADDRESS",              &[],                    requests::notify_cgroup_manager_address,  Nothing, Without,   about::NOTIFY_CGROUP),
    own("help",                          Supervisor,    Upstart, "[COMMAND]",            &[],                    Action::Help,                                                 about::HELP),
];

#[allow(clippy::too_many_arguments)] // They are the columns.
const fn ask(
    name: &'static str,
    group: Group,
    origin: Origin,
    arguments: &'static str,
    options: &'static [OptionSpec],
    request: for<'a> fn(&'a Invocation, &Options) -> RequestResult<'a>,
    format: ReplyFormat,
    hint: ErrorHint,
    description: Description,
) -> Subcommand {
    own(name, group, origin, arguments, options, Action::Ask { request, format, hint }, description)
}

const fn own(
    name: &'static str,
    group: Group,
    origin: Origin,
    arguments: &'static str,
    options: &'static [OptionSpec],
    action: Action,
    description: Description,
) -> Subcommand {
    Subcommand { name, group, origin, arguments, options, action, description }
}

impl Subcommand {
    /// Carries the command out. `help` does nothing here.
    ///
    /// # Errors
    /// The operands are wrong, the supervisor cannot be reached or refuses, or the output cannot be written.
    pub(crate) fn run(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        match self.action {
            Action::Ask { request, format, hint } => {
                let request = request(context.invocation, context.options);
                let request = request.map_err(|missing| context.usage_error(missing))?;
                order::carry_out(context, request, format, hint)
            }
            Action::Do(work) => work(context),
            Action::Help => Ok(()),
        }
    }
}

/// Looks a command up by its name.
pub fn find(name: &str) -> Option<&'static Subcommand> {
    COMMANDS.iter().find(|command| command.name == name)
}
