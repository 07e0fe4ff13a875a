//! The other programs of this binary, by the name by which it is called: one row for each.

use crate::config::check_conf;
use crate::context::Context;
use crate::descriptions::{self as about, Description};
use crate::failure::Failure;
use crate::options::{
    AfterShutdown, CHECK_CONF, COMMON, COMMON_WITHOUT_H, HaltMode, OptionSpec, SOCKET, UTMP, WTMP, row,
};
use crate::service;
use crate::system::{reboot, runlevel, shutdown, telinit};

/// A program.
pub struct Tool {
    /// The name of the program.
    pub name: &'static str,
    /// The arguments, as the usage line shows them.
    pub arguments: &'static str,
    /// The options of this program alone.
    pub options: &'static [OptionSpec],
    /// The options that other programs have too.
    pub common: &'static [OptionSpec],
    /// The function that carries the program out.
    pub(crate) run: fn(&mut Context<'_>) -> Result<(), Failure>,
    /// The text of the help.
    pub description: Description,
}

/// The table of programs. `init` is one of them because the supervisor's binary runs this one unless it is process 1.
#[rustfmt::skip]
pub const TOOLS: &[Tool] = &[
    //   name              arguments         options    common            function            help
    tool("telinit",        "RUNLEVEL",       TELINIT,   COMMON,           telinit::telinit,   about::TELINIT),
    tool("init",           "RUNLEVEL",       TELINIT,   COMMON,           telinit::telinit,   about::TELINIT),
    tool("runlevel",       "[UTMP]",         RUNLEVEL,  COMMON,           runlevel::runlevel, about::RUNLEVEL),
    tool("shutdown",       "TIME [MESSAGE]", SHUTDOWN,  COMMON_WITHOUT_H, shutdown::shutdown, about::SHUTDOWN),
    tool("reboot",         "",               REBOOT,    COMMON_WITHOUT_H, reboot::reboot,     about::REBOOT),
    tool("halt",           "",               REBOOT,    COMMON_WITHOUT_H, reboot::halt,       about::HALT),
    tool("poweroff",       "",               REBOOT,    COMMON_WITHOUT_H, reboot::poweroff,   about::POWEROFF),
    tool("service",        "NAME ACTION [KEY=VALUE]...", SERVICE, COMMON,         service::service,   about::SERVICE),
    tool("init-checkconf", "FILE...",        CHECKCONF, COMMON,           check_conf::check,  about::CHECK_CONF),
];

/// The options of `telinit`.
#[rustfmt::skip]
const TELINIT: &[OptionSpec] = &[
    row(Some(b'e'), "env", Some("KEY=VALUE"), |to, variable| to.variables.push(variable), "add a variable to the runlevel event; may be repeated"),
    SOCKET,
    UTMP,
    WTMP,
];

/// `runlevel` takes its file as an argument.
const RUNLEVEL: &[OptionSpec] = &[];

/// The options of `shutdown`. With `-h`, the jobs of the system decide whether the power is switched off.
#[rustfmt::skip]
const SHUTDOWN: &[OptionSpec] = &[
    row(Some(b'r'), "reboot",   None, |to, _| to.after_shutdown = Some(AfterShutdown::Reboot),                                             "reboot after the shutdown"),
    row(Some(b'h'), "halt",     None, |to, _| to.after_shutdown = Some(AfterShutdown::Halt),                                               "halt or power off, as the jobs of the system decide"),
    row(Some(b'H'), "no-power", None, |to, _| (to.after_shutdown, to.halt_mode) = (Some(AfterShutdown::Halt), Some(HaltMode::Halt)),       "halt and leave the power on"),
    row(Some(b'P'), "poweroff", None, |to, _| (to.after_shutdown, to.halt_mode) = (Some(AfterShutdown::Halt), Some(HaltMode::PowerOff)),   "power off"),
    row(Some(b'c'), "cancel",   None, |to, _| to.cancel = true,                                                                            "cancel the pending shutdown"),
    row(Some(b'k'), "warn",     None, |to, _| to.warn_only = true,                                                                         "send the warning and do nothing else"),
    SOCKET,
    UTMP,
    WTMP,
];

/// The options of `reboot`, `halt` and `poweroff`. `-d`, `-i` and `-n` are options of older programs.
#[rustfmt::skip]
const REBOOT: &[OptionSpec] = &[
    row(Some(b'f'), "force",     None, |to, _| to.force = true,                        "act at once, without stopping any job"),
    row(Some(b'p'), "poweroff",  None, |to, _| to.halt_mode = Some(HaltMode::PowerOff), "for halt: switch the power off"),
    row(Some(b'w'), "wtmp-only", None, |to, _| to.wtmp_only = true,                    "write the record in wtmp and do nothing else"),
    row(Some(b'd'), "no-wtmp",   None, |_, _| {},                                      "ignored: the record in wtmp is always written"),
    row(Some(b'i'), "ignored",   None, |_, _| {},                                      "ignored: jobs bring network interfaces down"),
    row(Some(b'n'), "no-sync",   None, |_, _| {},                                      "ignored: disks are always synchronised"),
    SOCKET,
    UTMP,
    WTMP,
];

/// The options of `service`.
#[rustfmt::skip]
const SERVICE: &[OptionSpec] = &[
    row(None, "status-all",   None, |to, _| to.status_all = true,   "print which jobs run (+) and which do not (-), and the scripts (?)"),
    row(None, "full-restart", None, |to, _| to.full_restart = true, "stop and start, in place of ACTION"),
    SOCKET,
];

/// The options of `init-checkconf`. The paths of other programs are accepted and ignored.
#[rustfmt::skip]
const CHECKCONF: &[OptionSpec] = &[
    row(Some(b'f'), "file",         Some("FILE"), |to, file| to.files.push(file), "check FILE, as if it were an argument"),
    NO_SCRIPT,
    row(Some(b'd'), "debug",        None,         |_, _| {},                      "ignored"),
    row(Some(b'i'), "initctl-path", Some("PATH"), |_, _| {},                      "ignored: the program initctl is not needed"),
    row(Some(b'x'), "upstart-path", Some("PATH"), |_, _| {},                      "ignored: the program init is not needed"),
];
const NO_SCRIPT: OptionSpec = {
    let [option] = CHECK_CONF;
    option
};

const fn tool(
    name: &'static str,
    arguments: &'static str,
    options: &'static [OptionSpec],
    common: &'static [OptionSpec],
    run: fn(&mut Context<'_>) -> Result<(), Failure>,
    description: Description,
) -> Tool {
    Tool { name, arguments, options, common, run, description }
}

/// Looks a program up by its name.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}
