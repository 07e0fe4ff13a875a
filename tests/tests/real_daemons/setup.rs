//! How a daemon of the table is run: its folder, its files, and namespaces of its own.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};
use uphold_tests::system::programs::{built, installed};
use uphold_tests::system::{Folder, Launch};
use uphold_tests::walk::{Group, Job};

use crate::table::{DAEMONS, Daemon};

/// Whether namespaces are available.
fn can_unshare() -> bool {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "true"]).stdin(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Paths of the system that daemons use, and their replacements.
#[rustfmt::skip]
const PLACES: [(&str, &str); 4] = [
    ("system-run",   "/run"),
    ("spool",        "/var/spool/cron"),
    ("cron.d",       "/etc/cron.d"),
    ("crontab",      "/etc/crontab"),
];

/// A script that prepares the paths of the system in namespaces of its own, and executes its arguments.
fn preparation(folder: &Folder) -> PathBuf {
    for directory in
        ["system-run", "system-run/sshd", "spool", "spool/crontabs", "spool/atjobs", "spool/atspool", "cron.d"]
    {
        std::fs::set_permissions(folder.below(directory), PermissionsExt::from_mode(0o755))
            .expect("the folder is ours");
    }
    folder.write("crontab", "");
    if let Ok(Some(user)) = User::from_name("daemon") {
        for directory in ["spool/atjobs", "spool/atspool"] {
            chown(folder.path(directory), Some(user.uid.as_raw()), Some(user.gid.as_raw()))
                .expect("the folder is ours");
        }
    }
    let exists = |(_, place): &&(&str, &str)| Path::new(place).exists();
    let bind =
        |(from, place): &(&str, &str)| format!("mount --bind '{}' {place} || exit\n", folder.path(from).display());
    let binds: String = PLACES.iter().filter(exists).map(bind).collect();
    folder.write("prepare", &format!("mount --make-rprivate / || exit\n{binds}exec \"$@\"\n"))
}

/// A script that executes the supervisor in namespaces of its own.
fn private_init(folder: &Folder) -> PathBuf {
    let init = built().init.display();
    let prepare = preparation(folder);
    let text = format!("#!/bin/sh\nexec unshare --mount --net sh '{}' '{init}' \"$@\"\n", prepare.display());
    folder.script("private-init", &text)
}

impl Daemon {
    /// The row of a program.
    pub fn of(program: &str) -> &'static Daemon {
        DAEMONS.iter().find(|daemon| daemon.program == program).expect("it has a row")
    }

    /// The reason to skip the daemon, if there is one.
    pub fn obstacle(&self) -> Option<String> {
        if installed(self.program).is_none() {
            return Some(format!("{} is not installed", self.program));
        }
        let refused = self.private && !(geteuid().is_root() && can_unshare());
        refused.then(|| format!("{} needs namespaces, and root", self.program))
    }

    fn fill(&self, text: &str, folder: &Folder) -> String {
        let root = if geteuid().is_root() { self.as_root } else { "" };
        let program = installed(self.program).unwrap_or_default().display().to_string();
        text.replace("@ROOT@", root)
            .replace("@PROGRAM@", &program)
            .replace("@FOLDER@", &folder.path("").display().to_string())
    }

    /// A folder with the files of the daemon.
    pub fn launch(&self) -> Launch {
        let launch = Launch::new(&[]);
        let folder = launch.folder();
        folder.below("data");
        folder.write("settings", &self.fill(self.settings, folder));
        if self.needs_key {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.path("key")).stdin(Stdio::null());
            assert!(command.status().is_ok_and(|status| status.success()), "{command:?}");
        }
        launch
    }

    /// The stanzas that run it.
    pub fn stanzas(&self, folder: &Folder) -> String {
        self.fill(self.job, folder)
    }

    /// The file to which it writes its process id.
    pub fn note(&self, folder: &Folder) -> PathBuf {
        PathBuf::from(self.fill(self.pid_file, folder))
    }

    /// A command, in namespaces of its own if the daemon needs them.
    #[allow(dead_code)] // Not every test has commands.
    pub fn command(&self, folder: &Folder, words: &[&str]) -> Command {
        let mut command = Command::new(if self.private { "unshare" } else { words[0] });
        match self.private {
            true => command.args(["--mount", "--net", "sh"]).arg(preparation(folder)).args(words),
            false => command.args(&words[1..]),
        };
        command
    }

    /// A supervisor whose one job is this daemon.
    pub fn group(&self, launch: Launch, job: &str) -> Group {
        let folder = launch.folder();
        folder.write(&format!("conf/{}.conf", self.program), job);
        let job = Job {
            name: self.program.into(),
            at: folder.path("data"),
            notes: vec![self.note(folder)],
            stays: self.stays,
            may_leave: false,
            may_stand: false,
        };
        let launch = if self.private {
            let program = private_init(folder);
            launch.program(&program)
        } else {
            launch
        };
        Group::new(launch.start(), vec![job])
    }
}
