//! The programs that this binary is besides `initctl`, by the name that it is called by: one row each.

use crate::config::check_conf;
use crate::context::Context;
use crate::failure::Failure;
use crate::options::{AfterShutdown, CHECK_CONF, HaltMode, Info, OptionSpec, SOCKET, UTMP, WTMP, row};
use crate::system::{reboot, runlevel, shutdown, telinit};

/// One program.
pub struct Tool {
    /// The name that it is called by.
    pub name: &'static str,
    /// Its arguments in the usage line.
    pub arguments: &'static str,
    /// Its own options.
    pub options: &'static [OptionSpec],
    /// What it does.
    pub(crate) work: fn(&mut Context<'_>) -> Result<(), Failure>,
    /// One sentence.
    pub summary: &'static str,
    /// The rest of its help, one line a paragraph.
    pub details: &'static str,
}

/// The table of programs. `init` is here for the supervisor's own binary, which hands over when it is not process 1.
#[rustfmt::skip]
pub const TOOLS: &[Tool] = &[
    //   name              arguments           options       work
    tool("telinit",        "RUNLEVEL",         TELINIT,      telinit::telinit,    "Change the runlevel.", RUNLEVELS),
    tool("init",           "RUNLEVEL",         TELINIT,      telinit::telinit,    "Change the runlevel.", RUNLEVELS),
    tool("runlevel",       "[UTMP]",           &[],          runlevel::runlevel,  "Print the previous and the current runlevel.", UTMP_FILE),
    tool("shutdown",       "TIME [MESSAGE]",   SHUTDOWN,     shutdown::shutdown,  "Bring the system down.", TIMES),
    tool("reboot",         "",                 REBOOT,       reboot::reboot,      "Start the system again.", FORCED),
    tool("halt",           "",                 REBOOT,       reboot::halt,        "Stop the system.", FORCED),
    tool("poweroff",       "",                 REBOOT,       reboot::poweroff,    "Stop the system and switch it off.", FORCED),
    tool("init-checkconf", "FILE...",          CHECKCONF,    check_conf::check,   "Check job configuration files without an init daemon.", CHECKED),
];

/// The options of `telinit`.
const TELINIT: &[OptionSpec] = &[
    SOCKET,
    UTMP,
    WTMP,
    row(
        Some(b'e'),
        "env",
        Some("KEY=VALUE"),
        |to, variable| to.variables.push(variable),
        "add this variable to the runlevel event",
    ),
];

/// The options of `shutdown`. `-h` leaves it to the system whether the power goes off.
#[rustfmt::skip]
const SHUTDOWN: &[OptionSpec] = &[
    SOCKET,
    UTMP,
    WTMP,
    row(Some(b'r'), "reboot",   None, |to, _| to.after_shutdown = Some(AfterShutdown::Reboot),                                            "start the system again afterwards"),
    row(Some(b'h'), "halt",     None, |to, _| to.after_shutdown = Some(AfterShutdown::Halt),                                              "halt the system or switch it off afterwards"),
    row(Some(b'H'), "no-power", None, |to, _| (to.after_shutdown, to.halt_mode) = (Some(AfterShutdown::Halt), Some(HaltMode::Halt)),         "halt the system afterwards"),
    row(Some(b'P'), "poweroff", None, |to, _| (to.after_shutdown, to.halt_mode) = (Some(AfterShutdown::Halt), Some(HaltMode::PowerOff)),     "switch the system off afterwards"),
    row(Some(b'c'), "cancel",   None, |to, _| to.cancel = true,                                                        "cancel a shutdown that waits"),
    row(Some(b'k'), "warn",     None, |to, _| to.warn_only = true,                                                     "only warn, do not shut down"),
];

/// The options of `reboot`, `halt` and `poweroff`. `-d`, `-i` and `-n` are those of older programs.
#[rustfmt::skip]
const REBOOT: &[OptionSpec] = &[
    SOCKET,
    UTMP,
    WTMP,
    row(Some(b'f'), "force",     None, |to, _| to.force = true,                      "do it here and now, without stopping anything"),
    row(Some(b'p'), "poweroff",  None, |to, _| to.halt_mode = Some(HaltMode::PowerOff), "switch the power off when halting"),
    row(Some(b'w'), "wtmp-only", None, |to, _| to.wtmp_only = true,                  "only write the wtmp record"),
    row(Some(b'd'), "no-wtmp",   None, |_, _| {},                                    ""),
    row(Some(b'i'), "ignored",   None, |_, _| {},                                    ""),
    row(Some(b'n'), "no-sync",   None, |_, _| {},                                    ""),
];

/// The options of `init-checkconf`. What names a program to check with is accepted: none is needed here.
#[rustfmt::skip]
const CHECKCONF: &[OptionSpec] = &[
    row(Some(b'd'), "debug",        None,         |_, _| {},                              "accepted for compatibility"),
    row(Some(b'f'), "file",         Some("FILE"), |to, file| to.files.push(file),         "file to check"),
    row(Some(b'i'), "initctl-path", Some("PATH"), |_, _| {},                              ""),
    row(Some(b'x'), "upstart-path", Some("PATH"), |_, _| {},                              ""),
    row(Some(b'h'), "help",         None,         |to, _| to.info = Some(Info::Help),     ""),
    NO_SCRIPT,
];
const NO_SCRIPT: OptionSpec = {
    let [option] = CHECK_CONF;
    option
};

const RUNLEVELS: &str = "RUNLEVEL is one of 0123456Ss, or q to load all job configuration anew, or u to run the init \
                         daemon's program anew.\n\n\
                         The current runlevel is taken from $RUNLEVEL if that is set, else from /var/run/utmp.";
const UTMP_FILE: &str = "$RUNLEVEL and $PREVLEVEL are printed if set, else what UTMP says, or /var/run/utmp.";
const TIMES: &str = "TIME is hh:mm, +m for so many minutes from now, or now. MESSAGE is told to everybody who is logged in.\n\n\
                     Without --reboot or --halt the system goes to maintenance, runlevel 1.";
const FORCED: &str = "Without --force, and unless the runlevel is 0 or 6 already, this is shutdown.";
const CHECKED: &str = "Each FILE is read as the init daemon would read it, and so is the file with the ending .override \
                       beside it. Scripts are given to /bin/sh to be checked.";

const fn tool(
    name: &'static str,
    arguments: &'static str,
    options: &'static [OptionSpec],
    work: fn(&mut Context<'_>) -> Result<(), Failure>,
    summary: &'static str,
    details: &'static str,
) -> Tool {
    Tool { name, arguments, options, work, summary, details }
}

/// The program of that name.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}
