//! The page on compatibility: behaviour like that of Upstart 1.13.2, better behaviour, and absent features.

use uphold_core::conf::{Role, stanza_rows};
use uphold_initctl::command::COMMANDS;
use uphold_initctl::options::Origin;
use uphold_linux::boot::options;
use uphold_tests::system::programs::workspace;

use super::{code, table};

/// Deliberate differences from Upstart, each with the scenario or test that checks it.
const BETTER: &[(&str, &str, &str)] = &[
    (
        "a main process that has exited without init being notified (a helper that was taken for the daemon and reaped by its parent)",
        "`stop` sees that the signal reaches no process, and continues; Upstart stays in stop/killed for ever",
        "`tests/scenarios/expect-fork-helper.txt`",
    ),
    (
        "a daemon that another process reaps, or leaves unreaped",
        "its exit is noticed at once, with its status, and a process that reuses its pid gets no signal; Upstart never notices the exit",
        "`tests/tests/pidfds.rs::an_end_is_noticed_whoever_reaps_it_and_how_is_told`",
    ),
    (
        "`respawn` of a daemon that dies before it is ready, and `start` of a job that is to be respawned",
        "the job is started again; Upstart shows it as running without a process",
        "`tests/scenarios/main-dies-before-it-is-ready.txt`",
    ),
    ("`kill timeout 0`", "SIGKILL follows at once; Upstart's init aborts", "`tests/scenarios/kill-timeout-zero.txt`"),
    (
        "re-exec while a kill timer runs",
        "the timer continues; Upstart's init aborts",
        "`tests/tests/reexec.rs::a_kill_timeout_runs_on`",
    ),
    (
        "clients that wait during a re-exec",
        "they keep their connection and get their reply; Upstart drops them",
        "`tests/tests/reexec.rs::clients_that_wait_are_answered`",
    ),
    (
        "`export` of a class with instances over a re-exec",
        "it is kept; Upstart loses it",
        "`tests/tests/reexec.rs::services_keep_their_processes_and_are_still_looked_after`",
    ),
    (
        "`restart` of a job that has a pre-stop process",
        "the job is restarted; Upstart cancels the stop and reports a restart",
        "`tests/scenarios/restart-with-pre-stop.txt`",
    ),
    (
        "`unset-env NAME`",
        "only NAME is removed; Upstart also removes names that NAME begins with",
        "`tests/tests/variables.rs::unset_env_removes_the_variable_of_that_name_and_no_other`",
    ),
    (
        "`setuid` without `setgid`",
        "the supplementary groups are the user's; Upstart leaves group 0 among them",
        "`linux-shim/tests/spawn/set_up.rs::users_get_their_own_groups_and_not_ours`",
    ),
    (
        "blanks before a backslash, in a command line or a quoted word (`exec sh -c \"echo \\\"hello\\\"\"`, `env A=\"x \\$y\"`)",
        "they stay as they are written; Upstart replaces the first blank by a backslash, so that the shell or the program gets another text",
        "`tests/tests/job_files/corners.rs::blanks_before_a_backslash_stay`",
    ),
    (
        "a number beyond 32 bits in `nice`, `oom`, `oom score`, `umask` or the count of `respawn limit`",
        "the job file is refused, with the message for a number out of range; Upstart keeps the lower 32 bits, so that `nice 4294967296` \
         means 0 and `respawn limit 4294967296 5` means `unlimited`",
        "`tests/tests/job_files/corners.rs::numbers_that_do_not_fit_are_refused_last`",
    ),
    (
        "an `instance` variable that an event does not have",
        "the job is skipped, and this is logged; Upstart skips every later job for that event",
        "`tests/scenarios/instance-missing-variable.txt`",
    ),
    (
        "a zero byte in a job file",
        "the file is refused, with the line of the byte; Upstart has no message for it",
        "`tests/tests/better.rs::a_file_with_a_zero_byte_is_refused_as_a_whole`",
    ),
    (
        "`post-start exec` of a program that is missing",
        "init logs it, and the job runs, each time; in Upstart the job's state depends on which of two reports comes first",
        "`tests/tests/better.rs::a_post_start_that_cannot_be_run_changes_nothing`",
    ),
    (
        "a `start on` that is half true when init is re-executed",
        "it stays so, and the client that emitted the event waits on and gets its reply; in Upstart that client is dropped",
        "`tests/tests/better.rs::a_condition_that_is_half_true_stays_so_over_a_re_exec`",
    ),
    (
        "a re-exec whose state cannot be read",
        "jobs run on with the processes that bear their names; in Upstart these processes belong to no job",
        "`tests/tests/reexec.rs::a_state_that_cannot_be_read_is_done_without`",
    ),
    (
        "an instance name that is not ASCII",
        "it is a name like any other; Upstart's init crashes",
        "`tests/tests/better.rs::instance_names_need_not_be_ascii`",
    ),
    (
        "`initctl --session`, `--system` and `--dest`",
        "they need no D-Bus: `--system` chooses the supervisor of the system, the others are accepted without effect; in Upstart they \
         choose a bus and a name on it, and fail where there is none",
        "`cli/tests/initctl.rs::each_command_sends_its_request_and_prints_its_reply`",
    ),
    (
        "timers",
        "they expire when they are due; Upstart's expire up to a second early",
        "`tests/scenarios/kill-escalation.txt`",
    ),
    (
        "jobs that start each other, or themselves, for ever without a process in between",
        "each start waits a moment, up to a second, and the log names the jobs; Upstart runs in the circle as fast as it can",
        "`tests/tests/circles.rs::a_program_that_is_missing_starts_its_own_job`",
    ),
    (
        "a job that stops, or starts, by an event for which it waits itself",
        "the event does not wait for the job; in Upstart both wait for ever",
        "`tests/scenarios/circle-of-waits.txt`",
    ),
    (
        "a broken `.override`",
        "none of it applies, and the job file does; Upstart applies the part before the error",
        "`tests/tests/shim_behaviour.rs::a_broken_override_changes_nothing`",
    ),
    (
        "wording that comes from D-Bus",
        "`Unable to connect to Upstart` is followed by the system's own error text",
        "`cli/tests/connection.rs::a_missing_or_deaf_socket_is_reported`",
    ),
    (
        "job output that cannot be written",
        "it is kept up to the bound that `--log-buffer` sets, and dropped bytes are counted; Upstart's memory grows",
        "`tests/tests/shim_behaviour.rs::output_waits_for_its_directory_within_the_bound`",
    ),
    (
        "`stop` of a job that is not ready yet (start/spawned)",
        "the daemon is killed at once; Upstart waits until it is ready or dies, for ever if it does neither",
        "`tests/tests/waits.rs::a_daemon_that_is_not_ready_is_stopped_at_once`",
    ),
    (
        "a daemon that never does what `expect` says, and is idle",
        "it is assumed to be ready, and the log says which stanza is right; Upstart waits for ever",
        "`tests/tests/waits.rs::with_strict_expect_what_is_wrong_is_said_and_left`",
    ),
    (
        "a main process of a job with `expect` or `respawn` that exits with status 0 at once, or before it is ready, and leaves a process behind",
        "that process is adopted, and the log says which stanza is right; Upstart ends or respawns the job and loses the process",
        "`tests/tests/never_lose.rs::every_shape_with_every_setting`",
    ),
    (
        "processes that outlive their job",
        "init logs them; Upstart logs nothing",
        "`tests/tests/never_lose.rs::every_shape_with_every_setting`",
    ),
    (
        "a `start`, `stop` or `restart` that takes longer than ten seconds",
        "standard error says which process, event or job is waited for; Upstart prints nothing",
        "`tests/tests/waits.rs::who_waits_for_long_is_told_for_what`",
    ),
    (
        "an `emit` that takes longer than ten seconds",
        "standard error says which job holds the event; Upstart prints nothing",
        "`tests/tests/waits.rs::a_client_that_emits_is_told_what_holds_its_event`",
    ),
    (
        "a `stop` that hangs in a hook or in another job",
        "`stop --force` ends it, and `hook timeout` bounds hooks; Upstart has no equivalent",
        "`tests/tests/waits.rs::stop_by_force_waits_for_no_hook`",
    ),
];

/// Stanzas that need a note.
const STANZA_NOTES: &[(&str, &str, &str)] = &[
    (
        "import",
        "ours",
        "of ChromeOS: a job with it takes only these variables and `UPSTART_*` from start and stop events; \
                        conditions and instance names see all variables, and those given to `initctl start` are not filtered",
    ),
    (
        "tmpfiles",
        "ours",
        "of ChromeOS: `systemd-tmpfiles --create FILE...` runs before the job's first process; if it fails, that process exits \
                          with status 255; if it is not installed, this is logged once and the job runs",
    ),
    (
        "cgroup",
        "better",
        "works on cgroup v2 without a manager: one group per job below init's own, by default `JOB[-INSTANCE]` with `/` as \
                          `_`. Translated: cpu shares → cpu.weight, cfs_quota_us → cpu.max, memory limit_in_bytes → memory.max, \
                          soft_limit_in_bytes → memory.high, blkio weight → io.weight, freezer state → cgroup.freeze; anything else \
                          is written to CONTROLLER.KEY. Without cgroup v2 the stanza is ignored, and this is logged once",
    ),
    (
        "apparmor load",
        "same",
        "`/sbin/apparmor_parser -r -W PROFILE` runs before the job's first process; ignored where AppArmor is off. \
                               Not tested with a kernel that has AppArmor",
    ),
    (
        "apparmor switch",
        "same",
        "main process only; ignored where AppArmor is off. Not tested with a kernel that has AppArmor",
    ),
    ("pid file", "ours", "a daemon is ready when it has written its process id there; see readiness.md"),
    ("start timeout", "ours", "a daemon that is not ready by then has failed; see following.md"),
    ("kill scope", "ours", "`job`: every process of the job ends at `stop` and before a respawn; see following.md"),
    ("hook timeout", "ours", "a pre-start, post-start, pre-stop or post-stop process gets SIGKILL after this time"),
    ("watchdog", "ours", "a daemon that has not sent `WATCHDOG=1` for this time gets SIGABRT"),
    (
        "instance limit",
        "ours",
        "how many instances the job may have; `instance limit` alone names an instance, as in Upstart",
    ),
    ("respawn retry", "ours", "a job that was respawned too fast is tried again after this time; see respawn.md"),
    ("respawn delay", "ours", "the pauses before respawns, which grow from MIN to MAX seconds; see respawn.md"),
    ("expect", "better", "`notify`, `fd` and `auto` are ours; a wrong one is repaired, see following.md"),
    ("kill timeout", "better", "0 is allowed"),
    ("setuid", "better", "group 0 is not kept"),
];

/// Options of `init` that need another note than their help.
const OPTION_NOTES: &[(&str, &str, &str)] = &[
    (
        "no-dbus",
        "absent",
        "accepted without effect: there is no connection to a bus that it could prevent, and clients reach init with it and without",
    ),
    (
        "session",
        "absent",
        "accepted without effect: there is no D-Bus session bus that init could be reached by; see `--socket`",
    ),
    (
        "write-state-file",
        "absent",
        "accepted without effect: Upstart writes the state to a file when it is re-executed, for debugging; see `initctl restart-init`",
    ),
];

/// The events of starting(7), started(7), stopping(7), stopped(7), startup(7), control-alt-delete(7),
/// keyboard-request(7), power-status-changed(7) and runlevel(7), and the events that the bridges emit.
const EVENTS: &[(&str, &str, &str)] = &[
    ("`starting`, `started`, `stopping`, `stopped`", "same", "variables in Upstart's order"),
    ("`EVENT/failed`", "same", ""),
    ("`startup`", "same", "`--startup-event`, `--no-startup-event`"),
    ("`runlevel`", "same", "emitted by `telinit`"),
    ("`control-alt-delete`, `keyboard-request`, `power-status-changed`", "same", "signals to process 1"),
    ("`session-end`", "same", "user mode"),
    (
        "`:sys:…`, `:dbus:…`, `socket`, `file`, `*-device-*`",
        "absent",
        "they come from bridges, which are separate programs and need D-Bus",
    ),
];

const VARIABLES: &[(&str, &str, &str)] = &[
    ("`UPSTART_JOB`, `UPSTART_INSTANCE`", "same", ""),
    ("`UPSTART_EVENTS`, `UPSTART_STOP_EVENTS`", "same", ""),
    ("`UPSTART_SESSION`", "same", "names the control socket in Upstart's form"),
    ("`JOB`, `INSTANCE`, `RESULT`, `PROCESS`, `EXIT_STATUS`, `EXIT_SIGNAL`", "same", "variables of job events"),
    ("`RUNLEVEL`, `PREVLEVEL`", "same", "variables of `runlevel`"),
    ("`UPSTART_FDS`", "absent", "passing a descriptor with an event needs D-Bus"),
    ("`UPSTART_CGROUP`", "same", "in the `cgroup` stanza"),
    ("`UPSTART_CONFDIR`, `UPSTART_LOGDIR`", "absent", "undocumented in init(8); `--confdir` and `--logdir` do it"),
];

const ABSENT: &[(&str, &str)] = &[
    ("D-Bus interface", "clients use the control protocol; `initctl` is the same"),
    ("bridges (udev, dconf, socket, file, D-Bus)", "separate programs"),
    ("`--chroot-sessions`", "accepted without effect: a job can `chroot`"),
    ("`init.conf`", "read and checked; no stanzas of jobs are allowed in it"),
    (
        "`initctl` with arguments of more than 144 KiB together",
        "refused, with the bound in the message: a bound keeps the memory of clients small, and any single argument fits",
    ),
];

fn three(list: &[(&str, &str, &str)]) -> Vec<Vec<String>> {
    list.iter().map(|(a, b, c)| vec![a.to_string(), b.to_string(), c.to_string()]).collect()
}

fn stanzas() -> String {
    let all = stanza_rows().map(|row| {
        let noted = STANZA_NOTES.iter().find(|note| note.0 == row.name);
        let (verdict, note) = match (noted, row.role) {
            (Some(&(_, verdict, note)), _) => (verdict, note),
            (None, Role::ActedOn) => ("same", ""),
            (None, Role::Information) => ("same", "text for people and tools"),
        };
        vec![code(row.name), verdict.into(), note.into()]
    });
    table(&["stanza", "", "note"], all)
}

fn option_rows() -> String {
    let all = options::rows().map(|(name, help, ours)| {
        let noted = OPTION_NOTES.iter().find(|note| note.0 == name);
        let (verdict, note) = match (help.split_once(':'), noted) {
            _ if ours => ("ours", help),
            (_, Some((_, verdict, note))) => (*verdict, *note),
            (Some(("ignored", _)), _) => ("absent", help),
            _ => ("same", help),
        };
        vec![code(&format!("--{name}")), verdict.into(), note.into()]
    });
    table(&["option", "", "what it does"], all)
}

fn commands() -> String {
    let all = COMMANDS.iter().map(|command| {
        let verdict = if command.origin == Origin::Uphold { "ours" } else { "same" };
        vec![code(command.name), verdict.into(), command.description.summary.into()]
    });
    table(&["command", "", "what it does"], all)
}

pub fn page() -> String {
    let absent = ABSENT.iter().map(|(what, why)| vec![what.to_string(), why.to_string()]);
    format!(
        "<!-- Generated; see docs/architecture.md. -->\n\n# Compatibility with Upstart 1.13.2\n\n*same*: as in Upstart, measured on \
         recorded transcripts. *better*: different on purpose. *ours*: Upstart does not have it. *absent*: Uphold does not have it.\n\n\
         ## Better on purpose\n\n{}\n## Stanzas of init(5)\n\n{}\n## Options of init(8)\n\n{}\n## Commands of initctl(8)\n\n{}\n\
         ## Events\n\n{}\n## Environment variables\n\n{}\n## Absent\n\n{}",
        table(&["what", "what Uphold does, and what Upstart does", "checked by"], three(BETTER)),
        stanzas(),
        option_rows(),
        commands(),
        table(&["event", "", "note"], three(EVENTS)),
        table(&["variable", "", "note"], three(VARIABLES)),
        table(&["what", "why"], absent),
    )
}

/// Every note is about an existing stanza, and every scenario or test that is named exists.
#[test]
fn notes_name_what_exists() {
    let root = workspace();
    for (_, _, holder) in BETTER {
        let holder = holder.trim_matches('`');
        let (path, function) = holder.split_once("::").unwrap_or((holder, ""));
        let text = std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        let is_test = path.ends_with(".rs") && text.contains(&format!("#[test]\nfn {function}() {{"));
        assert!(is_test || path.ends_with(".txt"), "{holder} is no test");
    }
    for (option, ..) in OPTION_NOTES {
        assert!(options::rows().any(|row| row.0 == *option), "{option} is no option");
    }
    for (stanza, ..) in STANZA_NOTES {
        assert!(stanza_rows().any(|row| row.name == *stanza), "{stanza} is no stanza");
    }
}
