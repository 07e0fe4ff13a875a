//! The supervisor as process 1.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::unistd::geteuid;

use super::client::Client;
use super::processes::{self, Signal};
use super::{Folder, PATIENCE, Ran, programs, run, skipped};

/// The supervisor as process 1 of a namespace, for which some system calls fail.
pub struct First {
    folder: Folder,
    outside: Child,
    /// The process id outside of the namespace.
    pub pid: u32,
}

impl First {
    /// Starts it with these job files and options; `inject` is an option of strace, or empty.
    pub fn start(jobs: &[(&str, &str)], inject: &str, options: &[&str]) -> First {
        let traced = if inject.is_empty() { String::new() } else { format!("strace -D -qq -o /dev/null {inject} ") };
        First::start_by(jobs, &format!("exec {traced}"), options)
    }

    /// Starts it with these job files and options by a command of the shell, to which the program is appended.
    pub fn start_by(jobs: &[(&str, &str)], command: &str, options: &[&str]) -> First {
        First::start_program(&programs::built().init, jobs, command, options)
    }

    /// The same with another `init`, and with `@FOLDER@` in its path, the command and the options.
    pub fn start_program(init: &Path, jobs: &[(&str, &str)], command: &str, options: &[&str]) -> First {
        let folder = Folder::new();
        for below in ["conf", "log"] {
            folder.below(below);
        }
        for (name, text) in jobs {
            folder
                .write(&format!("conf/{name}.conf"), &text.replace("@FOLDER@", &folder.path("").display().to_string()));
        }
        let place = folder.path("");
        let place = place.display();
        let init = init.display().to_string().replace("@FOLDER@", &place.to_string());
        let options = options.iter().map(|option| option.replace("@FOLDER@", &place.to_string()));
        let command = command.replace("@FOLDER@", &place.to_string());
        let inside = format!(
            "{command}{init} --no-startup-event --confdir {place}/conf --logdir {place}/log \
             --socket {place}/control \"$@\""
        );
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]);
        command.args(["sh", "-c", &inside, "sh"]).args(options).stdin(Stdio::null()).stdout(Stdio::null());
        let outside = command.stderr(Stdio::null()).spawn().expect("unshare runs");
        let mut first = First { folder, outside, pid: 0 };
        first.pid = first.await_some("a first process", |first| {
            let inside = processes::descendants(first.outside.id());
            inside.iter().find(|process| process.name == "init").map(|process| process.pid)
        });
        first
    }

    /// Waits until `look` finds something. Process 1 must not end meanwhile.
    pub fn await_some<T>(&mut self, what: &str, mut look: impl FnMut(&First) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look(self) {
                return found;
            }
            let ended = self.outside.try_wait().expect("it is our child");
            assert!(ended.is_none(), "process 1 has ended ({what}): {ended:?}");
            assert!(Instant::now() < end, "waited in vain: {what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until process 1 has ended; returns its exit status.
    pub fn await_end(mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.outside.try_wait().expect("it is our child") {
                self.pid = 0;
                return status.code();
            }
            assert!(Instant::now() < end, "process 1 does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The folder, in which job files, output and sockets are.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The path of the control socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.path("control")
    }

    /// Runs a command of the shell in its namespaces.
    pub fn run_inside(&self, command: &str) {
        let target = self.pid.to_string();
        let inside = ["--target", &target, "--pid", "--mount", "sh", "-c", command];
        let status = Command::new("nsenter").args(inside).status();
        assert!(status.is_ok_and(|status| status.success()), "{command}");
    }

    /// A path in its namespaces.
    pub fn path_inside(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.pid)).join(path)
    }

    /// Runs `initctl ARGUMENTS` against it.
    pub fn initctl(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(&programs::built().initctl);
        command.env_clear().arg("--socket").arg(self.socket()).args(arguments);
        run(command)
    }

    /// A client that gets replies.
    pub fn client(&mut self) -> Client {
        self.await_some("a socket", |first| Client::connect(&first.socket()).ok())
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if self.pid != 0 {
            processes::send(self.pid, Signal::SIGKILL);
        }
        self.outside.kill().unwrap_or_default();
        self.outside.wait().map(drop).unwrap_or_default();
    }
}

/// Whether process 1 of a namespace can be started. If not, prints that the test is skipped.
pub fn is_possible() -> bool {
    let works = || Command::new("unshare").args(["--mount", "--pid", "--fork", "--mount-proc", "true"]).status();
    let has = geteuid().is_root() && works().is_ok_and(|status| status.success());
    if !has {
        skipped("no namespaces here");
    }
    has
}
