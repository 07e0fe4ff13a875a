//! What Uphold does as Upstart 1.13.2, better, or not at all.

use uphold_core::conf::{Role, rows};
use uphold_initctl::command::{COMMANDS, Group};
use uphold_linux::options;

use super::{code, table};

/// What is done otherwise than by Upstart, and where that is held.
const BETTER: &[(&str, &str, &str)] = &[
    (
        "a main process whose pid is dead, though nobody told init (a helper that was taken for the daemon and reaped by its parent)",
        "`stop` sees that the signal reaches nobody, and goes on; Upstart stays in stop/killed for ever",
        "`tests/scenarios/expect-fork-helper.txt`",
    ),
    (
        "a daemon that another process reaps, or leaves unreaped",
        "its end is noticed at once, with its status, and whoever gets its pid is not signalled; Upstart never hears of it",
        "`tests/tests/pidfds.rs`",
    ),
    (
        "`respawn` of a daemon that dies before it is ready, and `start` of a job that is to be respawned",
        "the job is started again; Upstart shows it as running without a process",
        "`tests/scenarios/main-dies-before-it-is-ready.txt`",
    ),
    ("`kill timeout 0`", "SIGKILL follows at once; Upstart's init aborts", "`tests/scenarios/kill-timeout-zero.txt`"),
    ("re-exec while a kill timer runs", "the timer goes on; Upstart's init aborts", "`tests/tests/reexec.rs`"),
    (
        "clients that wait over a re-exec",
        "they keep their connection and are answered; Upstart drops them",
        "`tests/tests/reexec.rs`",
    ),
    ("`export` of a class with instances over a re-exec", "it is kept; Upstart loses it", "`tests/tests/reexec.rs`"),
    (
        "`restart` of a job that has a pre-stop process",
        "the job is restarted; Upstart calls the stop off and says it was restarted",
        "`tests/scenarios/restart-with-pre-stop.txt`",
    ),
    (
        "`unset-env NAME`",
        "only NAME goes; Upstart also removes names that NAME begins with",
        "`tests/tests/shim_behaviour.rs`",
    ),
    (
        "`setuid` without `setgid`",
        "the supplementary groups are the user's; Upstart leaves group 0 among them",
        "`linux-shim/tests/spawn/set_up.rs`",
    ),
    (
        "an `instance` variable that an event does not have",
        "the job is passed over and said; Upstart skips every later job for that event",
        "`tests/scenarios/instance-missing-variable.txt`",
    ),
    (
        "timers",
        "they fire when they are due; Upstart's are up to a second early",
        "`tests/scenarios/kill-escalation.txt`",
    ),
    (
        "a broken `.override`",
        "none of it applies, and the job file does; Upstart applies what stands before the error",
        "`tests/tests/shim_behaviour.rs`",
    ),
    (
        "wording that comes from D-Bus",
        "`Unable to connect to Upstart` says why in the system's words",
        "`cli/tests/connection.rs`",
    ),
    (
        "job output that cannot be written",
        "kept within a bound that `--log-buffer` sets, and what is dropped is counted; Upstart grows",
        "`tests/tests/shim_behaviour.rs`",
    ),
    (
        "`stop` of a job that is not ready yet (start/spawned)",
        "the daemon is killed at once; Upstart waits until it is ready or dies, for ever if it does neither",
        "`tests/tests/waits.rs`",
    ),
    (
        "a daemon that never does what `expect` says, and is idle",
        "it is taken to be ready, and the log says which stanza is right; Upstart waits for ever",
        "`tests/tests/waits.rs`",
    ),
    (
        "a main process of a job with `expect` or `respawn` that ends with status 0 at once, or before it is ready, and leaves a process",
        "that process is adopted, and the log says which stanza is right; Upstart ends or respawns the job and loses the process",
        "`tests/tests/never_lose.rs`",
    ),
    (
        "processes that outlive their job",
        "init's log tells of them; Upstart says nothing",
        "`tests/tests/never_lose.rs`",
    ),
    (
        "a `start`, `stop` or `restart` that takes longer than ten seconds",
        "standard error says which process, event or job is waited for; Upstart says nothing",
        "`tests/tests/waits.rs`",
    ),
    (
        "a `stop` that hangs in a hook or in another job",
        "`stop --force` ends it, and `hook timeout` bounds hooks; Upstart has no way",
        "`tests/tests/waits.rs`",
    ),
];

/// Stanzas about which there is more to say.
const STANZA_NOTES: &[(&str, &str, &str)] = &[
    (
        "import",
        "ours",
        "of ChromeOS: once a job has it, only these variables and `UPSTART_*` are taken from start and stop events; \
                        conditions and instance names see all, and what `initctl start` gives is given",
    ),
    (
        "tmpfiles",
        "ours",
        "of ChromeOS: `systemd-tmpfiles --create FILE...` runs before the job's first process, which ends with status \
                          255 if it fails; if it is not installed, that is said once and the job runs",
    ),
    (
        "cgroup",
        "better",
        "works on cgroup v2 without a manager: one group a job below init's own, by default `JOB[-INSTANCE]` with `/` as \
                          `_`. Translated: cpu shares → cpu.weight, cfs_quota_us → cpu.max, memory limit_in_bytes → memory.max, \
                          soft_limit_in_bytes → memory.high, blkio weight → io.weight, freezer state → cgroup.freeze; anything else \
                          is written to CONTROLLER.KEY. Without cgroup v2 the stanza is ignored, and that is said once",
    ),
    (
        "apparmor load",
        "same",
        "`/sbin/apparmor_parser -r -W PROFILE` runs before the job's first process; ignored where AppArmor is off. \
                               Not tried with a kernel that has it",
    ),
    (
        "apparmor switch",
        "same",
        "main process only; ignored where AppArmor is off. Not tried with a kernel that has it",
    ),
    ("start timeout", "ours", "a daemon that is not ready by then has failed; see following.md"),
    ("hook timeout", "ours", "a pre-start, post-start, pre-stop or post-stop process gets SIGKILL then"),
    ("watchdog", "ours", "a daemon that has not said `WATCHDOG=1` for so long gets SIGABRT"),
    ("expect", "better", "`notify`, `fd` and `auto` are ours; a wrong one is repaired, see following.md"),
    ("kill timeout", "better", "0 is allowed"),
    ("setuid", "better", "group 0 is not kept"),
];

/// The events of starting(7), started(7), stopping(7), stopped(7), startup(7), control-alt-delete(7), keyboard-request(7),
/// power-status-changed(7), runlevel(7), and those that the bridges emit.
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
        "they come from bridges, which are programs of their own and need D-Bus",
    ),
];

const VARIABLES: &[(&str, &str, &str)] = &[
    ("`UPSTART_JOB`, `UPSTART_INSTANCE`", "same", ""),
    ("`UPSTART_EVENTS`, `UPSTART_STOP_EVENTS`", "same", ""),
    ("`UPSTART_SESSION`", "same", "names the control socket in Upstart's form"),
    ("`JOB`, `INSTANCE`, `RESULT`, `PROCESS`, `EXIT_STATUS`, `EXIT_SIGNAL`", "same", "variables of job events"),
    ("`RUNLEVEL`, `PREVLEVEL`", "same", "variables of `runlevel`"),
    ("`UPSTART_FDS`", "absent", "a descriptor handed over with an event needs D-Bus"),
    ("`UPSTART_CGROUP`", "same", "in the `cgroup` stanza"),
    ("`UPSTART_CONFDIR`, `UPSTART_LOGDIR`", "absent", "undocumented in init(8); `--confdir` and `--logdir` do it"),
];

const ABSENT: &[(&str, &str)] = &[
    ("D-Bus interface", "clients speak the control protocol; `initctl` is the same"),
    ("bridges (udev, dconf, socket, file, D-Bus)", "programs of their own"),
    ("`--chroot-sessions`", "accepted without effect: a job can `chroot`"),
    ("`init.conf`", "read and checked; its jobs' stanzas are not allowed there"),
];

fn three(list: &[(&str, &str, &str)]) -> Vec<Vec<String>> {
    list.iter().map(|(a, b, c)| vec![a.to_string(), b.to_string(), c.to_string()]).collect()
}

fn stanzas() -> String {
    let all = rows().map(|row| {
        let noted = STANZA_NOTES.iter().find(|note| note.0 == row.name);
        let (verdict, note) = match (noted, row.role) {
            (Some(&(_, verdict, note)), _) => (verdict, note),
            (None, Role::ActedOn) => ("same", ""),
            (None, Role::Information) => ("same", "text for people and tools"),
            (None, Role::ParsedOnly) => ("absent", "read and checked, without effect"),
        };
        vec![code(row.name), verdict.into(), note.into()]
    });
    table(&["stanza", "", "note"], all)
}

fn option_rows() -> String {
    let all = options::rows().map(|(name, help)| {
        let verdict = if help.is_empty() { "ours, or accepted" } else { "same" };
        vec![code(&format!("--{name}")), verdict.into(), help.into()]
    });
    table(&["option", "", "what it does"], all)
}

fn commands() -> String {
    let all = COMMANDS.iter().map(|command| {
        let verdict = if command.group == Group::Ours { "ours" } else { "same" };
        vec![code(command.name), verdict.into(), command.summary.into()]
    });
    table(&["command", "", "what it does"], all)
}

pub fn page() -> String {
    let absent = ABSENT.iter().map(|(what, why)| vec![what.to_string(), why.to_string()]);
    format!(
        "<!-- Generated; see docs/architecture.md. -->\n\n# Compatibility with Upstart 1.13.2\n\n*same*: as the original, measured on \
         recorded transcripts. *better*: otherwise on purpose. *ours*: Upstart does not have it. *absent*: not there.\n\n\
         ## Better on purpose\n\n{}\n## Stanzas of init(5)\n\n{}\n## Options of init(8)\n\n{}\n## Commands of initctl(8)\n\n{}\n\
         ## Events\n\n{}\n## Environment variables\n\n{}\n## Absent\n\n{}",
        table(&["what", "what Uphold does, and what Upstart does", "held by"], three(BETTER)),
        stanzas(),
        option_rows(),
        commands(),
        table(&["event", "", "note"], three(EVENTS)),
        table(&["variable", "", "note"], three(VARIABLES)),
        table(&["what", "why"], absent),
    )
}

/// Every note is about a stanza that there is, and whoever holds a difference exists.
#[test]
fn notes_name_what_exists() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (_, _, holder) in BETTER {
        let path = root.join(holder.trim_matches('`'));
        assert!(path.exists(), "{holder} is not there");
    }
    for (stanza, ..) in STANZA_NOTES {
        assert!(rows().any(|row| row.name == *stanza), "{stanza} is no stanza");
    }
}
