//! What each command says about itself, in the words of `initctl COMMAND --help`: a sentence, and one line a paragraph.
#![allow(missing_docs)]

/// The sentence and the details of a command's help.
pub type Texts = (&'static str, &'static str);

pub const START: Texts = (
    "Start job.",
    "JOB is the name of the job that is to be started, this may be followed by zero or more environment variables to be \
     defined in the new job.\n\n\
     The environment may also serve to distinguish between job instances, and thus decide whether a new instance will be \
     started or an error returned if an existing instance is already running.",
);
pub const STOP: Texts = (
    "Stop job.",
    "JOB is the name of the job that is to be stopped, this may be followed by zero or more environment variables to be \
     passed to the job's pre-stop and post-stop processes.\n\n\
     The environment also serves to distinguish between job instances, and thus decide which of multiple instances will \
     be stopped.",
);
pub const RESTART: Texts = (
    "Restart job.",
    "JOB is the name of the job that is to be restarted, this may be followed by zero or more environment variables to be \
     defined in the job after restarting.\n\n\
     The environment also serves to distinguish between job instances, and thus decide which of multiple instances will \
     be restarted.",
);
pub const RELOAD: Texts = (
    "Send HUP signal to job.",
    "JOB is the name of the job that is to be sent the signal, this may be followed by zero or more environment variables \
     to distinguish between job instances.\n",
);
pub const STATUS: Texts = (
    "Query status of job.",
    "JOB is the name of the job that is to be queried, this may be followed by zero or more environment variables to \
     distguish between job instances.\n",
);
pub const LIST: Texts = ("List known jobs.", "The known jobs and their current status will be output.");
pub const EMIT: Texts = (
    "Emit an event.",
    "EVENT is the name of an event the init daemon should emit, this may be followed by zero or more environment \
     variables to be included in the event.\n",
);
pub const RELOAD_CONFIGURATION: Texts = ("Reload the configuration of the init daemon.", "");
pub const VERSION: Texts = ("Request the version of the init daemon.", "");
pub const USAGE: Texts =
    ("Show job usage message if available.", "JOB is the name of the job which usage is to be shown.\n");
pub const GET_ENV: Texts = (
    "Retrieve value of a job environment variable.",
    "Display the value of a variable from the job environment table.",
);
pub const LIST_ENV: Texts = (
    "Show all job environment variables.",
    "Displays sorted list of variables and their values from the job environment table.",
);
pub const RESET_ENV: Texts = (
    "Revert all job environment variable changes.",
    "Discards all changes make to the job environment table, setting it back to its default value.",
);
pub const SET_ENV: Texts =
    ("Set one or more job environment variables.", "Adds or updates variables in the job environment table.");
pub const UNSET_ENV: Texts =
    ("Remove one or more job environment variables.", "Discards variables from the job environment table.");
pub const LOG_PRIORITY: Texts = (
    "Change the minimum priority of log messages from the init daemon.",
    "PRIORITY may be one of:\n  \
     `debug' (messages useful for debugging upstart are logged, equivalent to --debug on kernel command-line);\n  \
     `info' (messages about job goal and state changes, as well as event emissions are logged, equivalent to --verbose on \
     the kernel command-line);\n  \
     `message' (informational and debugging messages are suppressed, the default);\n  \
     `warn' (ordinary messages are suppressed whilst still logging warnings and errors);\n  \
     `error' (only errors are logged, equivalent to --quiet on the kernel command-line) or\n  \
     `fatal' (only fatal errors are logged).\n\n\
     Without arguments, this outputs the current log priority.",
);
pub const SHOW_CONFIG: Texts = (
    "Show emits, start on and stop on details for job configurations.",
    "If CONF specified, show configuration details for single job configuration, else show details for all jobs \
     configurations.\n",
);
pub const CHECK_CONFIG: Texts = (
    "Check for unreachable jobs/event conditions.",
    "List all jobs and events which cannot be satisfied by currently available job configuration files.",
);
pub const NOTIFY_CGROUP: Texts = (
    "Inform Upstart of D-Bus address cgroup manager is available on.",
    "Run to allow Upstart to provide cgroup stanza support.",
);
pub const NOTIFY_DBUS: Texts =
    ("Inform Upstart of D-Bus address to connect to.", "Run to allow Upstart to provide services over D-Bus.");
pub const NOTIFY_DISK: Texts = (
    "Inform Upstart that disk is now writeable.",
    "Run to ensure output from jobs ending before disk is writeable are flushed to disk.",
);
pub const LIST_SESSIONS: Texts = ("List all sessions.", "Displays list of running Session Init sessions");
pub const HELP: Texts = ("display list of commands", "");
pub const CHECK_CONF: Texts = (
    "Check job configuration files without an init daemon.",
    "Each FILE is read as the init daemon would read it, and so is the file with the ending .override beside it. Scripts \
     are given to /bin/sh to be checked.",
);
pub const END_SESSION: Texts = (
    "End the session of a session init.",
    "Jobs that start on session-end run, every other job is stopped, and the session's init daemon exits.",
);
pub const RESTART_INIT: Texts = ("Run the init daemon's program anew.", "Jobs, events and clients that wait are kept.");
