//! Runs a program, observes it until it is quiet, and ends it.

use crate::failure::{Failure, error_text};
use crate::probe::facts::{End, Fact, Observation, What};
use crate::probe::notifications::Notifications;
use crate::probe::proc_files as proc;
use crate::probe::progress::Progress;
use crate::probe::quiet::Quiet;
use crate::probe::stage;
use crate::probe::tracer::Tracer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::prctl::set_child_subreaper;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::Pid;
use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);
/// How long a daemon may take to end after SIGTERM.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// More processes than any daemon makes.
const MOST_PROCESSES: usize = 2000;
/// The most bytes of output that are read.
const LONGEST_OUTPUT: u64 = 65_536;

/// A program to run.
pub struct Program {
    /// The path of the program.
    pub path: PathBuf,
    /// The arguments of the program.
    pub arguments: Vec<OsString>,
    /// Variables besides PATH and TERM, each as `KEY=VALUE`.
    pub variables: Vec<OsString>,
}

/// A program that is observed.
pub struct Observer {
    tracer: Tracer,
    notifications: Notifications,
    children: SignalFd,
    output: File,
    child: Child,
    is_traced: bool,
}

impl Observer {
    /// Starts a program, and waits until it runs.
    ///
    /// # Errors
    /// ptrace(2) is refused, or the program cannot be run.
    pub fn start(program: &Program) -> Result<Observer, Failure> {
        let failed = |what: &str, error: std::io::Error| Failure::new(format_args!("{what}: {}", error_text(&error)));
        let system = |error: std::io::Error| failed("Unable to observe a program", error);
        let notifications = Notifications::open().map_err(system)?;
        let mut signals = SigSet::empty();
        signals.add(Signal::SIGCHLD);
        let prepare = || -> Result<(SignalFd, File), Errno> {
            signals.thread_block()?;
            set_child_subreaper(true)?;
            let children = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
            Ok((children, File::from(memfd_create(c"output", MFdFlags::MFD_CLOEXEC)?)))
        };
        let (children, output) = prepare().map_err(|errno| system(errno.into()))?;
        let mut child = launch(program, &notifications.address, &output).map_err(system)?;
        let tracer = Tracer::seize(child.id()).map_err(|error| refused(&mut child, &error))?;
        let mut observer = Observer { tracer, notifications, children, output, child, is_traced: true };
        observer.child.stdin.take().map_or(Ok(()), |mut input| input.write_all(b"\n")).map_err(system)?;
        while observer.is_traced && !observer.tracer.runs {
            observer.turn();
            if let Some(errno) = observer.not_run() {
                let path = program.path.display();
                return Err(failed(&format!("{path} cannot be run"), std::io::Error::from_raw_os_error(errno)));
            }
        }
        Ok(observer)
    }

    /// The errno of a program that could not be run.
    fn not_run(&self) -> Option<i32> {
        self.tracer.facts.iter().find_map(|fact| match fact.what {
            What::Exit(End::Status(errno)) if !self.tracer.runs => Some(errno),
            _ => None,
        })
    }

    /// Takes what has happened, or waits a moment for it.
    fn turn(&mut self) {
        let ready = PollFlags::POLLIN;
        let mut sources = [PollFd::new(self.children.as_fd(), ready), PollFd::new(self.notifications.as_fd(), ready)];
        let pause = PollTimeout::try_from(PAUSE).unwrap_or(PollTimeout::ZERO);
        // An interrupted or failed wait is a short one.
        poll(&mut sources, pause).map(drop).unwrap_or_default();
        while let Ok(Some(_)) = self.children.read_signal() {}
        self.is_traced = self.tracer.take_changes();
        while let Some((sender, text)) = self.notifications.next() {
            self.tracer.note(sender, What::Notified(text));
        }
        if self.tracer.living().len() > MOST_PROCESSES {
            self.kill_all();
        }
    }

    /// Observes until the program is quiet, or for at most that time.
    pub fn watch(&mut self, command: Vec<String>, most: Duration, progress: &mut Progress) -> Observation {
        let start = Instant::now();
        let mut quiet = Quiet::new();
        let mut is_quiet = false;
        while !is_quiet && start.elapsed() < most {
            self.turn();
            let living = self.tracer.living();
            is_quiet =
                living.is_empty() || !self.is_traced || quiet.check(self.tracer.first, &self.tracer.facts, &living);
            progress.tell(living.len(), &self.tracer.facts);
        }
        let (first, facts) = (self.tracer.first, self.tracer.facts.clone());
        Observation { command, first, facts, is_log: false, timed: true, quiet: is_quiet }
    }

    /// Sends SIGTERM to the process group of the daemon, as a supervisor does, and observes how it ends. Returns the
    /// facts from then on, their times counted from the signal, and the processes that are left.
    pub fn terminate(&mut self, daemon: u32, progress: &mut Progress) -> (Vec<Fact>, Vec<u32>) {
        let (begin, known) = (self.tracer.now(), self.tracer.facts.len());
        let group = proc::group_of(daemon).filter(|group| *group > 1).unwrap_or(daemon as i32);
        kill(Pid::from_raw(-group), Signal::SIGTERM).unwrap_or_default();
        let start = Instant::now();
        while self.tracer.living().contains(&daemon) && start.elapsed() < PATIENCE {
            self.turn();
            progress.ending(start.elapsed());
        }
        let end = Instant::now();
        while !self.tracer.living().is_empty() && end.elapsed() < 10 * PAUSE {
            self.turn();
        }
        let since = |fact: &Fact| Fact { at: fact.at.saturating_sub(begin), ..fact.clone() };
        (self.tracer.facts[known..].iter().map(since).collect(), self.tracer.living())
    }

    /// The last lines that the program printed.
    pub fn last_output(&self, lines: usize) -> Vec<String> {
        let mut bytes = vec![];
        // Not by a seek: the program writes at the same offset.
        let length = self.output.metadata().map_or(0, |file| file.len());
        let from = length.saturating_sub(LONGEST_OUTPUT);
        bytes.resize((length - from) as usize, 0);
        let read = self.output.read_exact_at(&mut bytes, from);
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = text.lines().filter(|line| read.is_ok() && !line.trim().is_empty()).collect();
        all[all.len().saturating_sub(lines)..].iter().map(|line| (*line).to_owned()).collect()
    }

    /// Runs a program for a moment and returns what it prints. Everything that it starts is killed.
    pub fn output_of(program: &Program, most: Duration) -> Vec<String> {
        let Ok(mut observer) = Observer::start(program) else { return vec![] };
        let start = Instant::now();
        while observer.is_traced && !observer.tracer.living().is_empty() && start.elapsed() < most {
            observer.turn();
        }
        observer.last_output(usize::MAX)
    }

    fn kill_all(&mut self) {
        for pid in self.tracer.living() {
            kill(Pid::from_raw(pid as i32), Signal::SIGKILL).unwrap_or_default();
        }
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        let start = Instant::now();
        while self.is_traced && !self.tracer.living().is_empty() && start.elapsed() < PATIENCE {
            self.kill_all();
            self.turn();
        }
    }
}

/// Starts the process that waits to be traced.
fn launch(program: &Program, notify: &str, output: &File) -> std::io::Result<Child> {
    let mut command = stage::again(stage::TRACED);
    command.arg(&program.path).args(&program.arguments).env_clear();
    for (name, default) in [("PATH", DEFAULT_PATH), ("TERM", "linux")] {
        command.env(name, std::env::var_os(name).unwrap_or_else(|| default.into()));
    }
    for variable in &program.variables {
        let text = variable.to_string_lossy();
        let (name, value) = text.split_once('=').unwrap_or((&text, ""));
        command.env(name, value);
    }
    command.env("NOTIFY_SOCKET", notify).stdin(Stdio::piped());
    command.stdout(output.try_clone()?).stderr(output.try_clone()?).spawn()
}

/// The path in which a job finds programs if its supervisor has none.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The failure if ptrace(2) is refused.
fn refused(child: &mut Child, error: &std::io::Error) -> Failure {
    // It ends by itself when its standard input is closed.
    drop(child.stdin.take());
    child.wait().map(drop).unwrap_or_default();
    let scope = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    let why = match scope.trim() {
        "3" => "kernel.yama.ptrace_scope is 3, which forbids it until the next boot",
        _ if Path::new("/.dockerenv").exists() => "a container needs the capability SYS_PTRACE (--cap-add=SYS_PTRACE)",
        _ => "a security policy (seccomp, a container) forbids it",
    };
    Failure::Message {
        text: format!("Unable to trace a program: {}: {why}", error_text(error)),
        hint: Some(
            "Make a log where it is allowed: strace -f -o FILE COMMAND; then: initctl probe --strace-log FILE".into(),
        ),
    }
}

/// The path of a program, as a job would find it.
///
/// # Errors
/// There is no such program, or it cannot be executed: the message.
pub fn find(name: &OsString) -> Result<PathBuf, String> {
    let shown = Path::new(name).display();
    let is_file = |path: &Path| path.is_file();
    let path = if name.to_string_lossy().contains('/') {
        let path = std::path::absolute(name).map_err(|error| format!("{shown}: {}", error_text(&error)))?;
        if !path.exists() {
            return Err(format!("{shown}: No such file or directory"));
        }
        path
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = std::env::split_paths(&path).collect::<Vec<_>>();
        let all = own.into_iter().chain(std::env::split_paths(DEFAULT_PATH));
        let found = all.map(|directory| directory.join(name)).find(|path| is_file(path));
        found.ok_or_else(|| format!("{shown}: no program of that name in PATH"))?
    };
    if !is_file(&path) {
        return Err(format!("{shown}: not a file"));
    }
    match nix::unistd::access(&path, nix::unistd::AccessFlags::X_OK) {
        Ok(()) => Ok(path),
        Err(errno) => Err(format!("{shown}: {}", errno.desc())),
    }
}
