//! One of the two systems to compare: an `init` and its `initctl`, driven by what both Upstart and Uphold understand.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::system::processes::{self, Signal};
use crate::system::{Folder, Ran, run_if_it_ends};

/// The most time for an answer. A program that takes longer hangs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// The environment variable that marks the processes of a run.
const MARK: &str = "COMPARE_RUN";

/// The names under which `initctl` is a command.
pub const LINKS: [&str; 5] = ["start", "stop", "restart", "reload", "status"];

/// The programs of a system.
#[derive(Clone, Debug)]
pub struct Side {
    /// `init`.
    pub init: PathBuf,
    /// `initctl`.
    pub initctl: PathBuf,
}

/// A session's `init` that runs, with its own folder.
pub struct Run {
    folder: Folder,
    init: Child,
    session: String,
    mark: String,
}

impl Side {
    /// The system with these programs.
    ///
    /// # Errors
    /// There is no such program.
    pub fn new(init: &Path, initctl: &Path) -> Result<Side, String> {
        let program = |path: &Path| fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()));
        Ok(Side { init: program(init)?, initctl: program(initctl)? })
    }

    /// Starts `init` with job files, each with its name in the directory and its text. `@DIR@` in a text becomes the
    /// folder of the run.
    ///
    /// # Errors
    /// `init` ends, or never answers: what it said.
    pub fn start(&self, files: &[(String, String)]) -> Result<Run, String> {
        let folder = Folder::new();
        for below in ["conf", "log", "run", "home", "bin"] {
            folder.below(below);
        }
        for name in LINKS.into_iter().chain(["initctl"]) {
            symlink(&self.initctl, folder.path("bin").join(name)).expect("a link is made");
        }
        let mark = folder.path("").display().to_string();
        let said = File::create(folder.path("said")).expect("a file is made");
        let mut command = Command::new(&self.init);
        command.env_clear().env("PATH", PATH).env("TERM", "linux").env(MARK, &mark).env("HOME", folder.path("home"));
        command.env("XDG_RUNTIME_DIR", folder.path("run")).args(["--user", "--no-dbus", "--no-startup-event"]);
        command.arg("--confdir").arg(folder.path("conf")).arg("--logdir").arg(folder.path("log"));
        command.current_dir(folder.path("home"));
        command.stdin(Stdio::null()).stderr(said.try_clone().expect("one more descriptor")).stdout(said);
        for (name, text) in files {
            put(&folder, name, text);
        }
        let init = command.spawn().map_err(|error| format!("init does not start: {error}\n"))?;
        let mut run = Run { folder, init, session: String::new(), mark };
        match run.await_session() {
            true => Ok(run),
            false => {
                let ended = run.ended().unwrap_or("it hangs".into());
                Err(format!("init does not start: {ended}\n{}", run.said()))
            }
        }
    }
}

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Writes a job file, which is there as a whole at once.
fn put(folder: &Folder, name: &str, text: &str) {
    let path = folder.path("conf").join(name);
    let parent = path.parent().expect("it is below a folder");
    fs::create_dir_all(parent).expect("a folder is made");
    let text = text.replace("@DIR@", &folder.path("").display().to_string());
    let draft = folder.path("draft");
    fs::write(&draft, text).and_then(|()| fs::rename(&draft, &path)).expect("a job file is written");
}

impl Run {
    /// Waits until `init` has written its address, and answers.
    fn await_session(&mut self) -> bool {
        let file = self.path("run/upstart/sessions").join(format!("{}.session", self.init.id()));
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end && self.ended().is_none() {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if let Some(address) = text.strip_prefix("UPSTART_SESSION=").and_then(|text| text.strip_suffix('\n')) {
                self.session = address.to_owned();
                if self.answers() {
                    return true;
                }
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    /// Whether `init` answers.
    pub fn answers(&self) -> bool {
        self.ask("initctl", &["version"]).is_some_and(|ran| ran.code == 0)
    }

    /// How `init` has ended, if it has.
    pub fn ended(&mut self) -> Option<String> {
        self.init.try_wait().expect("init is a child of this process").map(|status| status.to_string())
    }

    /// The process id of `init`.
    pub fn pid(&self) -> u32 {
        self.init.id()
    }

    /// The path of a name in the folder of the run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path(name)
    }

    /// Writes a job file.
    pub fn put(&self, name: &str, text: &str) {
        put(&self.folder, name, text);
    }

    /// Writes a program, in which `@DIR@` is the folder of the run.
    pub fn script(&self, name: &str, text: &str) {
        self.folder.script(name, &text.replace("@DIR@", &self.folder.path("").display().to_string()));
    }

    /// A client: `initctl`, or a link to it.
    pub fn client(&self, program: &str, arguments: &[&str]) -> Command {
        // Found in the folder: messages begin with the name under which a program was started.
        let mut command = Command::new(program);
        let bin = self.path("bin").display().to_string();
        command.env_clear().env("PATH", format!("{bin}:{PATH}")).env("UPSTART_SESSION", &self.session);
        command.env("XDG_RUNTIME_DIR", self.path("run")).env(MARK, &self.mark);
        command.args(arguments).current_dir(self.path("home"));
        command
    }

    /// Runs a client; `None` if it takes too long.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Option<Ran> {
        self.ask_within(program, arguments, PATIENCE)
    }

    /// The same with another bound.
    pub fn ask_within(&self, program: &str, arguments: &[&str], patience: Duration) -> Option<Ran> {
        run_if_it_ends(self.client(program, arguments), patience)
    }

    /// The messages of `init`, without the folder's name.
    pub fn said(&self) -> String {
        let text = fs::read(self.path("said")).unwrap_or_default();
        self.plain(&String::from_utf8_lossy(&text))
    }

    /// A text without what differs from run to run: the folder, the address of the session, and process ids.
    pub fn plain(&self, text: &str) -> String {
        let text = match self.session.is_empty() {
            true => text.to_owned(),
            false => text.replace(&self.session, "SESSION"),
        };
        let text = text.replace(&self.mark, "DIR").replace(&format!("{} SESSION", self.pid()), "INIT SESSION");
        without_process_ids(&text)
    }

    /// Replaces the program of `init` by a new run: by D-Bus if `initctl` cannot.
    pub fn re_execute(&self) -> bool {
        let own = self.ask("initctl", &["restart-init"]).is_some_and(|ran| ran.code == 0);
        if !own {
            let mut command = self.client("dbus-send", &["--type=method_call", "--print-reply=literal"]);
            command.arg(format!("--peer={}", self.session));
            command.args(["/com/ubuntu/Upstart", "com.ubuntu.Upstart0_6.Restart"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if command.status().is_err() {
                return false;
            }
        }
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.answers() {
                return true;
            }
            std::thread::sleep(PAUSE);
        }
        false
    }

    /// Ends `init` by SIGTERM, and reports how it ended.
    pub fn finish(mut self) -> String {
        processes::send(self.pid(), Signal::SIGTERM);
        let end = Instant::now() + PATIENCE;
        loop {
            match self.ended() {
                Some(status) => return status,
                None if Instant::now() > end => return "does not end".into(),
                None => std::thread::sleep(PAUSE),
            }
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        match self.init.try_wait() {
            // Nothing is left of a session that has ended well.
            Ok(Some(status)) if status.success() => return,
            Ok(None) => {
                // It starts nothing more.
                processes::send(self.pid(), Signal::SIGSTOP);
                children(self.pid()).into_iter().for_each(|pid| processes::send(pid, Signal::SIGKILL));
                self.init.kill().and_then(|()| self.init.wait()).expect("it is killed");
            }
            _ => {}
        }
        for process in processes::marked(MARK, &self.mark) {
            processes::send(process.pid, Signal::SIGKILL);
        }
    }
}

/// The descendants of a process.
fn children(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut at = 0;
    while let Some(pid) = family.get(at) {
        let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        family.extend(text.split_ascii_whitespace().filter_map(|word| word.parse::<u32>().ok()));
        at += 1;
    }
    family.split_off(1)
}

/// Puts `PID` in the place of the number after `process `, in parentheses or not.
fn without_process_ids(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("process ") {
        let (before, after) = rest.split_at(at + "process ".len());
        let after_mark = after.strip_prefix('(').unwrap_or(after);
        let digits = after_mark.bytes().take_while(u8::is_ascii_digit).count();
        plain.push_str(before);
        if digits > 0 {
            plain.push_str(&after[..after.len() - after_mark.len()]);
            plain.push_str("PID");
            rest = &after_mark[digits..];
        } else {
            rest = after;
        }
    }
    plain + rest
}
