//! Processes as the kernel makes them: set-up, failures, descriptors, shell rules, tracing, and what it all costs.
//!
//! Every test reaps with waitid(P_ALL), so they take turns. As an ordinary user some are skipped, and say so.

use nix::sys::memfd::{MFdFlags, memfd_create};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;
use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use uphold_core::conf::stanza::Console;
use uphold_core::process::{Exit, Pid, Resource, SpawnError, Stage};
use uphold_core::signal::Signal;
use uphold_linux::command::Command;
use uphold_linux::kill::{signal_group, signal_one};
use uphold_linux::reap::{Change, Kind, Trap, next_change};
use uphold_linux::settings::{Limit, Settings, Text};
use uphold_linux::spawn::{Plan, Room, Spawner};
use uphold_linux::trace::Tracer;

/// Counts what each thread allocates.
struct Counting;

thread_local! {
    /// What this thread has allocated, and the children that borrow its memory with it.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: hands everything through to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as our caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as our caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Settings that only silence the process.
static PLAIN: LazyLock<Settings> = LazyLock::new(|| settings(|_| ()));

static TURN: Mutex<()> = Mutex::new(());

const ROOM: Room = Room { text: 64 * 1024, count: 2048, paths: 16 * 1024 };

/// A spawner, a directory of its own, and the right to reap.
struct Bench {
    spawner: Spawner,
    directory: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    fn new() -> Bench {
        let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("uphold-spawn-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Bench { spawner: Spawner::new(ROOM, None).unwrap(), directory, _turn: turn }
    }

    /// Makes a process with a PATH and `OUT`, a file to write to.
    fn launch<'a>(&mut self, command: Command<'a>, adjust: impl FnOnce(&mut Plan<'a>)) -> Result<Pid, SpawnError> {
        self.spawner.begin();
        self.spawner.variable(&[b"PATH=/usr/bin:/bin"]);
        self.spawner.variable(&[b"OUT=", self.out().as_os_str().as_encoded_bytes()]);
        let mut plan = plan(command, &PLAIN);
        adjust(&mut plan);
        self.spawner.launch(&plan).map_err(|failed| failed.error)
    }

    fn out(&self) -> PathBuf {
        self.directory.join("out")
    }

    /// Runs a command to its end; says how it ended and what it wrote to `$OUT`.
    fn run<'a>(&mut self, command: Command<'a>, settings: &'a Settings) -> (Exit, String) {
        let pid = self.launch(command, |plan| plan.settings = settings).unwrap();
        let exit = exit_of(pid);
        (exit, fs::read_to_string(self.out()).unwrap_or_default())
    }

    /// What a script prints to `$OUT`.
    fn output(&mut self, script: &str, settings: &Settings) -> String {
        let (exit, text) = self.run(Command::Script(format!("{{ {script}; }} > $OUT\n").as_bytes()), settings);
        assert_eq!(exit, Exit::Status(0), "{script}");
        text
    }

    fn failure<'a>(&mut self, command: Command<'a>, settings: &'a Settings) -> (Stage, i32) {
        let error = self.launch(command, |plan| plan.settings = settings).unwrap_err();
        assert_eq!(next_change(), None, "a process that was never made is nobody's child");
        (error.stage, error.code)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn plan<'a>(command: Command<'a>, settings: &'a Settings) -> Plan<'a> {
    Plan { command, settings, log: None, trace: false, stop_before_exec: false, helpers: [None; 2], confined: false, cgroup: None, system_mode: true }
}

fn settings(adjust: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    settings.console = Console::None;
    adjust(&mut settings);
    settings
}

fn text(which: Text, value: &str) -> Settings {
    settings(|settings| settings.set(which, value.as_bytes()).unwrap())
}

/// The next change, however long it takes.
fn await_change(mut next: impl FnMut() -> Option<Change>) -> Change {
    let start = Instant::now();
    loop {
        if let Some(change) = next() {
            return change;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "nothing happened");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn exit_of(pid: Pid) -> Exit {
    loop {
        match await_change(next_change) {
            Change { pid: ended, kind: Kind::Exited(exit) } if ended == pid => return exit,
            other => assert_ne!(other.pid, pid, "{other:?}"),
        }
    }
}

fn root(why: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: {why} needs root");
    }
    root
}

#[test]
fn failures_name_their_stage() {
    let mut bench = Bench::new();
    let plain = bench.directory.join("plain");
    fs::write(&plain, "hi").unwrap();
    let plain = plain.to_str().unwrap();
    let none = settings(|_| ());
    let limit = Limit { resource: Resource::Nofile, soft: Some(2000), hard: Some(1000) };
    let table: Vec<(&str, Settings, Stage, i32)> = vec![
        ("/no/such/program", none.clone(), Stage::Execute, libc::ENOENT),
        ("no-such-program-on-path arg", none.clone(), Stage::Execute, libc::ENOENT),
        (plain, none.clone(), Stage::Execute, libc::EACCES),
        ("  ", none.clone(), Stage::Execute, libc::ENOENT),
        ("true", text(Text::Chdir, "/no/such/dir"), Stage::Directory, libc::ENOENT),
        ("true", text(Text::Chdir, "/etc/passwd"), Stage::Directory, libc::ENOTDIR),
        ("true", text(Text::Chdir, "relative"), Stage::Directory, libc::ENOENT),
        ("true", text(Text::Chroot, "/no/such/root"), Stage::Root, libc::ENOENT),
        ("true", text(Text::Setuid, "no-such-user"), Stage::FindUser, 0),
        ("true", text(Text::Setuid, "0"), Stage::FindUser, 0),
        ("true", text(Text::Setgid, "no-such-group"), Stage::FindGroup, 0),
        ("true", settings(|settings| settings.set_limit(limit)), Stage::Limit(Resource::Nofile), libc::EINVAL),
        ("true", settings(|settings| settings.oom_score = Some(2000)), Stage::OomAdjustment, libc::EINVAL),
    ];
    for (command, settings, stage, code) in table {
        assert_eq!(
            bench.failure(Command::Exec(command.as_bytes()), &settings),
            (stage, code),
            "{command} {settings:?}"
        );
    }
}

#[test]
fn a_root_without_accounts_fails_every_job() {
    if !root("chroot") {
        return;
    }
    let mut bench = Bench::new();
    let directory = bench.directory.to_str().unwrap().to_owned();
    let empty = text(Text::Chroot, &directory);
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (Stage::FindOwnUser, libc::ENOENT));
    fs::create_dir(bench.directory.join("etc")).unwrap();
    fs::write(bench.directory.join("etc/passwd"), "root:x:0:0:::\ninside:x:4242:4243:::\n").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (Stage::FindOwnGroup, libc::ENOENT));
    fs::write(bench.directory.join("etc/group"), "wheel:x:1:\n").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (Stage::FindOwnGroup, 0));
    fs::write(bench.directory.join("etc/group"), "root:x:0:\n").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &empty), (Stage::Execute, libc::ENOENT));
    let mut outsider = empty.clone();
    outsider.set(Text::Setuid, b"nobody").unwrap();
    assert_eq!(bench.failure(Command::Exec(b"/tool"), &outsider), (Stage::FindUser, 0));
}

#[test]
fn an_ordinary_user_is_refused_stage_by_stage() {
    if !root("becoming an ordinary user") {
        return;
    }
    // Only the effective user changes, and only of this thread: the child checks that one.
    let bench = &mut Bench::new();
    let as_nobody = |call: &mut dyn FnMut()| {
        let set = |uid: u32| {
            // SAFETY: takes numbers.
            let done = unsafe { libc::syscall(libc::SYS_setresuid, -1, uid, -1) };
            assert_eq!(done, 0);
        };
        set(65534);
        call();
        set(0);
    };
    let limit = Limit { resource: Resource::Nofile, soft: Some(99_999_999), hard: Some(99_999_999) };
    let table = [
        (text(Text::Setgid, "daemon"), Stage::SetGroup, libc::EPERM),
        (text(Text::Setuid, "daemon"), Stage::SetGroup, libc::EPERM),
        (settings(|settings| settings.nice = Some(-5)), Stage::Priority, libc::EACCES),
        (settings(|settings| settings.set_limit(limit)), Stage::Limit(Resource::Nofile), libc::EPERM),
        (text(Text::Chroot, "/usr"), Stage::Root, libc::EPERM),
    ];
    for (settings, stage, code) in table {
        as_nobody(&mut || {
            assert_eq!(bench.failure(Command::Exec(b"true"), &settings), (stage, code), "{settings:?}");
        });
    }
}

#[test]
fn settings_reach_the_process() {
    let mut bench = Bench::new();
    let cwd = text(Text::Chdir, "/usr");
    assert_eq!(bench.output("pwd -P", &cwd), "/usr\n");
    assert_eq!(bench.output("pwd -P", &settings(|_| ())), "/\n");
    assert_eq!(bench.output("umask", &settings(|_| ())), "0022\n");
    assert_eq!(bench.output("umask", &settings(|settings| settings.umask = Some(0o27))), "0027\n");
    assert_eq!(bench.output("nice", &settings(|settings| settings.nice = Some(5))), "5\n");
    for score in [0, 7, 123, 1000] {
        let settings = settings(|settings| settings.oom_score = Some(score));
        assert_eq!(bench.output("cat /proc/self/oom_score_adj", &settings), format!("{score}\n"));
    }
    assert_eq!(fs::read_to_string("/proc/self/oom_score_adj").unwrap(), "0\n", "the supervisor keeps its own");
    let limited = settings(|settings| {
        settings.set_limit(Limit { resource: Resource::Nofile, soft: Some(100), hard: Some(200) });
        settings.set_limit(Limit { resource: Resource::Nofile, soft: Some(300), hard: Some(400) });
        settings.set_limit(Limit { resource: Resource::Fsize, soft: Some(1_000_448), hard: None });
    });
    let limits = bench.output("cat /proc/self/limits", &limited);
    let line = |name: &str| {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        line[name.len()..].split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line("Max open files"), "300 400");
    assert_eq!(line("Max file size"), "1000448 unlimited");
    let signals = bench.output("grep -E '^Sig(Blk|Ign)' /proc/self/status", &settings(|_| ()));
    for (line, name) in signals.lines().zip(["SigBlk", "SigIgn"]) {
        assert_eq!(line, format!("{name}:\t0000000000000000"));
    }
    assert_eq!(
        bench.output("echo $(ps -o pgid=,sid= -p $$) $$ | tr ' ' '\\n' | uniq | wc -l", &settings(|_| ())),
        "1\n"
    );
}

#[test]
fn a_session_supervisor_leaves_the_directory() {
    let mut bench = Bench::new();
    let here = std::env::current_dir().unwrap();
    let pid = bench.launch(Command::Script(b"pwd -P > $OUT"), |plan| plan.system_mode = false).unwrap();
    assert_eq!(exit_of(pid), Exit::Status(0));
    assert_eq!(Path::new(fs::read_to_string(bench.out()).unwrap().trim_end()), here);
}

#[test]
fn users_get_their_own_groups_and_not_ours() {
    if !root("setuid") {
        return;
    }
    let mut bench = Bench::new();
    let groups_of = |name: &str| {
        let groups = std::process::Command::new("id").args(["-G", name]).output().unwrap().stdout;
        let mut groups: Vec<u32> =
            String::from_utf8(groups).unwrap().split_whitespace().map(|gid| gid.parse().unwrap()).collect();
        groups.sort();
        groups
    };
    for (user, group) in [(Some("nobody"), None), (Some("daemon"), Some("adm")), (None, Some("adm")), (None, None)] {
        let settings = settings(|settings| {
            user.iter().for_each(|user| settings.set(Text::Setuid, user.as_bytes()).unwrap());
            group.iter().for_each(|group| settings.set(Text::Setgid, group.as_bytes()).unwrap());
        });
        // The output is opened before the user changes hands, so it is no longer root's to open.
        fs::write(bench.out(), "").unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(bench.out(), fs::Permissions::from_mode(0o666)).unwrap();
        fs::set_permissions(&bench.directory, fs::Permissions::from_mode(0o777)).unwrap();
        let seen = bench.output("id -u; id -g; grep ^Groups: /proc/self/status", &settings);
        let mut lines = seen.lines();
        let expect = |name: Option<&str>, flag: &str| {
            let output = std::process::Command::new(if flag == "-u" { "id" } else { "getent" })
                .args(if flag == "-u" {
                    vec!["-u", name.unwrap_or("root")]
                } else {
                    vec!["group", name.unwrap_or("root")]
                })
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.trim().split(':').nth(if flag == "-u" { 0 } else { 2 }).unwrap().to_owned()
        };
        assert_eq!(lines.next().unwrap(), expect(user, "-u"));
        let gid = lines.next().unwrap().to_owned();
        let mut wanted = groups_of(user.unwrap_or("root"));
        if let Some(group) = group {
            assert_eq!(gid, expect(Some(group), "-g"));
            let primary: u32 = {
                let output = std::process::Command::new("id").args(["-g", user.unwrap_or("root")]).output().unwrap();
                String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
            };
            wanted.retain(|&gid| gid != primary);
            wanted.push(gid.parse().unwrap());
        }
        wanted.sort();
        let mut groups: Vec<u32> =
            lines.next().unwrap().split_whitespace().skip(1).map(|gid| gid.parse().unwrap()).collect();
        groups.sort();
        assert_eq!(groups, wanted, "{user:?} {group:?}");
    }
}

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
    let nobody = text(Text::Setuid, "nobody");
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
    let start = Instant::now();
    while list() != ["0", "1", "2"] {
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", list());
    }
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
    assert_eq!(launch(b"other"), Err(SpawnError { stage: Stage::Execute, code: libc::EACCES }));
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
    assert_eq!(bench.failure(Command::Exec(&long), &none), (Stage::Execute, libc::E2BIG));
    bench.spawner.begin();
    bench.spawner.variable(&[&long]);
    let too_big = Err(SpawnError { stage: Stage::Execute, code: libc::E2BIG });
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

#[test]
fn every_way_to_end_is_told() {
    let mut bench = Bench::new();
    let sleep = Command::Exec(b"sleep 1000");
    for number in [1, 9, 15, 34, 64] {
        let pid = bench.launch(sleep, |_| ()).unwrap();
        assert_eq!(signal_one(pid, Signal(number)), Ok(true));
        assert_eq!(exit_of(pid), Exit::Signal(number));
        assert_eq!(signal_one(pid, Signal(number)), Ok(false));
        assert_eq!(signal_group(pid, Signal(number)), Ok(false));
    }
    let pid = bench.launch(sleep, |_| ()).unwrap();
    assert_eq!(signal_one(pid, Signal::STOP), Ok(true));
    assert_eq!(await_change(next_change), Change { pid, kind: Kind::Stopped(Signal::STOP) });
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    assert_eq!(signal_one(pid, Signal::KILL), Ok(true));
    assert_eq!(exit_of(pid), Exit::Signal(9));
    assert_eq!(next_change(), None);
}

#[test]
fn a_group_is_signalled_but_never_everyone() {
    let mut bench = Bench::new();
    let pid = bench.launch(Command::Script(b"sleep 1000 & echo $! > $OUT\nwait\n"), |_| ()).unwrap();
    let start = Instant::now();
    let child: Pid = loop {
        if let Ok(child) = fs::read_to_string(bench.out()).unwrap_or_default().trim().parse() {
            break child;
        }
        assert!(start.elapsed() < Duration::from_secs(5));
    };
    assert_eq!(signal_group(pid, Signal::TERM), Ok(true));
    assert_eq!(exit_of(pid), Exit::Signal(15));
    while fs::read_to_string(format!("/proc/{child}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    for number in [1, u32::MAX, i32::MAX as u32 + 1] {
        assert!(!matches!(signal_one(Pid::new(number).unwrap(), Signal::CONT), Ok(true)), "{number}");
        assert!(!matches!(signal_group(Pid::new(number).unwrap(), Signal::CONT), Ok(true)), "{number}");
    }
}

#[test]
fn a_debugged_process_stops_before_its_program() {
    let mut bench = Bench::new();
    let pid = bench.launch(Command::Exec(b"true"), |plan| plan.stop_before_exec = true).unwrap();
    assert_eq!(await_change(next_change), Change { pid, kind: Kind::Stopped(Signal::STOP) });
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    assert_eq!(exit_of(pid), Exit::Status(0));
    let pid = bench.launch(Command::Exec(b"/no/such"), |plan| plan.stop_before_exec = true).unwrap();
    assert_eq!(await_change(next_change).kind, Kind::Stopped(Signal::STOP));
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    assert_eq!(exit_of(pid), Exit::Status(255));
    // Traced as well, it stops once more.
    let pid = bench.launch(Command::Exec(b"true"), |plan| (plan.stop_before_exec, plan.trace) = (true, true)).unwrap();
    assert_eq!(await_change(next_change), Change { pid, kind: Kind::Stopped(Signal::STOP) });
    assert_eq!(signal_one(pid, Signal::CONT), Ok(true));
    let mut tracer = Tracer::<8>::new();
    assert_eq!(await_change(next_change), Change { pid, kind: Kind::Trapped(Trap::Signal(Signal::TRAP)) });
    assert_eq!(tracer.detach(pid, None), Ok(true));
    assert_eq!(exit_of(pid), Exit::Status(0));
}

/// Runs a traced command to the end of its first process; tells all that the tracer told.
fn traced(bench: &mut Bench, command: Command<'_>, ends: usize) -> Vec<Change> {
    let mut tracer = Tracer::<8>::new();
    assert!(tracer.has_room());
    let pid = bench.launch(command, |plan| plan.trace = true).unwrap();
    tracer.expect(pid);
    let (mut told, mut ended, mut followed) = (Vec::new(), 0, false);
    while ended < ends {
        let change = await_change(|| tracer.next_change());
        told.push(change);
        match change.kind {
            Kind::Trapped(Trap::Signal(Signal::TRAP)) if !followed => {
                followed = true;
                assert_eq!(tracer.follow(change.pid), Ok(true));
            }
            Kind::Trapped(Trap::Signal(signal)) => {
                let pass_on = Some(signal).filter(|&signal| signal != Signal::STOP);
                assert_eq!(tracer.resume(change.pid, pass_on), Ok(true));
            }
            Kind::Trapped(_) => assert_eq!(tracer.resume(change.pid, None), Ok(true)),
            Kind::Exited(_) => ended += 1,
            Kind::Stopped(_) => panic!("{change:?}"),
        }
    }
    assert_eq!(tracer.take_dropped(), 0);
    told
}

#[test]
fn forks_and_execs_are_told_in_order() {
    let mut bench = Bench::new();
    for _ in 0..100 {
        let told = traced(&mut bench, Command::Script(b"( : )\nexec true\n"), 2);
        let first = told[0].pid;
        let fork = told.iter().position(|change| matches!(change.kind, Kind::Trapped(Trap::Fork(_)))).unwrap();
        let Kind::Trapped(Trap::Fork(child)) = told[fork].kind else { unreachable!() };
        assert_eq!(told[0].kind, Kind::Trapped(Trap::Signal(Signal::TRAP)));
        let of_child: Vec<_> = told.iter().filter(|change| change.pid == child).map(|change| change.kind).collect();
        assert_eq!(of_child[..2], [Kind::Trapped(Trap::Signal(Signal::STOP)), Kind::Exited(Exit::Status(0))]);
        assert!(told.iter().position(|change| change.pid == child).unwrap() > fork);
        let of_first: Vec<_> = told.iter().filter(|change| change.pid == first).map(|change| change.kind).collect();
        assert!(of_first.contains(&Kind::Trapped(Trap::Exec)), "{told:?}");
        assert_eq!(of_first.last(), Some(&Kind::Exited(Exit::Status(0))));
    }
}

#[test]
fn a_fork_is_told_before_its_child_s_stop_when_the_kernel_has_it_the_other_way_round() {
    let mut bench = Bench::new();
    // Of two tracees that are not our children the kernel reports the newer first; that is the child of the second fork,
    // if we wait until both have stopped.
    let script = Command::Script(b"( ( :; ); : )\n:\n");
    let pause = || std::thread::sleep(Duration::from_millis(20));
    let mut kernel_reversed = 0;
    for sorted in [false, true] {
        let mut tracer = Tracer::<8>::new();
        let pid = bench.launch(script, |plan| plan.trace = true).unwrap();
        tracer.expect(pid);
        let (mut forked, mut ended) = (vec![pid], 0);
        while ended < 3 {
            let change = await_change(|| if sorted { tracer.next_change() } else { next_change() });
            match change.kind {
                Kind::Trapped(Trap::Signal(Signal::TRAP)) => assert_eq!(tracer.follow(pid), Ok(true)),
                Kind::Trapped(trap) => {
                    if let Trap::Fork(child) = trap {
                        forked.push(child);
                    } else if !forked.contains(&change.pid) {
                        assert!(!sorted, "{change:?}");
                        kernel_reversed += 1;
                    }
                    assert_eq!(tracer.resume(change.pid, None), Ok(true));
                }
                Kind::Exited(_) => ended += 1,
                Kind::Stopped(_) => panic!("{change:?}"),
            }
            pause();
        }
        while next_change().is_some() {}
    }
    println!("the kernel reported {kernel_reversed} stops before their forks");
    assert!(kernel_reversed > 0, "the order was not provoked");
}

#[test]
fn a_traced_failure_is_known_and_signals_are_passed_on() {
    let mut bench = Bench::new();
    let failure = bench.launch(Command::Exec(b"/no/such"), |plan| plan.trace = true);
    assert_eq!(failure, Err(SpawnError { stage: Stage::Execute, code: libc::ENOENT }));
    assert_eq!(next_change(), None);
    let told = traced(&mut bench, Command::Script(b"trap 'exit 3' USR1\nkill -USR1 $$\n:\n"), 1);
    assert!(told.iter().any(|change| change.kind == Kind::Trapped(Trap::Signal(Signal(10)))), "{told:?}");
    assert_eq!(told.last().unwrap().kind, Kind::Exited(Exit::Status(3)));
    let blocked = traced(&mut bench, Command::Script(b"exec grep ^SigBlk: /proc/self/status > $OUT\n"), 1);
    assert_eq!(blocked.last().unwrap().kind, Kind::Exited(Exit::Status(0)));
    assert_eq!(fs::read_to_string(bench.out()).unwrap(), "SigBlk:\t0000000000000000\n");
    let told = traced(&mut bench, Command::Script(b"kill -34 $$; exit 0\n"), 1);
    assert_eq!(told.last().unwrap().kind, Kind::Exited(Exit::Signal(34)), "{told:?}");
}

#[test]
fn a_child_whose_parent_is_killed_at_its_fork_is_not_left_stopped() {
    let mut bench = Bench::new();
    for _ in 0..30 {
        let mut tracer = Tracer::<8>::new();
        let out = bench.out();
        let _ = fs::remove_file(&out);
        let script = b"( touch $OUT ) &\nwait\n";
        let pid = bench.launch(Command::Script(script), |plan| plan.trace = true).unwrap();
        tracer.expect(pid);
        assert!(matches!(await_change(|| tracer.next_change()).kind, Kind::Trapped(_)));
        assert_eq!(tracer.follow(pid), Ok(true));
        // Wait unheard until both the fork and the child's stop are there to be told, then kill the parent.
        let start = Instant::now();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let child: Pid = loop {
            let children = fs::read_to_string(&children).unwrap_or_default();
            let child = children.split_whitespace().next().and_then(|child| child.parse().ok());
            if let Some(child) = child {
                break child;
            }
            assert!(start.elapsed() < Duration::from_secs(5));
        };
        assert_eq!(signal_one(pid, Signal::KILL), Ok(true));
        let mut told = Vec::new();
        while !told.iter().any(|change: &Change| change.pid == pid && matches!(change.kind, Kind::Exited(_))) {
            let change = await_change(|| tracer.next_change());
            told.push(change);
            if let Kind::Trapped(_) = change.kind {
                let _ = tracer.resume(change.pid, None);
            }
        }
        let stat = format!("/proc/{child}/stat");
        while fs::read_to_string(&stat)
            .is_ok_and(|stat| stat.contains(") t ") || stat.contains(") S ") || stat.contains(") R "))
        {
            if let Some(Change { pid, kind: Kind::Trapped(_) }) = tracer.next_change() {
                let _ = tracer.resume(pid, None);
            }
            assert!(start.elapsed() < Duration::from_secs(5), "stuck: {told:?} {:?}", fs::read_to_string(&stat));
        }
        while next_change().is_some() {}
    }
}

#[test]
fn nothing_is_allocated() {
    let mut bench = Bench::new();
    let mut rich = settings(|settings| {
        settings.umask = Some(0o27);
        settings.oom_score = Some(10);
        settings.set_limit(Limit { resource: Resource::Nofile, soft: Some(500), hard: Some(1000) });
    });
    rich.set(Text::Chdir, b"/usr").unwrap();
    if root("setuid") {
        rich.set(Text::Setuid, b"nobody").unwrap();
    }
    let mut tracer = Tracer::<8>::new();
    let commands = [Command::Exec(b"true"), Command::Script(b"exit 0\n"), Command::Script(b":\nexit 0\n")];
    let before = ALLOCATIONS.get();
    for number in 0..1000 {
        bench.spawner.begin();
        bench.spawner.variable(&[b"PATH=/usr/bin:/bin"]);
        bench.spawner.variable(&[b"UPSTART_JOB=", b"job"]);
        let mut plan = plan(commands[if number % 10 == 0 { number / 10 % 3 } else { 0 }], &rich);
        plan.trace = number % 50 == 0;
        let pid = bench.spawner.launch(&plan).unwrap();
        if plan.trace {
            tracer.expect(pid);
        }
        loop {
            match tracer.next_change() {
                Some(Change { kind: Kind::Exited(_), .. }) => break,
                Some(change) => assert_eq!(tracer.detach(change.pid, None), Ok(true)),
                None => std::thread::yield_now(),
            }
        }
    }
    let after = ALLOCATIONS.get();
    assert_eq!(after, before, "allocations in 1000 launches");
}

/// Median microseconds of 300 runs.
fn median(mut once: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..300)
        .map(|_| {
            let start = Instant::now();
            once();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[150]
}

extern "C" fn bare_child(_: *mut libc::c_void) -> libc::c_int {
    let arguments = [c"/bin/true".as_ptr(), std::ptr::null()];
    // SAFETY: both lists end in a null.
    unsafe {
        libc::execve(arguments[0], arguments.as_ptr(), arguments[1..].as_ptr());
        libc::_exit(255)
    }
}

/// The least that a process can cost: clone, exec, wait.
fn bare_loop() -> f64 {
    let mut stack = vec![0u128; 4096];
    median(|| {
        // SAFETY: the stack is the child's until it has exec'ed, which is when clone returns.
        unsafe {
            let top = stack.as_mut_ptr().add(4096).cast();
            let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD;
            let pid = libc::clone(bare_child, top, flags, std::ptr::null_mut());
            assert!(pid > 0);
            assert_eq!(libc::waitpid(pid, std::ptr::null_mut(), 0), pid);
        }
    })
}

fn our_loop(bench: &mut Bench, settings: &Settings, command: Command<'_>) -> f64 {
    let plan = plan(command, settings);
    median(|| {
        bench.spawner.begin();
        let pid = bench.spawner.launch(&plan).unwrap();
        let number = nix::unistd::Pid::from_raw(pid.get() as i32);
        // Wait without reaping, so that the reaper is measured and not how often it is asked.
        let flags = nix::sys::wait::WaitPidFlag::WEXITED | nix::sys::wait::WaitPidFlag::WNOWAIT;
        nix::sys::wait::waitid(nix::sys::wait::Id::Pid(number), flags).unwrap();
        assert_eq!(next_change(), Some(Change { pid, kind: Kind::Exited(Exit::Status(0)) }));
    })
}

#[test]
fn a_launch_costs_little_more_than_the_kernel_takes() {
    let mut bench = Bench::new();
    let none = settings(|_| ());
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let bare = bare_loop();
        let ours = our_loop(&mut bench, &none, Command::Exec(b"/bin/true"));
        println!("clone + exec + exit + wait of /bin/true: bare {bare:.0} us, ours {ours:.0} us, {:.2}", ours / bare);
        best = best.min(ours / bare);
    }
    let script = our_loop(&mut bench, &none, Command::Script(b":\nexit 0\n"));
    let many: Vec<_> = (0..500).map(|_| fs::File::open("/dev/null").unwrap()).collect();
    let (bare, ours) = (bare_loop(), our_loop(&mut bench, &none, Command::Exec(b"/bin/true")));
    println!("script {script:.0} us; with {} descriptors open: bare {bare:.0} us, ours {ours:.0} us", many.len());
    assert!(best < if cfg!(debug_assertions) { 1.6 } else { 1.3 }, "{best:.2} times the bare loop");
}
