//! The preparations of a process: helpers before it, its control group, AppArmor, its limit of open files.

use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::LazyLock;

use uphold_core::conf::Console;
use uphold_core::{Exit, Signal, SpawnError, SpawnStage};
use uphold_linux::conf::cgroup_stanza::Cgroup;
use uphold_linux::conf::command::Command;
use uphold_linux::conf::settings::TextSetting;
use uphold_linux::containment::cgroup::Cgroups;
use uphold_linux::launch::open_files::OpenFiles;
use uphold_linux::launch::preparation::Helper;
use uphold_linux::launch::spawn::Spawner;
use uphold_linux::watch::kill::signal_one;
use uphold_linux::watch::reap::{ChangeKind, ChildChange, next_change};

use crate::kit::{Bench, ROOM, await_change, await_some, exit_of, root, settings, text};

fn shell(arguments: &[u8]) -> Option<Helper<'_>> {
    Some(Helper { program: c"/bin/sh", arguments })
}

#[test]
fn helpers_run_first_and_nobody_waits_for_them() {
    let mut bench = Bench::new();
    // The first one waits for what is written when the supervisor goes on, for a minute.
    let first = b"-c\0n=0; until [ -e $OUT.go ]; do n=$((n + 1)); [ $n -lt 6000 ] || exit; sleep 0.01; done; echo one >> $OUT\0";
    let helpers = [shell(first), shell(b"-c\0echo two $0 >> $OUT\0word with blanks\0")];
    let pid = bench.launch(Command::Exec(b"echo three >> $OUT"), |plan| plan.helpers = helpers).unwrap();
    assert!(!bench.out().exists(), "the supervisor waited");
    fs::write(bench.out().with_extension("go"), "").unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
    assert_eq!(fs::read_to_string(bench.out()).unwrap(), "one\ntwo word with blanks\nthree\n");
}

#[test]
fn a_process_that_nobody_waits_for_has_its_descriptors() {
    let mut bench = Bench::new();
    let logged = settings(|settings| settings.console = Console::Log);
    let commands = [
        (Command::Script(b": two lines\necho script > $OUT\n"), "script\n"),
        (Command::Exec(b"echo log"), "log\n"),
        (Command::Exec(b"sh -c 'echo ready >&7'"), "ready\n"),
    ];
    for (helpers, stops) in [([shell(b"-c\0:\0"), None], false), ([shell(b"-c\0:\0"); 2], false), ([None; 2], true)] {
        for (command, words) in commands {
            let (mut log, log_end) = std::io::pipe().unwrap();
            let (mut ready, ready_end) = std::io::pipe().unwrap();
            let pid = bench.launch(command, |plan| {
                (plan.settings, plan.helpers, plan.stop_before_exec) = (&logged, helpers, stops);
                (plan.log, plan.ready) = (Some(log_end.as_fd()), Some((ready_end.as_fd(), 7)));
            });
            let pid = pid.unwrap();
            drop((log_end, ready_end));
            if stops {
                assert_eq!(await_change(next_change), ChildChange { pid, kind: ChangeKind::Stopped(Signal::STOP) });
                assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
            }
            assert_eq!(exit_of(pid), Exit::Status(0), "{words}");
            let mut seen = fs::read_to_string(bench.out()).unwrap_or_default();
            log.read_to_string(&mut seen).unwrap();
            ready.read_to_string(&mut seen).unwrap();
            assert_eq!(seen, words);
            let _ = fs::remove_file(bench.out());
        }
    }
}

#[test]
fn without_its_helpers_a_program_does_not_run() {
    for helper in
        [shell(b"-c\0exit 3\0"), shell(b"-c\0kill -9 $$\0"), Some(Helper { program: c"/none", arguments: b"" })]
    {
        let mut bench = Bench::new();
        let pid = bench.launch(Command::Exec(b"touch $OUT"), |plan| plan.helpers[0] = helper).unwrap();
        assert_eq!(exit_of(pid), Exit::Status(255), "{helper:?}");
        assert!(!bench.out().exists());
    }
}

#[test]
fn the_limit_of_open_files_goes_back_unless_the_job_sets_it() {
    let mut bench = Bench::new();
    bench.spawner = Spawner::new(ROOM, Some(OpenFiles { soft: 321, hard: 654 })).unwrap();
    assert_eq!(bench.output("ulimit -Sn; ulimit -Hn", &settings(|_| ())), "321\n654\n");
}

#[test]
fn a_profile_is_switched_to_only_where_there_are_profiles() {
    let mut bench = Bench::new();
    let confined = text(TextSetting::Profile, "exec unconfined");
    assert_eq!(bench.run(Command::Exec(b"true"), &confined).0, Exit::Status(0));
    if Path::new("/sys/module/apparmor").exists() {
        return println!("skipped: where there is AppArmor, its profiles are what is switched to");
    }
    let error = bench.launch(Command::Exec(b"true"), |plan| (plan.settings, plan.confined) = (&confined, true));
    assert_eq!(error.unwrap_err().stage, SpawnStage::Profile);
}

fn group(words: &[&[&[u8]]]) -> Cgroup {
    let mut group = Cgroup::default();
    words.iter().for_each(|words| group.take(words));
    group
}

/// A name that no other test has, also none that runs at the same time.
static NAME: LazyLock<String> = LazyLock::new(|| format!("uphold-test-{}", std::process::id()));

/// A job's variables, and the name.
fn variables(name: &[u8]) -> Option<&'static [u8]> {
    match name {
        b"UPSTART_JOB" => Some(b"spawn"),
        b"UPSTART_INSTANCE" => Some(b"a/b"),
        b"NAME" => Some(NAME.as_bytes()),
        _ => None,
    }
}

#[test]
fn a_process_is_in_its_group_which_goes_when_it_is_empty() {
    let mut bench = Bench::new();
    let mut groups = Cgroups::new();
    let named = group(&[&[b"freezer", b"/$NAME/$UPSTART_CGROUP"]]);
    let entrance = match groups.prepare(&named, variables) {
        Ok(Some(entrance)) => entrance.to_owned(),
        Ok(None) => return println!("skipped: there are no control groups of version 2"),
        Err(SpawnError { code: libc::EACCES | libc::EROFS, .. }) => {
            return println!("skipped: control groups may not be made here");
        }
        Err(error) => panic!("{error:?}"),
    };
    let directory = Path::new(entrance.to_str().unwrap()).parent().unwrap().to_owned();
    assert!(directory.ends_with(format!("{}/spawn-a_b", *NAME)), "{directory:?}");
    let pid = bench.launch(Command::Exec(b"sleep 100"), |plan| plan.cgroup = Some(&entrance)).unwrap();
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    assert!(own.lines().any(|line| line.ends_with(&format!("/{}/spawn-a_b", *NAME))), "{own}");
    groups.changed();
    assert!(directory.exists(), "it is not empty");
    signal_one(pid, Signal::KILL).unwrap();
    exit_of(pid);
    await_some("the end of the empty group", || {
        groups.changed();
        (!directory.exists()).then_some(())
    });
    fs::remove_dir(directory.parent().unwrap()).unwrap();
}

#[test]
fn a_group_that_cannot_be_had_says_why() {
    let _bench = Bench::new();
    if !root("making control groups") {
        return;
    }
    let mut groups = Cgroups::new();
    let table: [(&[&[u8]], SpawnStage, i32); 3] = [
        (&[b"no-such-controller"], SpawnStage::CgroupController, libc::ENODEV),
        (&[b"freezer", b"$NAME-2", b"no-such-key", b"1"], SpawnStage::CgroupSettings, libc::ENOENT),
        (&[b"freezer", b"../out"], SpawnStage::CgroupSettings, libc::EINVAL),
    ];
    for (words, stage, code) in table {
        match groups.prepare(&group(&[words]), variables) {
            Ok(None) => return println!("skipped: there is no cgroup version 2"),
            result => assert_eq!(result, Err(SpawnError { stage, code }), "{words:?}"),
        }
    }
    // A group that no process has entered stays until one has left it.
    for below in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        let _ = fs::remove_dir(Path::new(below).join(format!("{}-2", *NAME)));
    }
}
