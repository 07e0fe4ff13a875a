//! The environment commands, `log-priority`, the notify commands and `list-sessions`.

mod kit;

use kit::{Folder, INITCTL, converse, converse_as, initctl, ran, run};
use std::process::Command;
use uphold_core::bytes::Strings;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_core::{EnvTable, Priority};

/// Requests and their replies, in order.
type Talk = Vec<(Request<'static>, Reply<'static>)>;

const OWN: EnvTable<'static> = EnvTable::Job { job: b"a", instance: b"one" };

fn inside(command: &mut Command) {
    command.env("UPSTART_JOB", "a").env("UPSTART_INSTANCE", "one");
}

fn get(table: EnvTable<'static>, name: &'static [u8]) -> Request<'static> {
    Request::GetEnvironment { table, name }
}

fn set(table: EnvTable<'static>, entry: &'static [u8], replace: bool) -> (Request<'static>, Reply<'static>) {
    (Request::SetEnvironment { table, entry, replace }, Reply::Done)
}

fn unset(table: EnvTable<'static>, name: &'static [u8]) -> (Request<'static>, Reply<'static>) {
    (Request::UnsetEnvironment { table, name }, Reply::Done)
}

fn page(from: u32, next: Option<u32>, entries: &'static [u8]) -> (Request<'static>, Reply<'static>) {
    let request = Request::ListEnvironment { table: EnvTable::Global, from };
    (request, Reply::Variables { next, entries: Strings(entries) })
}

#[test]
fn each_command_sends_its_requests() {
    const GLOBAL: EnvTable<'static> = EnvTable::Global;
    #[rustfmt::skip]
    let table: Vec<(&[&str], Talk, &str)> = vec![
        (&["get-env", "PATH", "X"],            vec![(get(GLOBAL, b"PATH"), Reply::Text(b"/bin"))],                          "/bin\n"),
        (&["get-env", "EMPTY"],                vec![(get(GLOBAL, b"EMPTY"), Reply::Text(b""))],                             "\n"),
        (&["get-env", "-q", "PATH"],           vec![(get(GLOBAL, b"PATH"), Reply::Text(b"/bin"))],                          ""),
        (&["set-env", "A=1"],                  vec![set(GLOBAL, b"A=1", true)],                                             ""),
        (&["set-env", "-r", "A=1", "B", "C="], vec![set(GLOBAL, b"A=1", false), set(GLOBAL, b"B", false), set(GLOBAL, b"C=", false)], ""),
        (&["set-env", "--retain", "-g", "A"],  vec![set(GLOBAL, b"A", false)],                                              ""),
        (&["unset-env", "A", "B"],             vec![unset(GLOBAL, b"A"), unset(GLOBAL, b"B")],                              ""),
        (&["reset-env"],                       vec![(Request::ResetEnvironment { table: GLOBAL }, Reply::Done)],            ""),
        (&["list-env"],                        vec![page(0, Some(2), b"Z=1\0B=\0"), page(2, None, b"A=x=y\0BA=2\0")],        "A=x=y\nB=\nBA=2\nZ=1\n"),
        (&["list-env", "--global", "-q"],      vec![page(0, None, b"Z=1\0")],                                               ""),
        (&["list-env"],                        vec![page(0, None, b"")],                                                    ""),
        (&["log-priority"],                    vec![(Request::LogPriority, Reply::Priority(Priority::Message))],            "message\n"),
        (&["log-priority", "info", "extra"],   vec![(Request::SetLogPriority(Priority::Info), Reply::Done)],                ""),
        (&["log-priority", "fatal"],           vec![(Request::SetLogPriority(Priority::Fatal), Reply::Done)],               ""),
        (&["notify-disk-writeable"],           vec![(Request::NotifyDiskWriteable, Reply::Done)],                           ""),
        (&["notify-dbus-address", "unix:x"],   vec![(Request::NotifyDbusAddress(b"unix:x"), Reply::Done)],                  ""),
        (&["notify-cgroup-manager-address", "u"], vec![(Request::NotifyCgroupManagerAddress(b"u"), Reply::Done)],           ""),
        (&["end-session"],                     vec![(Request::EndSession, Reply::Done)],                                    ""),
        (&["restart-init"],                    vec![(Request::Reexecute, Reply::Done)],                                     ""),
    ];
    for (arguments, talk, out) in table {
        assert_eq!(converse(arguments, talk), ran(out, "", 0), "initctl {arguments:?}");
    }
}

#[test]
fn in_a_job_it_is_that_jobs_environment_unless_global_is_given() {
    let global = get(EnvTable::Global, b"X");
    assert_eq!(converse_as(inside, &["get-env", "X"], vec![(get(OWN, b"X"), Reply::Text(b"1"))]), ran("1\n", "", 0));
    assert_eq!(converse_as(inside, &["get-env", "-g", "X"], vec![(global, Reply::Text(b"2"))]), ran("2\n", "", 0));
    assert_eq!(
        converse_as(inside, &["set-env", "X=1", "Y"], vec![set(OWN, b"X=1", true), set(OWN, b"Y", true)]).code,
        0
    );
    assert_eq!(converse_as(inside, &["unset-env", "X"], vec![unset(OWN, b"X")]).code, 0);
    let list = Request::ListEnvironment { table: OWN, from: 0 };
    let entries = Reply::Variables { next: None, entries: Strings(b"B=\0A=1\0") };
    assert_eq!(converse_as(inside, &["list-env"], vec![(list, entries)]), ran("A=1\nB=\n", "", 0));
    let empty = |command: &mut Command| {
        command.env("UPSTART_JOB", "").env("UPSTART_INSTANCE", "");
    };
    let nobodys = get(EnvTable::Job { job: b"", instance: b"" }, b"TERM");
    let err = "initctl: Job may not be empty string\n";
    assert_eq!(
        converse_as(empty, &["get-env", "TERM"], vec![(nobodys, Reply::Error(Refusal::EmptyJob))]),
        ran("", err, 1)
    );
    let err = "initctl: missing job name\nTry `initctl --help' for more information.\n";
    for command in [&["get-env", "A"][..], &["set-env", "A"], &["unset-env", "A"], &["list-env"], &["reset-env"]] {
        assert_eq!(run(initctl(INITCTL).args(command).env("UPSTART_JOB", "a")), ran("", err, 1), "{command:?}");
    }
}

#[test]
fn refusals_and_what_is_missing() {
    let refused = |refusal| vec![(set(EnvTable::Global, b"A=1", true).0, Reply::Error(refusal))];
    let err = "initctl: Not permissible to modify PID 1 job environment\n";
    // The second variable is not tried.
    assert_eq!(converse(&["set-env", "A=1", "B=2"], refused(Refusal::NotInSystem)), ran("", err, 1));
    let talk = vec![(get(EnvTable::Global, b""), Reply::Error(Refusal::EmptyVariable))];
    assert_eq!(converse(&["get-env", ""], talk), ran("", "initctl: Variable may not be empty string\n", 1));
    let err = "initctl: The log priority given was not recognised\n";
    assert_eq!(converse(&["log-priority", "loud"], vec![]), ran("", err, 1));
    // Row 11 of the differences to Upstart: without a supervisor, that is what is reported.
    let unreached = run(initctl(INITCTL).args(["--socket", "/no/socket", "log-priority", "loud"]));
    assert!(unreached.err.starts_with("initctl: Unable to connect to Upstart: "), "{unreached:?}");
    let dbus = vec![(Request::NotifyDbusAddress(b"x"), Reply::Error(Refusal::NoBusInSystem))];
    let err = "initctl: Not permissible to notify D-Bus address for PID 1\n";
    assert_eq!(converse(&["notify-dbus-address", "x"], dbus), ran("", err, 1));
    #[rustfmt::skip]
    let missing = [
        ("get-env",                       "variable name"),
        ("set-env",                       "variable value"),
        ("unset-env",                     "variable name"),
        ("notify-dbus-address",           "D-Bus address"),
        ("notify-cgroup-manager-address", "address"),
    ];
    for (command, what) in missing {
        let err = format!("initctl: missing {what}\nTry `initctl --help' for more information.\n");
        assert_eq!(run(initctl(INITCTL).arg(command)), ran("", &err, 1), "{command}");
    }
}

#[test]
fn sessions_are_listed_while_they_live() {
    let folder = Folder::new();
    let sessions = folder.below("upstart/sessions");
    let own = std::process::id();
    std::fs::write(sessions.join(format!("{own}.session")), "UPSTART_SESSION=unix:abstract=/x/1\n").unwrap();
    std::fs::write(sessions.join("4194999.session"), "UPSTART_SESSION=unix:abstract=/x/2\n").unwrap();
    std::fs::write(sessions.join("junk"), "UPSTART_SESSION=unix:abstract=/x/3\n").unwrap();
    std::fs::write(sessions.join("1.session"), "").unwrap();
    let list = |directory| run(initctl(INITCTL).arg("list-sessions").env("XDG_RUNTIME_DIR", directory));
    assert_eq!(list(folder.0.clone()), ran(&format!("{own} unix:abstract=/x/1\n"), "", 0));
    let err = "initctl: Unable to query session directory\n";
    assert_eq!(list(folder.path("nowhere")), ran("", err, 1));
    assert_eq!(list(folder.below("nobody")), ran("", "", 0));
    assert_eq!(run(initctl(INITCTL).arg("list-sessions")), ran("", err, 1));
}
