//! The programs that run, and their setting: commands, scripts, descriptors, consoles, PATH and environment.

use crate::kit::{Bench, ROOM, await_some, exit_of, plan, root, settings, text};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fmt::Write as _;
use std::fs;
use std::os::fd::AsFd;
use uphold_core::conf::Console;
use uphold_core::{Exit, Signal, SpawnError, SpawnStage};
use uphold_linux::conf::command::Command;
use uphold_linux::conf::settings::TextSetting;
use uphold_linux::watch::kill::signal_group;

#[test]
fn the_shell_is_used_as_upstart_uses_it() {
    let mut bench = Bench::new();
    let none = settings(|_| ());
    let (exit, seen) = bench.run(Command::Script(b"tr '\\0' ' ' < /proc/$$/cmdline > $OUT\n"), &none);
    assert_eq!(
        (exit, seen.as_str()),
        (Exit::Status(0), "/bin/sh -e -c tr '\\0' ' ' < /proc/$$/cmdline > $OUT /bin/sh ")
    );
    let script = "echo \"arg0=$0 args=$*\" > $OUT\ntr '\\0' ' ' < /proc/$$/cmdline >> $OUT\n\
                  test -e /proc/$$/fd/9 || echo closed >> $OUT\necho \"flags $-\" >> $OUT\n";
    let (exit, seen) = bench.run(Command::Script(script.as_bytes()), &none);
    assert_eq!(exit, Exit::Status(0));
    assert_eq!(seen, "arg0=/proc/self/fd/9 args=\n/bin/sh -e /proc/self/fd/9 closed\nflags e\n");
    assert_eq!(bench.run(Command::Script(b"false\ntrue\n"), &none).0, Exit::Status(1));
    assert_eq!(bench.run(Command::Script(b"exit 7\n"), &none).0, Exit::Status(7));
    assert_eq!(bench.run(Command::Exec(b"/no/such/program $HOME"), &none).0, Exit::Status(127));
    let (_, seen) = bench.run(Command::Exec(b"echo one > $OUT; echo two >> $OUT"), &none);
    assert_eq!(seen, "one\n", "exec binds only to the first command");
    let file = bench.directory.join("script");
    fs::write(&file, "echo \"$0 $1 $2\" > $OUT\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let file = file.to_str().unwrap();
    let (exit, seen) = bench.run(Command::Exec(format!("{file} a b").as_bytes()), &none);
    assert_eq!((exit, seen), (Exit::Status(0), format!("{file} a b\n")), "a script without #! is the shell's");
}

#[test]
fn a_script_may_be_larger_than_a_pipe() {
    let mut bench = Bench::new();
    let mut script = String::new();
    for number in 0..20_000 {
        writeln!(script, "n={number} # {}", "x".repeat(20)).unwrap();
    }
    script.push_str("echo $n > $OUT\n");
    assert!(script.len() > 500_000);
    let (exit, seen) = bench.run(Command::Script(script.as_bytes()), &settings(|_| ()));
    assert_eq!((exit, seen.as_str()), (Exit::Status(0), "19999\n"));
}

#[test]
fn a_script_can_be_read_by_the_user_it_runs_as() {
    if !root("setuid") {
        return;
    }
    let mut bench = Bench::new();
    let nobody = text(TextSetting::Setuid, "nobody");
    assert_eq!(bench.run(Command::Script(b":\nexit 7\n"), &nobody).0, Exit::Status(7));
}

#[test]
fn no_descriptor_is_inherited() {
    let mut bench = Bench::new();
    // One that exec would not close, low, and many that it would.
    let stray = fs::File::open("/dev/null").unwrap();
    let inheritable = nix::unistd::dup(&stray).unwrap();
    let many: Vec<_> = (0..300).map(|_| fs::File::open("/dev/null").unwrap()).collect();
    let none = settings(|_| ());
    let script = b"for n in 0 1 2 3 4 5 6 7 8 9 10 11 12 13 300; do\n\
                   if [ -e /proc/$$/fd/$n ]; then a=\"$a$n \"; fi; done; echo $a > $OUT\n";
    let (_, seen) = bench.run(Command::Script(script), &none);
    // The shell holds the script on a descriptor of its own.
    assert!(matches!(seen.trim_end(), "0 1 2 10" | "0 1 2"), "{seen}");
    let pid = bench.launch(Command::Script(b":\nexec sleep 1000\n"), |_| ()).unwrap();
    let list = || {
        let mut list: Vec<_> = fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        list.sort();
        list
    };
    await_some("no more than three", || (list() == ["0", "1", "2"]).then_some(()));
    assert!(signal_group(pid, Signal::TERM).unwrap());
    assert_eq!(exit_of(pid), Exit::Signal(15));
    drop((many, inheritable));
}

#[test]
fn consoles_lead_where_they_should() {
    let mut bench = Bench::new();
    let script = b"for n in 0 1 2; do a=$a$(readlink /proc/$$/fd/$n):; done; echo $a > $OUT\n";
    let (_, seen) = bench.run(Command::Script(script), &settings(|_| ()));
    assert_eq!(seen, "/dev/null:/dev/null:/dev/null:\n");
    let log = memfd_create(c"log", MFdFlags::MFD_CLOEXEC).unwrap();
    let logged = settings(|settings| settings.console = Console::Log);
    let pid = bench
        .launch(Command::Script(b"readlink /proc/$$/fd/0\nreadlink /proc/$$/fd/2 >&2\n"), |plan| {
            (plan.settings, plan.log) = (&logged, Some(log.as_fd()));
        })
        .unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
    let mut written = [0u8; 200];
    let length = nix::sys::uio::pread(&log, &mut written, 0).unwrap();
    assert_eq!(std::str::from_utf8(&written[..length]).unwrap(), "/dev/null\n/memfd:log (deleted)\n");
    let console = settings(|settings| settings.console = Console::Output);
    let (_, seen) = bench.run(Command::Script(script), &console);
    assert!(["/dev/console:", "/dev/null:"].iter().any(|device| seen == device.repeat(3) + "\n"), "{seen}");
}

#[test]
fn the_job_s_own_path_and_environment_count() {
    let mut bench = Bench::new();
    let tool = bench.directory.join("tool");
    fs::write(&tool, "#!/bin/sh\nenv > $OUT\n").unwrap();
    fs::set_permissions(&tool, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let denied = bench.directory.join("denied");
    fs::create_dir(&denied).unwrap();
    fs::write(denied.join("tool"), "").unwrap();
    fs::write(denied.join("other"), "").unwrap();
    let none = settings(|_| ());
    let path = format!("PATH={0}/denied::/no/such:{0}:/bin", bench.directory.to_str().unwrap());
    let out = format!("OUT={}", bench.out().to_str().unwrap());
    let mut launch = |program: &[u8]| {
        bench.spawner.begin();
        bench.spawner.variable(&[path.as_bytes()]);
        bench.spawner.variable(&[out.as_bytes()]);
        bench.spawner.variable(&[b"A=", b"b=c d"]);
        bench.spawner.launch(&plan(Command::Exec(program), &none)).map_err(|failed| failed.error)
    };
    let pid = launch(b"tool").unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
    assert_eq!(launch(b"other"), Err(SpawnError { stage: SpawnStage::Execute, code: libc::EACCES }));
    let mut seen: Vec<_> = fs::read_to_string(bench.out()).unwrap().lines().map(str::to_owned).collect();
    seen.retain(|line| !line.starts_with("PWD=") && !line.starts_with("_=") && !line.starts_with("SHLVL="));
    seen.sort();
    assert_eq!(seen, ["A=b=c d".to_owned(), out.clone(), path.clone()]);
}

#[test]
fn too_much_is_an_answer() {
    let mut bench = Bench::new();
    let none = settings(|_| ());
    let long = vec![b'x'; ROOM.text];
    assert_eq!(bench.failure(Command::Exec(&long), &none), (SpawnStage::Execute, libc::E2BIG));
    bench.spawner.begin();
    bench.spawner.variable(&[&long]);
    let too_big = Err(SpawnError { stage: SpawnStage::Execute, code: libc::E2BIG });
    assert_eq!(bench.spawner.launch(&plan(Command::Exec(b"true"), &none)).map_err(|failed| failed.error), too_big);
    bench.spawner.begin();
    for number in 0..=ROOM.count {
        bench.spawner.variable(&[format!("V{number}=").as_bytes()]);
    }
    assert_eq!(bench.spawner.launch(&plan(Command::Exec(b"true"), &none)).map_err(|failed| failed.error), too_big);
    // And the next one is made as if nothing had been.
    let pid = bench.launch(Command::Exec(b"true"), |_| ()).unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
}
