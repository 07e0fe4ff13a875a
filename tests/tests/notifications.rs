//! The inputs that the shim makes of daemons' notifications: the shim without the real core, with real processes.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use uphold_core::bytes::Strings;
use uphold_core::conf::Console;
use uphold_core::{Input, Instant, JobId, Notification, Pid, Priority, Supervisor};
use uphold_linux::capacity::{KERNEL_EVENTS, SPAWN_ROOM};
use uphold_linux::clock::now;
use uphold_linux::conf::conf_dir::ConfDir;
use uphold_linux::conf::programs::Programs;
use uphold_linux::keep::keeper::Keep;
use uphold_linux::kernel::memory::reserve;
use uphold_linux::launch::spawn::Spawner;
use uphold_linux::linux::Linux;
use uphold_linux::output::message_log::MessageLog;
use uphold_linux::watch::signals::Supervised;
use uphold_linux::watch::wait::Wait;
use uphold_tests::system::processes::{Signal, descendants, send};
use uphold_tests::system::programs::installed;
use uphold_tests::system::{Folder, PATIENCE, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

static TURN: Mutex<()> = Mutex::new(());

type Small = uphold_core::storage! { classes: 8, jobs: 8, text: 16384 };

/// The shim with a core that gets every input, and the notifications among them.
struct Shim {
    supervisor: Supervisor<'static>,
    linux: Box<Linux>,
    folder: Folder,
    job: Option<JobId>,
    pids: Vec<Pid>,
    words: Vec<String>,
    /// Reaping affects the whole test process, so the tests take turns.
    _turn: MutexGuard<'static, ()>,
}

impl Shim {
    /// A shim with one job, which has just been started.
    fn start(text: &str) -> Shim {
        Shim::start_with(text, |_| ())
    }

    /// The same after `prepare` has changed the folder.
    fn start_with(text: &str, prepare: impl FnOnce(&Folder)) -> Shim {
        let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
        let folder = Folder::new();
        let conf = folder.below("conf");
        let text = text.replace("@FOLDER@", &folder.path("").display().to_string()).replace("@DAEMON@", DAEMON);
        fs::write(conf.join("a.conf"), format!("start on go\nconsole none\n{text}\n")).expect("a file is written");
        prepare(&folder);
        let storage: &'static mut Small = Box::leak(Box::new(Small::new()));
        let mut supervisor = storage.supervisor();
        supervisor.set_base_environment(Strings(b"PATH=/usr/bin:/bin\0")).expect("there is room");
        let programs = Programs::new(Console::None, 0o022);
        let conf = ConfDir::new(None, vec![conf]);
        let wait = Wait::new().expect("an epoll");
        let spawner = Spawner::new(SPAWN_ROOM, None).expect("a spawner");
        let essentials = (wait, spawner, reserve().expect("memory"));
        let mut linux =
            Linux::new(Supervised::Session, MessageLog::new(Priority::Warn), programs, conf, None, essentials);
        linux.configuration(&mut supervisor, |conf, target| conf.load_all(target));
        supervisor.handle(now(), Input::event(b"go"));
        let mut shim = Shim { supervisor, linux, folder, job: None, pids: Vec::new(), words: Vec::new(), _turn: turn };
        shim.until("a process", |shim| shim.job.is_some());
        shim
    }

    fn hear(job_seen: &mut Option<JobId>, pids: &mut Vec<Pid>, input: Input<'_>) {
        match input {
            Input::Spawned { job, pid, .. } => {
                *job_seen = Some(job);
                pids.push(pid);
            }
            Input::SpawnFailed { error, .. } => panic!("{error:?}"),
            _ => {}
        }
    }

    /// Handles one input and its effects.
    fn turn(&mut self) {
        while let Some(effect) = self.supervisor.poll_effect() {
            if let Some(input) = self.linux.perform(&mut self.supervisor, &mut Keep::off(), effect) {
                Self::hear(&mut self.job, &mut self.pids, input);
                self.supervisor.handle(now(), input);
            }
        }
        let deadline = Instant(now().0 + 5);
        let input = self.linux.wait_until(Some(deadline), &mut self.supervisor, &mut Keep::off());
        if let Input::SpawnFailed { error, .. } = input {
            panic!("{error:?}");
        }
        if let Input::Notified { notification: word, .. } = input {
            self.words.push(match word {
                Notification::Ready => "ready".to_owned(),
                Notification::Main(pid) => format!("main {pid}"),
                Notification::Stopping => "stopping".to_owned(),
                Notification::Alive => "alive".to_owned(),
                Notification::Status(text) => format!("status {}", String::from_utf8_lossy(text)),
            });
        }
        self.supervisor.handle(now(), input);
    }

    fn until(&mut self, what: &str, done: impl Fn(&Shim) -> bool) {
        let end = std::time::Instant::now() + PATIENCE;
        while !done(self) {
            assert!(std::time::Instant::now() < end, "waited in vain: {what}; {:?}", self.words);
            self.turn();
        }
    }

    /// Waits until the last of these notifications arrived, and asserts that there were no others.
    fn hears(&mut self, words: &[&str]) {
        self.until("words", |shim| shim.words.len() >= words.len());
        self.rest();
        assert_eq!(self.words, words);
    }

    /// Runs some turns in which nothing needs to happen.
    fn rest(&mut self) {
        for _ in 0..20 {
            self.turn();
        }
    }

    fn pid(&self) -> u32 {
        self.pids.last().expect("a process").get()
    }

    fn named(&self) -> Option<u32> {
        self.linux.named_pid(&self.supervisor, self.job?).map(Pid::get)
    }

    fn await_file(&mut self, name: &str) -> PathBuf {
        let path = self.folder.path(name);
        let there = path.clone();
        self.until(name, |_| fs::read(&there).is_ok_and(|text| text.ends_with(b"\n")));
        path
    }

    /// Sends to the job's socket, as a user.
    fn speak(&self, user: u32, words: &[&str]) {
        // The environment of a process is readable a moment after its exec.
        let end = std::time::Instant::now() + PATIENCE;
        let socket = loop {
            let environment = fs::read(format!("/proc/{}/environ", self.pid())).expect("it lives");
            let mut variables = environment.split(|&byte| byte == 0);
            if let Some(socket) = variables.find_map(|entry| entry.strip_prefix(b"NOTIFY_SOCKET=")) {
                break String::from_utf8_lossy(socket).into_owned();
            }
            assert!(std::time::Instant::now() < end, "it has no socket");
        };
        let mut command = std::process::Command::new(self.folder.copied(DAEMON));
        command.env_clear().env("NOTIFY_SOCKET", socket).uid(user).gid(user);
        assert!(command.args(words).args(["exit", "0"]).status().expect("it runs").success());
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        // Tests take turns, so all descendants belong to this one.
        for process in descendants(std::process::id()) {
            send(process.pid, Signal::SIGKILL);
        }
    }
}

#[test]
fn words_come_in_an_order_that_makes_sense_whatever_the_lines() {
    let mut shim = Shim::start(
        "expect notify\nexec @DAEMON@ notify READY=1+STATUS=up+MAINPID=@+X=y notify WATCHDOG=1 notify STOPPING=1",
    );
    let main = format!("main {}", shim.pid());
    shim.hears(&[&main, "status up", "ready", "alive", "stopping"]);
}

#[test]
fn a_child_and_an_orphan_may_be_named_and_others_may_not() {
    // A child in a session of its own, whose parent lives.
    let mut shim = Shim::start("expect notify\nscript\n  setsid @DAEMON@ notify MAINPID=@ &\n  wait\nend script");
    shim.until("a word", |shim| !shim.words.is_empty());
    assert_ne!(shim.words, [format!("main {}", shim.pid())]);
    drop(shim);
    // An orphan that was reparented to this process is known by the socket in its environment.
    nix::sys::prctl::set_child_subreaper(true).expect("orphans come to us");
    let orphan = "(setsid @DAEMON@ sleep 30 notify MAINPID=@ notify STATUS=@ &)";
    let mut shim = Shim::start(&format!("expect notify\nscript\n  {orphan}\n  exec sleep 1000\nend script"));
    shim.until("words", |shim| shim.words.len() == 2);
    assert_eq!(shim.words[0].strip_prefix("main "), shim.words[1].strip_prefix("status "));
    drop(shim);
    // A process whose first thread has ended lives on in the others.
    let mut shim = Shim::start("expect notify\nscript\n  @DAEMON@ headless notify MAINPID=@ &\n  wait\nend script");
    shim.until("a word", |shim| !shim.words.is_empty());
    assert!(shim.words[0].starts_with("main "), "{:?}", shim.words);
    drop(shim);
    let mut shim = Shim::start("expect notify\nexec @DAEMON@");
    for pid in [std::process::id(), 2, 1, i32::MAX as u32] {
        shim.speak(nix::unistd::geteuid().as_raw(), &["notify", &format!("MAINPID={pid}+WATCHDOG=1")]);
    }
    shim.hears(&["alive"; 4]);
}

#[test]
fn root_and_the_jobs_own_user_are_heard() {
    if !nix::unistd::geteuid().is_root() {
        return skipped("only root can be somebody else");
    }
    let copy = |folder: &Folder| drop(folder.copied(DAEMON));
    let mut shim = Shim::start_with("expect notify\nsetuid nobody\nexec @FOLDER@/daemon notify STATUS=mine", copy);
    shim.hears(&["status mine"]);
    shim.speak(12345, &["notify", "READY=1"]);
    shim.speak(0, &["notify", "STATUS=root"]);
    shim.speak(65534, &["notify", "STATUS=nobody"]);
    shim.hears(&["status mine", "status root", "status nobody"]);
}

#[test]
fn a_flood_of_one_daemon_leaves_others_their_turn() {
    let other = |folder: &Folder| {
        let (ready, said) = (folder.path("ready"), folder.path("said"));
        let words = format!("pid {} stop notify STATUS=other pid {}", ready.display(), said.display());
        folder.write("conf/b.conf", &format!("start on go\nconsole none\nexpect notify\nexec {DAEMON} {words}\n"));
    };
    let mut shim = Shim::start_with("expect notify\nexec @DAEMON@ chatter WATCHDOG=1", other);
    let ready = shim.await_file("ready");
    let other = fs::read_to_string(ready).ok().and_then(|text| text.trim().parse().ok()).expect("it notes its pid");
    shim.until("a flood", |shim| shim.words.len() > 10);
    // The other process sends a message too before the shim reads any.
    let said = shim.folder.path("said");
    let end = std::time::Instant::now() + PATIENCE;
    while !said.exists() {
        assert!(std::time::Instant::now() < end, "it does not go on");
        send(other, Signal::SIGCONT);
        std::thread::sleep(Duration::from_millis(1));
    }
    // A round handles every ready daemon, with one message of each.
    let before = shim.words.len();
    for turn in 0.. {
        assert!(turn <= KERNEL_EVENTS, "it is not heard: {:?}", shim.words);
        if shim.words.iter().any(|word| word == "status other") {
            break;
        }
        shim.turn();
    }
    shim.until("the flood to go on", |shim| shim.words.len() > before + 100);
}

#[test]
fn a_newline_is_a_word_and_an_end_is_none() {
    for number in [3, 9, 12, 1023] {
        let mut shim =
            Shim::start(&format!("expect fd {number}\nexec @DAEMON@ write {number} 12 sleep 20 write {number} 3+4+"));
        shim.hears(&["ready"]);
    }
    let mut shim = Shim::start("expect fd 5\nexec @DAEMON@ write 5 12 close 5 pid @FOLDER@/done");
    shim.await_file("done");
    shim.rest();
    assert_eq!(shim.words, [""; 0]);
}

#[test]
fn a_file_counts_if_it_was_written_since_the_launch_and_holds_a_number() {
    let job = "pid file @FOLDER@/$NAME.pid\nenv NAME=x\nexec @DAEMON@ until @FOLDER@/go pid @FOLDER@/x.pid";
    let mut shim = Shim::start_with(job, |folder| drop(folder.write("x.pid", "4711\n")));
    assert_eq!(shim.named(), None, "it is there since before");
    shim.folder.write("go", "");
    let own = shim.pid();
    let file = shim.folder.path("x.pid");
    shim.until("a number", |shim| shim.named() == Some(own));
    for (text, number) in [
        (&b""[..], None),
        (b"0", None),
        (b"1\n", None),
        (b"-7", None),
        (b"12x", None),
        (b"1 2", None),
        (b" \t4711 \n", Some(4711)),
        (&[b'7'; 65], None),
        (&[b' '; 65], None),
    ] {
        fs::write(&file, text).expect("a file is written");
        assert_eq!(shim.named(), number, "{text:?}");
    }
    // An old modification time, as from a copy that keeps it, or a new one, as from before the clock was set back.
    fs::write(&file, "4711\n").expect("a file is written");
    let time = |seconds| fs::File::open(&file).and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + seconds));
    time(Duration::from_secs(1_000_000)).expect("its time can be set");
    assert_eq!(shim.named(), None, "it is old");
    time(Duration::from_secs(4_000_000_000)).expect("its time can be set");
    assert_eq!(shim.named(), Some(4711));
    fs::remove_file(&file).expect("it is there");
    assert_eq!(shim.named(), None);
    nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).expect("a pipe is made");
    assert_eq!(shim.named(), None, "it does not wait for a pipe");
    fs::remove_file(&file).expect("it is there");
    let other = shim.folder.write("other", "815\n");
    std::os::unix::fs::symlink(other, &file).expect("a link is made");
    assert_eq!(shim.named(), Some(815), "a link to a file is as good");
}

#[test]
fn a_file_of_tomorrow_that_is_there_already_is_old_too() {
    let job = "pid file @FOLDER@/x.pid\nexec @DAEMON@";
    let shim = Shim::start_with(job, |folder| {
        let file = fs::File::open(folder.write("x.pid", "4711\n")).expect("it is there");
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000)).expect("its time can be set");
    });
    assert_eq!(shim.named(), None);
}

/// Whether a program is static: it names no loader (elf(5), PT_INTERP).
fn is_static(program: &Path) -> bool {
    const PT_INTERP: u32 = 3;
    let Ok(bytes) = fs::read(program) else { return false };
    let half = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| usize::from(u16::from_ne_bytes(*bytes)));
    let word = |at: usize| bytes.get(at..)?.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes));
    // The offset of the program headers, the size of each, and their number.
    let (start, size, count) = match bytes.get(4) {
        Some(1) => (word(28), half(42), half(44)),
        _ => (word(32), half(54), half(56)),
    };
    let (Some(start), Some(size), Some(count)) = (start, size, count) else { return false };
    (0..count).all(|number| word(start as usize + number * size).is_some_and(|kind| kind != PT_INTERP))
}

#[test]
fn a_file_is_where_the_daemon_sees_it() {
    let shim = Shim::start_with("chdir @FOLDER@/below\npid file x.pid\nexec sleep 1000", |folder| {
        folder.below("below");
    });
    shim.folder.write("below/x.pid", "4711\n");
    assert_eq!(shim.named(), Some(4711));
    drop(shim);
    if !nix::unistd::geteuid().is_root() {
        return skipped("a root of its own needs root");
    }
    let Some(busybox) = installed("busybox").filter(|program| is_static(program)) else {
        return skipped("a root of its own needs a program that needs nothing else: there is no static busybox");
    };
    let shim = Shim::start_with("chroot @FOLDER@/root\npid file /run/x.pid\nexec /busybox sleep 1000", |folder| {
        folder.below("root");
        folder.copied_to("root", &busybox);
        // The shim looks up the user of the process in these files.
        folder.below("root/etc");
        folder.write("root/etc/passwd", "root:x:0:0:::\n");
        folder.write("root/etc/group", "root:x:0:\n");
        std::os::unix::fs::symlink("/below", folder.path("root/run")).expect("a link is made");
        folder.below("root/below");
        // The shim looks up the supplementary groups in these files.
        folder.below("root/etc");
        folder.write("root/etc/passwd", "root:x:0:0::/:/busybox\n");
        folder.write("root/etc/group", "root:x:0:\n");
    });
    shim.folder.write("root/below/x.pid", "4711\n");
    assert_eq!(shim.named(), Some(4711));
}
