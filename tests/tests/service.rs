//! `service`: the words of Ubuntu's wrapper for jobs, and for scripts of /etc/init.d.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use uphold_tests::system::first::is_possible;
use uphold_tests::system::processes::Signal;
use uphold_tests::system::programs::built;
use uphold_tests::system::{Folder, Launch, Ran, run, run_within, skipped};

const JOBS: &[(&str, &str)] = &[
    ("web", concat!("exec ", env!("CARGO_BIN_EXE_daemon"), " ignore HUP\n")),
    ("many", "instance $N\nexec sleep 1000\n"),
    ("hooked", "pre-start exec false\nexec sleep 1000\n"),
];

/// The program under its other name.
fn link(folder: &Folder) -> std::path::PathBuf {
    let link = folder.path("service");
    symlink(&built().initctl, &link).expect("a link");
    link
}

#[test]
fn the_words_for_jobs_do_what_the_commands_do() {
    let system = Launch::new(JOBS).start();
    let program = link(system.folder());
    let service = |words: &[&str]| -> Ran {
        let mut command = Command::new(&program);
        command.arg("--socket").arg(system.socket()).args(words);
        run(command)
    };
    let running = |ran: &Ran, job: &str| {
        assert!(
            ran.out.lines().last().is_some_and(|line| line.starts_with(&format!("{job} start/running, process "))),
            "{ran:?}"
        );
        assert_eq!(ran.code, 0, "{ran:?}");
        system.main_process("web")
    };
    let started = running(&service(&["web", "start"]), "web");
    assert!(started.is_some());
    // Salt looks for this.
    assert!(service(&["web", "status"]).out.contains("start/running"));
    let again = service(&["web", "start"]);
    assert_eq!((again.err.as_str(), again.code), ("start: Job is already running: web\n", 1));
    let restarted = service(&["web", "restart"]);
    assert_eq!(restarted.out.lines().next(), Some("web stop/waiting"));
    assert!(running(&restarted, "web") != started && restarted.err.is_empty(), "{restarted:?}");
    let full = service(&["web", "--full-restart"]);
    running(&full, "web");
    assert_eq!((service(&["web", "reload"]).code, service(&["web", "stop"]).out.as_str()), (0, "web stop/waiting\n"));
    // A restart starts a job at rest, and says that there was nothing to stop.
    let from_rest = service(&["web", "restart"]);
    running(&from_rest, "web");
    assert_eq!(from_rest.err, "stop: Unknown instance: \n");
    running(&service(&["many", "start", "N=a"]), "many (a)");
    let failed = service(&["hooked", "start"]);
    assert_eq!((failed.err.as_str(), failed.code), ("start: Job failed to start\n", 1));
    let all = service(&["--status-all"]).out;
    for line in [" [ - ]  hooked", " [ + ]  many (a)", " [ + ]  web"] {
        assert!(all.lines().any(|said| said == line), "{line} is not in\n{all}");
    }
    let unknown = service(&["nosuch", "start"]);
    let hint = "There is no job nosuch, and no script /etc/init.d/nosuch.";
    assert_eq!((unknown.err, unknown.code), (format!("nosuch: unrecognized service\n{hint}\n"), 1));
    let wrong = service(&["web", "dance"]);
    let words = "start, stop, restart, reload, force-reload, status";
    assert!(wrong.err.starts_with(&format!("service: dance is none of {words}\n")) && wrong.code == 1, "{wrong:?}");
    assert!(service(&["web"]).err.starts_with("service: missing name of a job, or action"));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_script_runs_as_while_the_system_boots() {
    if !is_possible() {
        return;
    }
    if !std::path::Path::new("/etc/init.d").is_dir() {
        return skipped("there is no /etc/init.d over which another one could be mounted");
    }
    let folder = Folder::new();
    let script = "#!/bin/sh\necho \"$1 $2 in $PWD, LANG=$LANG SECRET=$SECRET\"; test \"$1\" != fail\n";
    let script = folder.script("daemon", script);
    let said = |words: &str| -> Ran {
        let program = folder.path("service");
        let mount = format!("mount -t tmpfs none /etc/init.d && cp {} /etc/init.d/daemon", script.display());
        let service = format!("{} --socket {}/none {words}", program.display(), folder.path("").display());
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &format!("{mount} && {service}")]);
        command.current_dir("/tmp").env("SECRET", "x").env("LANG", "C");
        run_within(command, Duration::from_secs(60))
    };
    link(&folder);
    let started = said("daemon start now");
    assert_eq!((started.out.as_str(), started.code), ("start now in /, LANG=C SECRET=\n", 0), "{started:?}");
    assert_eq!(said("daemon fail").code, 1);
    assert_eq!(said("daemon --full-restart").out, "stop  in /, LANG=C SECRET=\nstart  in /, LANG=C SECRET=\n");
    assert_eq!(said("--status-all").out, " [ ? ]  daemon\n");
    assert_eq!(said("../daemon start").code, 1);
}
