//! A spawner to try, and what tests know of its processes.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use uphold_core::conf::Console;
use uphold_core::{Exit, Pid, SpawnError, SpawnStage};
use uphold_linux::capacity::SpawnRoom;
use uphold_linux::conf::command::Command;
use uphold_linux::conf::settings::{Settings, TextSetting};
use uphold_linux::launch::spawn::{Plan, Spawner};
use uphold_linux::watch::reap::{ChangeKind, ChildChange, next_change};

/// Settings that only silence the process.
pub static PLAIN: LazyLock<Settings> = LazyLock::new(|| settings(|_| ()));

static TURN: Mutex<()> = Mutex::new(());

pub const ROOM: SpawnRoom = SpawnRoom { text: 64 * 1024, count: 2048, paths: 16 * 1024 };

/// A spawner, a directory of its own, and the right to reap.
pub struct Bench {
    pub spawner: Spawner,
    pub directory: PathBuf,
    _turn: MutexGuard<'static, ()>,
}

impl Bench {
    pub fn new() -> Bench {
        let turn = TURN.lock().unwrap_or_else(|broken| broken.into_inner());
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let directory = loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let directory = std::env::temp_dir().join(format!("uphold-spawn-{}-{number}", std::process::id()));
            match fs::create_dir(&directory) {
                Ok(()) => break directory,
                // An earlier process of the same number has left it, with all that is in it.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("{}: {error}", directory.display()),
            }
        };
        Bench { spawner: Spawner::new(ROOM, None).unwrap(), directory, _turn: turn }
    }

    /// Makes a process with a PATH and `OUT`, a file to write to.
    pub fn launch<'a>(&mut self, command: Command<'a>, adjust: impl FnOnce(&mut Plan<'a>)) -> Result<Pid, SpawnError> {
        self.spawner.begin();
        self.spawner.variable(&[b"PATH=/usr/bin:/bin"]);
        self.spawner.variable(&[b"OUT=", self.out().as_os_str().as_encoded_bytes()]);
        let mut plan = plan(command, &PLAIN);
        adjust(&mut plan);
        self.spawner.launch(&plan).map_err(|failed| failed.error)
    }

    pub fn out(&self) -> PathBuf {
        self.directory.join("out")
    }

    /// Runs a command to its end; says how it ended and what it wrote to `$OUT`.
    pub fn run<'a>(&mut self, command: Command<'a>, settings: &'a Settings) -> (Exit, String) {
        let pid = self.launch(command, |plan| plan.settings = settings).unwrap();
        let exit = exit_of(pid);
        (exit, fs::read_to_string(self.out()).unwrap_or_default())
    }

    /// The text that a script prints to `$OUT`.
    pub fn output(&mut self, script: &str, settings: &Settings) -> String {
        let (exit, text) = self.run(Command::Script(format!("{{ {script}; }} > $OUT\n").as_bytes()), settings);
        assert_eq!(exit, Exit::Status(0), "{script}");
        text
    }

    pub fn failure<'a>(&mut self, command: Command<'a>, settings: &'a Settings) -> (SpawnStage, i32) {
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

pub fn plan<'a>(command: Command<'a>, settings: &'a Settings) -> Plan<'a> {
    Plan {
        command,
        settings,
        log: None,
        ready: None,
        watched: false,
        trace: false,
        stop_before_exec: false,
        helpers: [None; 2],
        confined: false,
        cgroup: None,
        birthplace: None,
        system_mode: true,
    }
}

pub fn settings(adjust: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = Settings::default();
    settings.console = Console::None;
    adjust(&mut settings);
    settings
}

pub fn text(which: TextSetting, value: &str) -> Settings {
    settings(|settings| settings.set(which, value.as_bytes()).unwrap())
}

/// How long anything is waited for: far longer than it takes, even on a machine that is busy with something else.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until the condition holds.
pub fn await_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// The next change, other than that a stopped process goes on.
pub fn await_change(mut next: impl FnMut() -> Option<ChildChange>) -> ChildChange {
    await_some("a change", || next().filter(|change| change.kind != ChangeKind::Continued))
}

/// The state of a process, as one letter (proc(5)); `None` if there is none of that number.
pub fn state_of(pid: Pid) -> Option<char> {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok()?.rsplit_once(") ")?.1.chars().next()
}

pub fn exit_of(pid: Pid) -> Exit {
    loop {
        match await_change(next_change) {
            ChildChange { pid: ended, kind: ChangeKind::Exited(exit) } if ended == pid => return exit,
            ChildChange { kind: ChangeKind::Continued, .. } => {}
            other => assert_ne!(other.pid, pid, "{other:?}"),
        }
    }
}

pub fn root(why: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: {why} needs root");
    }
    root
}
