//! The text of `--help` about each command of `initctl` and each tool.
#![allow(missing_docs)] // Each constant is named after its command.

/// The description of a command or a tool in its help.
#[derive(Clone, Copy)]
pub struct Description {
    /// One sentence, also for lists of commands.
    pub summary: &'static str,
    /// Paragraphs that follow the summary.
    pub details: &'static [&'static str],
}

impl Description {
    /// Combines both parts.
    pub const fn new(summary: &'static str, details: &'static [&'static str]) -> Self {
        Description { summary, details }
    }
}

const OWN_JOB: &str = "A process of a job may leave out JOB. The command then applies to the instance to which that \
                       process belongs, and does not wait.";
const INSTANCES: &str = "If the job file has the stanza `instance', the KEY=VALUE arguments select the instance.";
const TABLES: &str = "Inside a process of a job the command uses the environment of that job, otherwise the \
                      environment with which every job starts.";
const SESSION_ONLY: &str = "Only a session's supervisor allows this; the supervisor of a system refuses.";

pub const START: Description = Description::new(
    "Start a job and wait until it runs.",
    &[
        "The job gets the KEY=VALUE arguments as variables. If its file has the stanza `instance', they also select \
         the instance; one that does not exist yet is created.",
        "For a task, the command waits until it has finished. Fails if the job does not get that far, or if the \
         instance is already running.",
        OWN_JOB,
    ],
);
pub const STOP: Description = Description::new(
    "Stop a job and wait until it has stopped.",
    &[
        INSTANCES,
        "The KEY=VALUE arguments are also variables of the job's pre-stop and post-stop processes.",
        "A stop that hangs can be ended with --force.",
        OWN_JOB,
    ],
);
pub const RESTART: Description = Description::new(
    "Stop a job and start it again.",
    &[
        INSTANCES,
        "The KEY=VALUE arguments replace the variables of the earlier start.",
        "The new run has the definition of the old one, even if the job file has changed since. With --reload the job \
         is stopped and then started, so that it gets its file as it is now; variables of the earlier start, and of \
         the events that caused it, are not kept. Fails if the job is stopped, except with --start.",
        OWN_JOB,
    ],
);
pub const RELOAD: Description = Description::new(
    "Send a job's main process its reload signal.",
    &["The signal is SIGHUP unless the job file has the stanza `reload signal'.", INSTANCES, OWN_JOB],
);
pub const STATUS: Description = Description::new(
    "Print the goal, the state and the processes of a job.",
    &[
        "The line reads JOB [(INSTANCE)] GOAL/STATE[, process PID]. Further processes follow on lines of their own.",
        "On a terminal, or with --verbose, more lines say since when, how the last main process ended, why the job does \
         not run, what its `expect' should be, and the end of its output.",
        INSTANCES,
        OWN_JOB,
    ],
);
pub const WHY: Description = Description::new(
    "Print why a job does, or does not, run.",
    &[
        "After the lines of `status --verbose' come the events of its `start on' and which of them have happened, what \
         has happened to the job, and the chain of jobs that it waits for. The supervisor remembers the last 1024 \
         happenings of all jobs, and for each job how its last main process ended and the last failure.",
        INSTANCES,
        OWN_JOB,
    ],
);
pub const LOG: Description = Description::new(
    "Print the end of a job's output, or of the supervisor's own messages.",
    &[
        "Without JOB, these are the last messages of the supervisor, wherever they were logged, each with the seconds \
         since the system was booted; only users that may control the supervisor see them.",
        "The output of jobs with `console log' (the default) is in a file for each instance. This command asks the \
         supervisor where that file is, and reads it itself.",
        INSTANCES,
        OWN_JOB,
    ],
);
pub const LIST: Description = Description::new(
    "Print the status of every job and instance.",
    &["On a terminal the output has columns, sorted by name: the state, the process id of the main process, how long \
       that has run, and the memory of all processes of the job. In a pipe it has the lines of status."],
);
pub const TREE: Description = Description::new(
    "Print jobs with their processes.",
    &["A process belongs to a job if the supervisor has started it for the job, if it is in the control group of the \
       job, or if it descends from such a process. Jobs without processes are printed only with --verbose, or when \
       JOB names them."],
);
pub const MONITOR: Description = Description::new(
    "Print what happens to jobs, and events, until it is interrupted.",
    &[
        "Each line begins with the seconds since the system was booted. With JOB, only lines about this job are printed. \
       If this program does not read fast enough, messages are left out, and a line says how many. After a re-exec of \
       the supervisor the output goes on. Only users that may control the supervisor may do this.",
    ],
);
pub const BLAME: Description = Description::new(
    "Print how long the start of each job took, the longest first.",
    &[
        "The time is that of the job's longest start since the supervisor began, from the end of its event starting, so \
       without the time for which other jobs held it up, until it ran or, for a task, was done. Jobs that failed, or \
       are not ready yet, are marked.",
    ],
);
pub const TIMELINE: Description = Description::new(
    "Draw what started when, what waited for what, and the critical path, as an SVG picture.",
    &[
        "Each job has a bar from its start until it ran or, for a task, was done, and a lighter one while it runs. A \
         hatched part is time in which other jobs held it up, or in which the supervisor was busy with others. Lines lead from what caused a start to the start. The \
         critical path leads to the job that was ready last: to shorten the boot, shorten this path.",
        "A boot is over when for ten seconds no job was on its way. The supervisor keeps its first changes of state; if \
         there were more, the picture says so.",
    ],
);
pub const EMIT: Description = Description::new(
    "Announce an event to all jobs.",
    &[
        "The event carries the KEY=VALUE arguments as variables, for conditions to match and for jobs to receive.",
        "Returns when the event is finished: every job that it starts runs (a task has ended), and every job that it \
         stops has stopped. Fails if one of these jobs fails.",
    ],
);
pub const GET_ENV: Description = Description::new("Print the value of a variable.", &[TABLES]);
pub const LIST_ENV: Description = Description::new("Print all variables in alphabetical order.", &[TABLES]);
pub const RESET_ENV: Description = Description::new("Undo every set-env and unset-env.", &[TABLES, SESSION_ONLY]);
pub const SET_ENV: Description =
    Description::new("Set variables.", &["A VARIABLE without a value becomes empty.", TABLES, SESSION_ONLY]);
pub const UNSET_ENV: Description = Description::new("Remove variables.", &[TABLES, SESSION_ONLY]);
pub const RELOAD_CONFIGURATION: Description = Description::new(
    "Read all job files again.",
    &["Changed files are normally noticed without this command. Running instances keep their old definition."],
);
pub const SHOW_CONFIG: Description = Description::new(
    "Print which events a job emits, and its start and stop conditions.",
    &["Without JOB, all jobs are printed."],
);
pub const CHECK_CONFIG: Description = Description::new(
    "Find start and stop conditions that can never become true.",
    &["A condition is reported if it needs an event that nothing emits, or a job that does not exist. Events that \
         jobs emit must be listed in their files with the stanza `emits'. Without JOB, all jobs are checked. The exit \
         code is 1 if something is reported."],
);
pub const CHECK_CONF: Description = Description::new(
    "Check job files for mistakes, without a supervisor.",
    &["Each FILE is parsed, and so is the .override file beside a .conf file. /bin/sh checks the syntax of the \
         scripts."],
);
pub const GRAPH: Description = Description::new(
    "Draw jobs and events: which event starts and stops which job, and which job emits it.",
    &[
        "The output is in the language of Graphviz, for `dot -Tsvg' and its kin, or with --svg a picture, for a browser. \
         Names, conditions and events appear when the pointer rests on them.",
        "With JOB, only these jobs are drawn, with the events that start or stop them or that they emit, and the jobs \
         behind these events.",
    ],
);
pub const USAGE: Description =
    Description::new("Print the usage text of a job.", &["The text comes from the stanza `usage' of the job file."]);
pub const PROBE: Description = Description::new(
    "Run a daemon once and say which expect its job file needs.",
    &[
        "The command runs as in a job, traced, until it is quiet; then it gets SIGTERM, and everything that it started \
         is killed. As root it runs in namespaces of its own: it has its own processes, an empty network with \
         127.0.0.1, and what it writes below /run is thrown away. Other files are those of the system.",
        "The report draws the processes that it makes, names the process that each expect of Upstart would follow, and \
         ends with a verdict: the stanza that is right, which Upstart takes too, or one of Uphold's own if none of \
         Upstart's is right.",
        "The exit code is 1 if the command cannot be run, or fails.",
    ],
);
pub const VERSION: Description = Description::new("Print the version of the running supervisor.", &[]);
pub const LOG_PRIORITY: Description = Description::new(
    "Print or set the lowest priority of the messages that the supervisor logs.",
    &["PRIORITY is one of debug, info, message, warn, error and fatal. A supervisor starts with message; at info it \
         also logs every state of every job, and every event."],
);
pub const LIST_SESSIONS: Description = Description::new(
    "Print the process id and the address of each of your session supervisors.",
    &["Sessions are searched for below $XDG_RUNTIME_DIR, which must be set."],
);
pub const END_SESSION: Description = Description::new(
    "End a session.",
    &["The session's supervisor emits session-end, stops all jobs and exits. A system's supervisor refuses."],
);
pub const RESTART_INIT: Description = Description::new(
    "Replace the supervisor by a new run of its program.",
    &["This is for updates. Jobs go on; events, timers and waiting clients are handed over."],
);
pub const NOTIFY_DISK: Description = Description::new(
    "Report that the disk has become writable.",
    &["The supervisor then writes the job output that it has kept in memory to the log files."],
);
pub const NOTIFY_DBUS: Description = Description::new(
    "Accepted for compatibility, without effect: a D-Bus address.",
    &["The supervisor does not use D-Bus."],
);
pub const NOTIFY_CGROUP: Description = Description::new(
    "Accepted for compatibility, without effect: the address of a cgroup manager.",
    &["The supervisor manages control groups itself."],
);
pub const HELP: Description = Description::new(
    "List the commands, or describe one.",
    &["`initctl help COMMAND' prints what COMMAND --help prints."],
);

const SAFE_REBOOT: &str = "Runs the same steps as shutdown without a delay. With --force, or when the runlevel is \
                           already 0 or 6, the kernel is called directly: jobs of these runlevels use it as their last \
                           step.";

pub const TELINIT: Description = Description::new(
    "Change the runlevel.",
    &[
        "RUNLEVEL is one of 0 to 6, S and s. The supervisor emits the event runlevel with the variables RUNLEVEL and \
         PREVLEVEL, and the change is recorded in utmp and wtmp. The previous runlevel comes from $RUNLEVEL or else \
         from utmp.",
        "Instead of a runlevel, q reads all job files again, and u replaces the supervisor by a new run of its \
         program.",
    ],
);
pub const SERVICE: Description = Description::new(
    "Start, stop, restart, reload a job or a script of /etc/init.d, or print its status.",
    &["ACTION is start, stop, restart, reload, force-reload or status. For a job it is the command of that name; \
         restart is stop and then start, so that a changed job file counts and a job at rest is started, and \
         force-reload is reload. If NAME is no job, the script of that name is run, from the directory / and with no \
         other variables than LANG, PATH and TERM."],
);
pub const RUNLEVEL: Description = Description::new(
    "Print the previous and the current runlevel.",
    &["They are taken from $PREVLEVEL and $RUNLEVEL if these are set, otherwise from the file UTMP, by default \
       /var/run/utmp. N stands for no previous runlevel. If no runlevel is known, `unknown' is printed and the exit \
       code is 1."],
);
pub const SHUTDOWN: Description = Description::new(
    "Shut the system down.",
    &[
        "TIME is hh:mm, +MINUTES, or now. Logged-in users get a warning with MESSAGE, repeated until the time has \
         come. In the last five minutes no user but root can log in.",
        "Without an option that says what comes after the shutdown, the system enters maintenance, which is runlevel \
         1.",
    ],
);
pub const REBOOT: Description = Description::new("Reboot the system.", &[SAFE_REBOOT]);
pub const HALT: Description = Description::new("Halt the system.", &[SAFE_REBOOT]);
pub const POWEROFF: Description = Description::new("Power the system off.", &[SAFE_REBOOT]);
