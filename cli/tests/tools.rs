//! The programs that the binary is under other names: telinit, runlevel, shutdown, reboot, init-checkconf.

mod kit;

use kit::{Folder, INITCTL, Ran, Server, initctl, ran, run};
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use uphold_core::bytes::Strings;
use uphold_core::control::{Refusal, Reply, Request};
use uphold_initctl::utmp::{self, Files, Kind};

/// Links to the binary under all names, and record files for them.
struct Bench {
    folder: Folder,
    files: Files,
}

impl Bench {
    fn new() -> Self {
        let folder = Folder::new();
        for tool in uphold_initctl::tools::TOOLS {
            symlink(INITCTL, folder.path(tool.name)).unwrap();
        }
        let files = Files { utmp: folder.path("utmp"), wtmp: folder.path("wtmp") };
        fs::write(&files.utmp, "").unwrap();
        fs::write(&files.wtmp, "").unwrap();
        Bench { folder, files }
    }

    fn tool(&self, name: &str) -> Command {
        initctl(self.folder.path(name))
    }

    /// Runs a program with these record files, and with a supervisor that expects these requests.
    fn converse(&self, line: &[&str], talk: Vec<(Request<'static>, Reply<'static>)>) -> Ran {
        let socket = self.folder.path("control");
        let server = Server::answering(UnixListener::bind(&socket).unwrap(), talk);
        let mut command = self.tool(line[0]);
        command.arg("--socket").arg(&socket).arg("--utmp").arg(&self.files.utmp);
        command.arg("--wtmp").arg(&self.files.wtmp).args(&line[1..]);
        let result = run(&mut command);
        server.end();
        fs::remove_file(socket).unwrap();
        result
    }

    fn records(&self, path: &Path) -> Vec<(Kind, String, i32)> {
        let records = utmp::read(path).unwrap().into_iter();
        records.map(|record| (record.kind, String::from_utf8(record.user).unwrap(), record.pid)).collect()
    }
}

fn runlevel_event(environment: &'static [u8]) -> (Request<'static>, Reply<'static>) {
    (Request::Emit { event: b"runlevel", environment: Strings(environment), wait: false }, Reply::Done)
}

#[test]
fn telinit_emits_runlevel_and_records_it() {
    let bench = Bench::new();
    let first = runlevel_event(b"RUNLEVEL=5\0PREVLEVEL=N\0");
    assert_eq!(bench.converse(&["init", "5"], vec![first]), ran("", "", 0));
    let second = runlevel_event(b"RUNLEVEL=S\0PREVLEVEL=5\0A=1\0B=\0");
    assert_eq!(bench.converse(&["telinit", "-e", "A=1", "s", "--env=B="], vec![second]), ran("", "", 0));
    let boot = (Kind::BootTime, "reboot".into(), 0);
    let level =
        |previous: u8, level: u8| (Kind::RunLevel, "runlevel".into(), i32::from(previous) * 256 + i32::from(level));
    assert_eq!(bench.records(&bench.files.utmp), [boot.clone(), level(b'5', b'S')], "the current state");
    assert_eq!(bench.records(&bench.files.wtmp), [boot, level(b'N', b'5'), level(b'5', b'S')], "the history");
    assert_eq!(run(bench.tool("runlevel").arg(&bench.files.utmp)), ran("5 S\n", "", 0));
    let (third, _) = runlevel_event(b"RUNLEVEL=5\0PREVLEVEL=S\0");
    let third = (third, Reply::Error(Refusal::PermissionDenied));
    assert_eq!(bench.converse(&["telinit", "5"], vec![third]), ran("", "telinit: Permission denied\n", 1));
}

#[test]
fn telinit_reloads_and_reexecutes() {
    let bench = Bench::new();
    for (word, request) in [
        ("q", Request::ReloadConfiguration),
        ("Q", Request::ReloadConfiguration),
        ("u", Request::Reexecute),
        ("U", Request::Reexecute),
    ] {
        assert_eq!(bench.converse(&["telinit", word], vec![(request, Reply::Done)]), ran("", "", 0), "{word}");
    }
    assert_eq!(bench.records(&bench.files.wtmp), []);
}

#[test]
fn telinit_wants_a_runlevel() {
    let bench = Bench::new();
    let table: [(&[&str], &str); 6] = [
        (&["init"], "missing runlevel"),
        (&["init", "9"], "illegal runlevel: 9"),
        (&["telinit", "55"], "illegal runlevel: 55"),
        (&["telinit", ""], "illegal runlevel: "),
        (&["telinit", "--bogus"], "invalid option: --bogus"),
        (&["telinit", "-e"], "missing argument: -e"),
    ];
    for (line, text) in table {
        let err = format!("{0}: {text}\nTry `{0} --help' for more information.\n", line[0]);
        assert_eq!(run(bench.tool(line[0]).args(&line[1..])), ran("", &err, 1), "{line:?}");
    }
}

#[test]
fn the_runlevel_comes_from_the_environment_or_utmp_or_is_unknown() {
    let bench = Bench::new();
    let unknown = run(bench.tool("runlevel").arg(&bench.files.utmp));
    assert_eq!(unknown, ran("unknown\n", "", 1));
    assert_eq!(run(bench.tool("runlevel").arg("/nonexistent")), ran("unknown\n", "", 1));
    bench.files.write_runlevel(None, b'2').unwrap();
    let runlevel = |variables: &[(&str, &str)]| {
        run(bench.tool("runlevel").arg(&bench.files.utmp).envs(variables.iter().copied())).out
    };
    assert_eq!(runlevel(&[]), "N 2\n");
    assert_eq!(runlevel(&[("RUNLEVEL", "3")]), "N 3\n");
    assert_eq!(runlevel(&[("RUNLEVEL", "3"), ("PREVLEVEL", "2")]), "2 3\n");
    assert_eq!(runlevel(&[("PREVLEVEL", "1")]), "N 2\n");
}

#[test]
fn a_record_is_as_the_c_library_has_it() {
    let bench = Bench::new();
    bench.files.write_runlevel(Some(b'2'), b'6').unwrap();
    let bytes = fs::read(&bench.files.wtmp).unwrap();
    assert_eq!(bytes.len(), 2 * utmp::SIZE);
    let record = &bytes[utmp::SIZE..];
    assert_eq!(record[..8], [1, 0, 0, 0, b'6', b'2', 0, 0], "kind and runlevels");
    assert_eq!((&record[8..10], &record[40..44], &record[44..53]), (&b"~\0"[..], &b"~~\0\0"[..], &b"runlevel\0"[..]));
    let read = utmp::read(&bench.files.wtmp).unwrap();
    assert_eq!(read[1].to_bytes()[..], *record, "nothing is lost");
    let age = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().abs_diff(read[1].time);
    assert!(age.as_secs() < 60, "{age:?}");
    // A record that was cut off is overwritten, and a file that does not exist is not created.
    fs::write(&bench.files.wtmp, &bytes[..utmp::SIZE + 7]).unwrap();
    fs::remove_file(&bench.files.utmp).unwrap();
    bench.files.write_shutdown().unwrap();
    bench.files.write_runlevel(None, b'0').unwrap();
    let users: Vec<String> = bench.records(&bench.files.wtmp).into_iter().map(|(_, user, _)| user).collect();
    assert_eq!(users, ["reboot", "shutdown", "runlevel"]);
    assert!(!bench.files.utmp.exists());
}

#[test]
fn shutdown_reboot_halt_and_poweroff_change_the_runlevel() {
    #[rustfmt::skip]
    let table: [(&[&str], &[u8]); 11] = [
        (&["shutdown", "-r", "now"],           b"RUNLEVEL=6\0PREVLEVEL=N\0"),
        (&["shutdown", "-h", "+0", "a", "b"],  b"RUNLEVEL=0\0PREVLEVEL=N\0"),
        (&["shutdown", "-hH", "now"],          b"RUNLEVEL=0\0PREVLEVEL=N\0INIT_HALT=HALT\0"),
        (&["shutdown", "now", "-P"],           b"RUNLEVEL=0\0PREVLEVEL=N\0INIT_HALT=POWEROFF\0"),
        (&["shutdown", "now"],                 b"RUNLEVEL=1\0PREVLEVEL=N\0"),
        (&["reboot"],                          b"RUNLEVEL=6\0PREVLEVEL=N\0"),
        (&["reboot", "-p"],                    b"RUNLEVEL=6\0PREVLEVEL=N\0"),
        (&["halt"],                            b"RUNLEVEL=0\0PREVLEVEL=N\0INIT_HALT=HALT\0"),
        (&["halt", "-p"],                      b"RUNLEVEL=0\0PREVLEVEL=N\0INIT_HALT=POWEROFF\0"),
        (&["poweroff", "-d", "-i"],            b"RUNLEVEL=0\0PREVLEVEL=N\0INIT_HALT=POWEROFF\0"),
        (&["poweroff", "--verbose"],           b"RUNLEVEL=0\0PREVLEVEL=N\0INIT_HALT=POWEROFF\0"),
    ];
    for (line, environment) in table {
        let bench = Bench::new();
        assert_eq!(bench.converse(line, vec![runlevel_event(environment)]), ran("", "", 0), "{line:?}");
    }
}

#[test]
fn what_shutdown_does_not_do() {
    let bench = Bench::new();
    let wrong = |line: &[&str]| run(bench.tool("shutdown").args(line)).err;
    assert!(wrong(&["-r"]).starts_with("shutdown: time expected\nTry `shutdown --help'"));
    assert!(wrong(&["-r", "later"]).starts_with("shutdown: illegal time value\nTry `shutdown --help'"));
    // Only a warning is sent, and no supervisor is needed.
    let warned =
        run(bench.tool("shutdown").args(["-k", "+3", "--socket=/nonexistent"]).arg("--utmp").arg(&bench.files.utmp));
    assert_eq!(warned, ran("", "", 0));
    let mut recorded = bench.tool("reboot");
    recorded.args(["--wtmp-only", "--socket=/nonexistent", "--wtmp"]).arg(&bench.files.wtmp);
    assert_eq!(run(&mut recorded), ran("", "", 0));
    assert_eq!(bench.records(&bench.files.wtmp), [(Kind::RunLevel, "shutdown".into(), 0)]);
}

fn job(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let path = folder.path(name);
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn files_are_checked_without_a_supervisor() {
    let bench = Bench::new();
    let good = job(&bench.folder, "good.conf", "description \"x\"\nscript\n  if true; then :; fi\nend script\n");
    let bad = job(&bench.folder, "bad.conf", "start on x\n\nbogus\n");
    let signal = job(&bench.folder, "signal.conf", "kill signal NOSUCH\n");
    let shell = job(&bench.folder, "shell.conf", "pre-start script\n  if true\nend script\n");
    let over = job(&bench.folder, "over.conf", "exec true\n");
    job(&bench.folder, "over.override", "manual\nrespawn limit\n");
    let (ok, error) = (
        |path: &Path| format!("File {}: syntax ok\n", path.display()),
        |path: &Path, line: &str| {
            let name = path.file_name().unwrap().display();
            format!("ERROR: File {}: syntax invalid:\ninit:{name}{line}\n", path.display())
        },
    );
    let check = |files: &[&Path]| run(bench.tool("init-checkconf").args(files));
    assert_eq!(check(&[&good]), ran(&ok(&good), "", 0));
    assert_eq!(check(&[&bad, &good]), ran(&ok(&good), &error(&bad, ":3: Unknown stanza"), 1));
    let illegal = ": Error while loading configuration file: Illegal signal status, expected integer";
    assert_eq!(check(&[&signal]), ran("", &error(&signal, illegal), 1));
    let overridden = check(&[&over]);
    let expected = format!("ERROR: File {}: syntax invalid:\ninit:over.override:2: Expected token\n", over.display());
    assert_eq!(overridden, ran("", &expected, 1));
    let shelled = check(&[&shell]);
    let begin = format!("ERROR: File {}: shell syntax invalid in pre-start section:\n/bin/sh: 4: ", shell.display());
    assert!(shelled.err.starts_with(&begin) && shelled.code == 1 && shelled.out.is_empty(), "{shelled:?}");
    let unscripted = run(bench.tool("init-checkconf").args(["--debug", "--noscript", "-f"]).arg(&shell));
    assert_eq!(unscripted, ran(&ok(&shell), "", 0));
    let missing = check(&[Path::new("/nonexistent")]);
    assert_eq!(missing, ran("", "ERROR: File /nonexistent does not exist\n", 1));
    let other = job(&bench.folder, "other.txt", "exec true\n");
    assert_eq!(check(&[&other]), ran("", "ERROR: File must end in .conf\n", 1));
    // Row 17 of the corners (issue 10): a mistake in a stanza comes before one in a script.
    let both = job(&bench.folder, "both.conf", "pre-start script\n  if true\nend script\nbogus\n");
    assert_eq!(check(&[&both]), ran("", &error(&both, ":4: Unknown stanza"), 1));
    let beside = job(&bench.folder, "beside.conf", "script\n  if true\nend script\n");
    job(&bench.folder, "beside.override", "bogus\n");
    let file = beside.display();
    let expected = format!("ERROR: File {file}: syntax invalid:\ninit:beside.override:1: Unknown stanza\n");
    assert_eq!(check(&[&beside]), ran("", &expected, 1));
    // The same as a command of initctl.
    assert_eq!(run(initctl(INITCTL).arg("check-conf").arg(&good)), ran(&ok(&good), "", 0));
    assert_eq!(run(initctl(INITCTL).args(["-q", "check-conf"]).arg(&good)), ran("", "", 0));
    assert_eq!(check(&[]), ran("", "ERROR: Must specify configuration file\n", 1));
}
