//! The built programs on the real kernel: `init --user` with a test's own job files, and `initctl`.
//!
//! Each [`System`] has its own folder for job files, logs, sockets and data. When it is dropped, it kills every process
//! that it started, also when the test fails.

pub mod client;
pub mod first;
pub mod folder;
pub mod limits;
pub mod processes;
pub mod programs;

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

pub use folder::Folder;
pub use processes::Process;

/// The most time to wait for anything: far longer than it takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two checks while waiting.
const PAUSE: Duration = Duration::from_millis(3);

/// The environment variable that marks the processes of a system.
const MARK: &str = "UPHOLD_TEST_SYSTEM";

/// The output of a program, and its exit code.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ran {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// Exit code.
    pub code: i32,
}

/// The settings with which a supervisor is started.
#[derive(Clone)]
struct Settings {
    program: PathBuf,
    conf: PathBuf,
    options: Vec<String>,
    variables: Vec<(String, String)>,
}

/// The settings with which a supervisor is started, and its folder.
pub struct Launch {
    settings: Settings,
    folder: Folder,
}

impl Launch {
    /// Settings for these job files, each with its name without `.conf` and its text. `@FOLDER@` in a text becomes the
    /// system's folder.
    pub fn new(jobs: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        for below in ["conf", "log", "home", "run"] {
            folder.below(below);
        }
        let conf = folder.path("conf");
        for (name, text) in jobs {
            let text = text.replace("@FOLDER@", &folder.path("").display().to_string());
            fs::write(conf.join(format!("{name}.conf")), text).expect("a job file is written");
        }
        let program = programs::built().init.clone();
        Launch { settings: Settings { program, conf, options: Vec::new(), variables: Vec::new() }, folder }
    }

    /// Sets another program than the built `init`.
    pub fn program(mut self, program: &Path) -> Self {
        self.settings.program = program.into();
        self
    }

    /// Sets another directory of job files.
    pub fn conf_dir(mut self, directory: &Path) -> Self {
        self.settings.conf = directory.into();
        self
    }

    /// Adds an option.
    pub fn option(mut self, option: &str) -> Self {
        self.settings.options.push(option.into());
        self
    }

    /// Adds a variable to the environment.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.settings.variables.push((name.into(), value.into()));
        self
    }

    /// The folder of the system, which has room for the jobs' data.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Starts the supervisor, and waits until it accepts connections.
    pub fn start(self) -> System {
        let Launch { settings, folder } = self;
        let init = settings.command(&folder).spawn().unwrap_or_else(|error| panic!("init: {error}"));
        let mark = folder.path("").display().to_string();
        let mut system = System { folder, init, mark, settings, session: None };
        system.await_socket();
        system
    }
}

impl Settings {
    /// The socket that the options name.
    fn socket(&self) -> Option<&str> {
        self.options.iter().find_map(|option| option.strip_prefix("--socket="))
    }

    /// The command that starts the supervisor.
    fn command(&self, folder: &Folder) -> Command {
        let messages = File::options().create(true).append(true).open(folder.path("messages"));
        let messages = messages.expect("a file for messages");
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", path()).env("TERM", "linux").env(MARK, folder.path(""));
        command.env("HOME", folder.path("home")).env("XDG_RUNTIME_DIR", folder.path("run"));
        command.envs(self.variables.clone());
        command.arg("--user").arg("--confdir").arg(&self.conf);
        command.arg("--logdir").arg(folder.path("log")).args(&self.options);
        command.stdin(Stdio::null()).stderr(messages.try_clone().expect("one more descriptor")).stdout(messages);
        command
    }
}

/// The test's own `PATH`, followed by the directories of daemons.
fn path() -> String {
    let own = std::env::var("PATH").unwrap_or_default();
    format!("{own}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
}

/// A running supervisor.
pub struct System {
    folder: Folder,
    init: Child,
    mark: String,
    settings: Settings,
    /// The session that outlives its supervisor.
    session: Option<String>,
}

impl System {
    /// Starts a supervisor with job files, each with its name without `.conf` and its text.
    pub fn start(jobs: &[(&str, &str)]) -> System {
        Launch::new(jobs).start()
    }

    fn await_socket(&mut self) {
        let socket = self.socket();
        self.await_some("a socket that answers", |system| {
            if let Some(status) = system.init.try_wait().expect("init is our child") {
                panic!("init ended before it was ready: {status}\n{}", system.log());
            }
            std::os::unix::net::UnixStream::connect(&socket).ok()
        });
    }

    /// Whether the supervisor has ended.
    pub fn has_ended(&mut self) -> bool {
        self.init.try_wait().expect("it is our child").is_some()
    }

    /// Kills the supervisor by SIGKILL.
    pub fn kill(&mut self) {
        if self.session.is_none() {
            self.session = Some(self.session());
        }
        self.init.kill().expect("it is our child");
        self.init.wait().expect("it is our child");
    }

    /// Starts a new supervisor after the end of the one before.
    pub fn start_again(&mut self) {
        self.start_again_with(|command| command);
    }

    /// The same with other settings.
    pub fn start_again_with(&mut self, change: impl FnOnce(&mut Command) -> &mut Command) {
        self.init = change(&mut self.settings.command(&self.folder)).spawn().expect("it can be run");
        self.await_socket();
    }

    /// The supervisor's process id.
    pub fn pid(&self) -> u32 {
        self.init.id()
    }

    /// The folder of this system.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The path of the control socket.
    pub fn socket(&self) -> PathBuf {
        let usual = || self.folder.path("run/uphold").join(self.pid().to_string()).join("control");
        self.settings.socket().map_or_else(usual, PathBuf::from)
    }

    /// The address of the socket for users that cannot look into this user's directories: `unix:abstract=NAME`.
    pub fn session(&mut self) -> String {
        let file = self.folder.path("run/upstart/sessions").join(format!("{}.session", self.pid()));
        // The file is written shortly after the first socket accepts connections.
        self.await_some("a session", |_| {
            let text = fs::read_to_string(&file).ok()?;
            Some(text.strip_prefix("UPSTART_SESSION=")?.strip_suffix('\n')?.to_owned())
        })
    }

    fn client(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&programs::built().initctl);
        command.env_clear().env("XDG_RUNTIME_DIR", self.folder.path("run")).args(["--user"]);
        command.args(self.settings.socket().map(|path| format!("--socket={path}"))).args(arguments);
        command
    }

    /// Runs `initctl ARGUMENTS` against this supervisor.
    pub fn initctl(&self, arguments: &[&str]) -> Ran {
        run(self.client(arguments))
    }

    /// The same in the background, with the output discarded.
    pub fn begin(&self, arguments: &[&str]) -> Child {
        let mut command = self.client(arguments);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// The same, with standard error written to a file, and standard output to one with the extension `out`.
    pub fn begin_and_note(&self, arguments: &[&str], file: &Path) -> Child {
        let mut command = self.client(arguments);
        let create = |path: &Path| File::create(path).expect("a file is made");
        command.stdin(Stdio::null()).stdout(create(&file.with_extension("out"))).stderr(create(file));
        command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// Runs `initctl ARGUMENTS`, which must succeed, and returns its output.
    pub fn order(&self, arguments: &[&str]) -> String {
        let ran = self.initctl(arguments);
        assert_eq!(ran.code, 0, "initctl {arguments:?}: {ran:?}\n{}", self.log());
        ran.out
    }

    /// The output of `initctl status JOB`, without the newline.
    pub fn status(&self, job: &str) -> String {
        self.order(&["status", job]).trim_end().to_owned()
    }

    /// The main process of a job from `initctl status`, also while the job starts or stops.
    pub fn main_process(&self, job: &str) -> Option<u32> {
        process_in(self.status(job).lines().next()?)
    }

    /// Waits until a job's status is `GOAL/STATE`, and returns its main process if it has one.
    pub fn await_state(&mut self, job: &str, state: &str) -> Option<u32> {
        let wanted = format!("{job} {state}");
        let line = self.await_some(&format!("status {wanted}"), |system| {
            let status = system.status(job);
            let line = status.lines().next().unwrap_or_default().to_owned();
            (line == wanted || line.starts_with(&format!("{wanted},"))).then_some(line)
        });
        process_in(&line)
    }

    /// Waits until a job runs, and returns its main process.
    pub fn await_running(&mut self, job: &str) -> u32 {
        self.await_replacement(job, 0)
    }

    /// Waits until a job runs with another main process than `old`, and returns it.
    pub fn await_replacement(&mut self, job: &str, old: u32) -> u32 {
        let running = format!("{job} start/running, process ");
        self.await_some(&format!("a main process of {job} other than {old}"), |system| {
            let status = system.status(job);
            let line = status.lines().next().filter(|line| line.starts_with(&running))?;
            process_in(line).filter(|&pid| pid != old)
        })
    }

    /// The log of the supervisor.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path("messages")).unwrap_or_default()).into_owned()
    }

    /// Waits until the log has a line, with or without `init: ` in front.
    pub fn await_log(&mut self, line: &str) {
        self.await_some(&format!("message: {line}"), |system| system.has_said(line).then_some(()));
    }

    /// Whether the log has a line.
    pub fn has_said(&self, line: &str) -> bool {
        self.log().lines().any(|said| said.strip_prefix("init: ").unwrap_or(said) == line)
    }

    /// The logged output of a job (`console log`).
    pub fn output(&self, job: &str) -> String {
        fs::read_to_string(self.folder.path("log").join(format!("{job}.log"))).unwrap_or_default()
    }

    /// Waits until `look` finds something, and returns it.
    pub fn await_some<T>(&mut self, what: &str, mut look: impl FnMut(&mut System) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            assert!(Instant::now() < end, "waited in vain: {what}\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// Every process that belongs to this system, without the supervisor.
    pub fn processes(&self) -> Vec<Process> {
        let mut found = processes::descendants(self.pid());
        let of_session = self.session.iter().flat_map(|session| processes::marked("UPSTART_SESSION", session));
        for process in processes::marked(MARK, &self.mark).into_iter().chain(of_session) {
            if process.pid != self.pid() && !found.contains(&process) {
                found.push(process);
            }
        }
        found
    }

    /// Waits until exactly `count` processes belong to this system: a process that has forked may take a moment to
    /// exit.
    pub fn await_processes(&mut self, count: usize) {
        self.await_some(&format!("{count} processes"), |system| (system.processes().len() == count).then_some(()));
    }

    /// Ends the supervisor by a signal. Asserts that it exits with success, and leaves no process and no socket.
    pub fn end(mut self, signal: processes::Signal) {
        let before = self.processes();
        let status = self.end_init(signal, PATIENCE);
        let status = status.unwrap_or_else(|| panic!("init does not end\n{}", self.log()));
        assert!(status.success(), "init: {status}\n{}", self.log());
        let mut left = self.processes();
        left.extend(before.into_iter().filter(Process::is_alive));
        assert_eq!(left, [], "left running\n{}", self.log());
        assert!(!self.socket().exists(), "the socket is left behind");
    }

    fn end_init(&mut self, signal: processes::Signal, patience: Duration) -> Option<ExitStatus> {
        processes::send(self.pid(), signal);
        let end = Instant::now() + patience;
        loop {
            match self.init.try_wait() {
                Ok(None) if Instant::now() < end => std::thread::sleep(PAUSE),
                ended => return ended.ok().flatten(),
            }
        }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("what init said:\n{}", self.log());
        }
        let ended = matches!(self.init.try_wait(), Ok(Some(_)) | Err(_));
        // A stopped supervisor starts no processes, so all of them can be killed. A process that escapes one round is
        // found in the next.
        if !ended {
            processes::send(self.pid(), processes::Signal::SIGSTOP);
        }
        for _ in 0..100 {
            let left: Vec<_> = self.processes().into_iter().filter(Process::is_alive).collect();
            if left.is_empty() {
                break;
            }
            left.iter().for_each(|process| processes::send(process.pid, processes::Signal::SIGKILL));
            std::thread::sleep(PAUSE);
        }
        if !ended {
            // The supervisor may have ended already.
            self.init.kill().unwrap_or_default();
            self.init.wait().map(drop).unwrap_or_default();
        }
    }
}

/// The process in a line of `initctl status`.
fn process_in(line: &str) -> Option<u32> {
    line.split_once(", process ")?.1.trim().parse().ok()
}

/// Runs a program to its end, and kills it if it hangs.
pub fn run(command: Command) -> Ran {
    run_within(command, PATIENCE)
}

/// The same with another time limit.
pub fn run_within(command: Command, patience: Duration) -> Ran {
    let shown = format!("{command:?}");
    run_if_it_ends(command, patience).unwrap_or_else(|| panic!("{shown} does not end"))
}

/// Runs a program to its end; if it hangs, kills it and returns `None`.
pub fn run_if_it_ends(mut command: Command, patience: Duration) -> Option<Ran> {
    let shown = format!("{command:?}");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap_or_else(|error| panic!("{shown}: {error}"));
    let pid = child.id();
    let (done, ended) = channel();
    let waiter = std::thread::spawn(move || {
        let output = child.wait_with_output();
        // The receiver may have given up.
        done.send(()).unwrap_or_default();
        output
    });
    let hangs = ended.recv_timeout(patience).is_err();
    if hangs {
        processes::send(pid, processes::Signal::SIGKILL);
    }
    let output = waiter.join().expect("the waiting thread does not fail").expect("its end is told");
    let ran = Ran {
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap_or(-1),
    };
    (!hangs).then_some(ran)
}

/// Prints why a test, or a part of one, is skipped.
pub fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// Job files that differ in a number only: it replaces `@N@` in the name and in the text.
pub fn numbered(count: usize, name: &str, text: &str) -> Vec<(String, String)> {
    let mut number = String::new();
    let numbers = (0..count).map(|index| {
        number.clear();
        write!(number, "{index}").expect("a string takes it");
        (name.replace("@N@", &number), text.replace("@N@", &number))
    });
    numbers.collect()
}
