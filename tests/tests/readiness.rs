//! Daemons that report their readiness: by notifications, by a descriptor, by a pid file.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use uphold_tests::system::processes::{Process, Signal, is_running, send};
use uphold_tests::system::{Launch, System, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// A system with one job; `@DAEMON@` in it becomes the scripted daemon.
fn with(job: &str) -> System {
    with_jobs(&[("a", job)])
}

fn with_jobs(jobs: &[(&str, &str)]) -> System {
    let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.replace("@DAEMON@", DAEMON))).collect();
    let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
    System::start(&jobs)
}

/// Waits until a job has printed `count` lines, and returns them.
fn lines(system: &mut System, job: &str, count: usize) -> Vec<String> {
    system.await_some("lines of output", |system| {
        let lines: Vec<String> = system.output(job).lines().map(str::to_owned).collect();
        (lines.len() == count).then_some(lines)
    })
}

/// Starts a job without waiting, and returns its first process.
fn begin(system: &mut System, job: &str) -> u32 {
    system.order(&["start", "--no-wait", job]);
    system.await_some("a main process", |system| system.main_process(job))
}

/// A variable in the environment of a process.
fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let mut all = environment.split(|&byte| byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok());
    all.find_map(|entry| entry.strip_prefix(name)?.strip_prefix('=')).map(str::to_owned)
}

/// Sends a message to a job's socket, as a user.
fn speak(system: &mut System, pid: u32, user: u32, text: &str) {
    let mut command = Command::new(system.folder().copied(DAEMON));
    // The environment of a process is readable a moment after its exec.
    let socket = system.await_some("a socket", |_| variable(pid, "NOTIFY_SOCKET"));
    command.env_clear().env("NOTIFY_SOCKET", socket);
    command.args(["notify", text, "exit", "0"]).uid(user).gid(user);
    assert_eq!(uphold_tests::system::run(command).code, 0);
}

// The shim's side: sockets, pipes and pid files.

#[test]
fn a_main_process_and_no_other_is_told_where_to_speak() {
    let say = "echo ${NOTIFY_SOCKET:-none} ${WATCHDOG_USEC:-none} ${WATCHDOG_PID:-none} $$";
    let job = format!(
        "env NOTIFY_SOCKET=/nowhere\nenv WATCHDOG_PID=7\nwatchdog 3\npre-start exec sh -c '{say}'\nscript\n  {say}\n  exec sleep 1000\nend script\n"
    );
    let mut system = with(&job);
    system.order(&["start", "--no-wait", "a"]);
    let lines = lines(&mut system, "a", 2);
    assert!(lines[0].starts_with("/nowhere none 7 "), "{lines:?}");
    let words: Vec<&str> = lines[1].split(' ').collect();
    assert!(words[0].starts_with("@uphold/notify/") && words[0].len() == 47, "{lines:?}");
    assert_eq!((words[1], words[2]), ("3000000", words[3]));
}

#[test]
fn every_launch_has_a_name_of_its_own() {
    let mut system = with("respawn\nwatchdog 1000\nexec @DAEMON@");
    let first = begin(&mut system, "a");
    let name = system.await_some("a socket", |_| variable(first, "NOTIFY_SOCKET"));
    send(first, Signal::SIGKILL);
    let second = system.await_some("another process", |system| {
        system.main_process("a").filter(|&pid| pid != first && variable(pid, "NOTIFY_SOCKET").is_some())
    });
    assert_ne!(variable(second, "NOTIFY_SOCKET"), Some(name.clone()));
    let open = fs::read_to_string("/proc/net/unix").expect("sockets are listed");
    assert!(!open.contains(&name), "the first one's socket is closed");
}

#[test]
fn strangers_are_not_heard_and_that_is_said_once() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("only root can be somebody else");
    }
    let mut system = with("expect notify\nexec @DAEMON@");
    let pid = begin(&mut system, "a");
    for _ in 0..3 {
        speak(&mut system, pid, 65534, "READY=1");
    }
    system.await_some("a warning", |system| system.log().contains(" of user 65534 ignored").then_some(()));
    // A message from root counts, although its process does not belong to the job; also after a re-exec.
    system.order(&["restart-init"]);
    let own = std::process::id();
    speak(&mut system, pid, 0, &format!("MAINPID={own}"));
    system.await_log(&format!("MAINPID={own} ignored: that is no process of a"));
    speak(&mut system, pid, 0, &"x".repeat(5000));
    system.await_log("Message for a of more than 4096 bytes ignored");
    assert_eq!(system.log().matches("of user 65534 ignored").count(), 1, "{}", system.log());
}

#[test]
fn a_descriptor_has_the_number_that_the_job_file_says() {
    for number in [3, 9, 10, 11, 12, 13, 14, 15, 1023] {
        let script = format!(
            "expect fd {number}\nscript\n  : two lines\n  ls -l /proc/$$/fd | sed -n 's/.* \\([0-9]*\\) -> \\([a-z]*\\):.*/fd \\1 \\2/p'\n  exec sleep 1000\nend script\n"
        );
        let mut system =
            with_jobs(&[("a", &script), ("b", &format!("expect fd {number}\nconsole none\nexec @DAEMON@"))]);
        let pid = begin(&mut system, "b");
        let name =
            |number: u32| fs::read_link(format!("/proc/{pid}/fd/{number}")).map(|link| link.display().to_string());
        // The kernel shows the new program before it has closed the close-on-exec descriptors.
        system.await_some("its program with four descriptors", |_| {
            let exe = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
            let open = || fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
            (exe.ends_with("daemon") && open() == 4).then_some(())
        });
        assert!(name(number).is_ok_and(|link| link.starts_with("pipe:")), "{number}");
        system.order(&["start", "--no-wait", "a"]);
        let line = format!("fd {number} pipe");
        system.await_some(&line, |system| system.output("a").lines().any(|shown| shown == line).then_some(()));
        assert!(!system.output("a").contains("memfd"), "{}", system.output("a"));
    }
}

#[test]
fn the_pipe_outlives_the_program() {
    let wait = "while [ ! -e @FOLDER@/go ]; do sleep 0.02; done";
    let job = format!("expect fd 3\nscript\n  {wait}\n  exec @DAEMON@ write 3 a print up\nend script\n");
    let mut system = with(&job);
    begin(&mut system, "a");
    system.order(&["restart-init"]);
    system.folder().write("go", "");
    // The daemon could not have written to a pipe without a reader.
    assert_eq!(lines(&mut system, "a", 1), ["up"]);
}

#[test]
fn the_last_words_of_a_process_are_heard_before_its_end() {
    let mut system = with("expect notify\nexec @DAEMON@ notify WATCHDOG=1 notify MAINPID=2 exit 3");
    system.order(&["start", "--no-wait", "a"]);
    let ended = system.await_some("its end", |system| system.log().find("terminated with status 3"));
    let heard = system.log().find("MAINPID=2 ignored: that is no process of a").expect("it was heard");
    assert!(heard < ended, "{}", system.log());
}

// The core's side: the states of the job.

#[test]
fn a_job_runs_when_its_daemon_says_that_it_is_ready() {
    let job = "expect notify\nstart timeout 9999\nexec @DAEMON@ until @FOLDER@/go notify STATUS=warm+READY=1";
    let mut system = with(job);
    let go = system.folder().path("go");
    let pid = begin(&mut system, "a");
    assert_eq!(system.status("a"), format!("a start/spawned, process {pid}"));
    system.folder().write("go", "");
    let running = format!("a start/running, process {pid}");
    system.await_some(&running, |system| system.status("a").starts_with(&running).then_some(()));
    assert_eq!(system.status("a"), format!("{running}\n\twarm"));
    assert_eq!(system.order(&["stop", "a"]), "a stop/waiting\n");
    // The waiting client gets its reply no earlier.
    fs::remove_file(&go).expect("it is there");
    let mut start = system.begin(&["start", "a"]);
    system.await_state("a", "start/spawned");
    assert_eq!(start.try_wait().expect("it is our child"), None);
    system.folder().write("go", "");
    let ended = system.await_some("an answer", |_| start.try_wait().expect("it is our child"));
    assert!(ended.success());
    system.await_running("a");
    system.end(Signal::SIGTERM);
}

#[test]
fn a_process_that_is_named_becomes_the_main_one() {
    let mut system = with("expect notify\nrespawn\nexec @DAEMON@ handover session pid @FOLDER@/pid notify READY=1");
    // The child may report its readiness before its parent names it as the main process. Then the parent is the main
    // process for a moment.
    let await_named = |system: &mut System, old: u32| {
        system.await_some("a main process that is the child", |system| {
            let noted: u32 = fs::read_to_string(system.folder().path("pid")).ok()?.trim_end().parse().ok()?;
            let running = format!("a start/running, process {noted}");
            (noted != old && system.status("a") == running).then_some(noted)
        })
    };
    begin(&mut system, "a");
    let pid = await_named(&mut system, 0);
    assert!(is_running(pid));
    send(pid, Signal::SIGKILL);
    let next = await_named(&mut system, pid);
    assert!(is_running(next));
    system.order(&["stop", "a"]);
    assert!(!is_running(next));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_daemon_that_is_silent_for_too_long_is_replaced() {
    let mut system = with("expect notify\nwatchdog 1\nrespawn\nexec @DAEMON@ notify READY=1+WATCHDOG=1");
    system.order(&["start", "a"]);
    let first = system.await_running("a");
    system.await_replacement("a", first);
    assert!(!is_running(first));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_strangers_word_makes_nothing_ready() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("only root can be somebody else");
    }
    let mut system = with("expect notify\nstart timeout 9999\nexec @DAEMON@");
    let pid = begin(&mut system, "a");
    speak(&mut system, pid, 65534, "READY=1");
    system.await_some("a warning", |system| system.log().contains(" of user 65534 ignored").then_some(()));
    assert_eq!(system.status("a"), format!("a start/spawned, process {pid}"));
    speak(&mut system, pid, 0, "READY=1");
    assert_eq!(system.await_running("a"), pid);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_user_of_its_own_may_speak_for_its_job() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("only root can give a job a user of its own");
    }
    let launch = Launch::new(&[("a", "expect notify\nsetuid nobody\nexec @FOLDER@/daemon notify READY=1")]);
    launch.folder().copied(DAEMON);
    let system = launch.start();
    assert!(system.order(&["start", "a"]).starts_with("a start/running, process "));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_newline_on_the_descriptor_is_readiness_and_its_end_is_not() {
    let mut system = with_jobs(&[
        ("says", "expect fd 7\nexec @DAEMON@ sleep 100 write 7 started+"),
        ("closes", "expect fd 7\nstart timeout 9999\nexec @DAEMON@ write 7 started close 7 pid @FOLDER@/closed"),
        ("later", "expect fd 3\nstart timeout 9999\nexec @DAEMON@ write 3 a until @FOLDER@/go write 3 +"),
    ]);
    assert!(system.order(&["start", "says"]).starts_with("says start/running, process "));
    let pid = begin(&mut system, "closes");
    begin(&mut system, "later");
    // The pipe survives the re-exec.
    system.order(&["restart-init"]);
    system.folder().write("go", "");
    system.await_running("later");
    let closed = system.folder().path("closed");
    system.await_some("a closed descriptor", |_| closed.exists().then_some(()));
    assert_eq!(system.status("closes"), format!("closes start/spawned, process {pid}"));
    for job in ["says", "closes", "later"] {
        system.order(&["stop", job]);
    }
    system.end(Signal::SIGTERM);
}

#[test]
fn a_file_names_the_main_process() {
    let mut system =
        with("pid file @FOLDER@/$WHAT.pid\nenv WHAT=a\nexec @DAEMON@ sleep 100 fork session pid @FOLDER@/a.pid");
    system.order(&["start", "a"]);
    let pid = system.await_running("a");
    // The daemon may have been adopted before it wrote the file.
    let file = system.folder().path("a.pid");
    let wanted = format!("{pid}\n");
    system.await_some("its number", |_| (fs::read_to_string(&file).ok()? == wanted).then_some(()));
    system.order(&["stop", "a"]);
    assert!(!is_running(pid));
    system.end(Signal::SIGTERM);
}

#[test]
fn a_pid_file_that_is_old_or_foreign_or_garbage_is_ignored() {
    let own = std::process::id();
    let mut system = with_jobs(&[
        ("old", "pid file @FOLDER@/old.pid\nstart timeout 9999\nexec @DAEMON@ print up"),
        (
            "foreign",
            &format!(
                "pid file @FOLDER@/foreign.pid\nstart timeout 9999\nscript\n  echo {own} > @FOLDER@/foreign.pid\n  exec @DAEMON@ print up\nend script\n"
            ),
        ),
        (
            "garbage",
            "pid file @FOLDER@/garbage.pid\nstart timeout 9999\nscript\n  echo none > @FOLDER@/garbage.pid\n  exec @DAEMON@ print up\nend script\n",
        ),
    ]);
    system.folder().write("old.pid", &format!("{own}\n"));
    for job in ["old", "foreign", "garbage"] {
        let pid = begin(&mut system, job);
        system.await_some("its program", |system| (system.output(job) == "up\r\n").then_some(()));
        assert_eq!(system.status(job), format!("{job} start/spawned, process {pid}"));
        system.order(&["stop", job]);
    }
    assert!(Process::of(own).is_some());
    system.end(Signal::SIGTERM);
}
