//! Daemons from Debian's packages, each with the right stanza, with wrong ones and with `expect auto`: the job runs
//! with the daemon's own process or fails with a reason, and `stop` leaves no process behind.
//!
//! Their files are in the test's folder. Daemons that need fixed paths or ports run in mount and network namespaces of
//! their own. Daemons that are not installed, or need rights that the test lacks, are skipped.

#[path = "real_daemons/table.rs"]
mod table;

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::unistd::{User, geteuid};
use table::{DAEMONS, Daemon};
use uphold_tests::system::programs::{built, installed};
use uphold_tests::system::{Folder, Launch, System, skipped};
use uphold_tests::walk::{Group, Job, Outcome, play};

/// The settings to try with each daemon: of the first three, one is right and two are wrong.
const SETTINGS: [&str; 4] = ["none", "fork", "daemon", "auto"];

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

/// A script that executes the supervisor in namespaces of its own.
fn private_init(folder: &Folder) -> PathBuf {
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
    folder.write("prepare", &format!("mount --make-rprivate / || exit\n{binds}exec \"$@\"\n"));
    let init = built().init.display();
    let prepare = folder.path("prepare");
    let text = format!("#!/bin/sh\nexec unshare --mount --net sh '{}' '{init}' \"$@\"\n", prepare.display());
    folder.script("private-init", &text)
}

impl Daemon {
    /// The reason to skip the daemon, if there is one.
    fn obstacle(&self) -> Option<String> {
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

    /// A supervisor whose one job is this daemon.
    fn group(&self, setting: &str) -> Group {
        let launch = Launch::new(&[]);
        let folder = launch.folder();
        folder.below("data");
        folder.write("settings", &self.fill(self.settings, folder));
        if self.needs_key {
            let mut command = Command::new("ssh-keygen");
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.path("key")).stdin(Stdio::null());
            assert!(command.status().is_ok_and(|status| status.success()), "{command:?}");
        }
        let job = format!("respawn\nrespawn limit 3 60\nexpect {setting}\n{}\n", self.fill(self.job, folder));
        folder.write(&format!("conf/{}.conf", self.program), &job);
        let notes = vec![PathBuf::from(self.fill(self.pid_file, folder))];
        let job = Job {
            name: self.program.into(),
            at: folder.path("data"),
            notes,
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

    /// Compares an outcome with the required one. Returns the difference.
    fn mistake(&self, setting: &str, outcome: &Outcome) -> Option<String> {
        match outcome {
            Outcome::Wrong(what) => Some(what.clone()),
            Outcome::Right => None,
            Outcome::Adopted if setting != self.right => None,
            Outcome::Failed(_) if setting != self.right && setting != "auto" => None,
            other => Some(format!("expect {} is right, and yet: {other}", self.right)),
        }
    }

    /// Asserts what the log says of a file without `expect` whose daemon has run once: how often it forks cannot be
    /// known from that, and its second launch shows it.
    fn is_learned(&self, group: &mut Group) {
        let system = group.system();
        let about = format!("{} expected none, saw ", self.program);
        let advice = |system: &System| {
            let lines = system.log().lines().filter_map(|line| Some(line.split_once(&about)?.1.to_owned())).collect();
            let lines: Vec<String> = lines;
            lines
        };
        system.order(&["start", self.program]);
        let told = system.await_some("the lesson", |system| Some(advice(system)).filter(|told| told.len() > 1));
        let (first, second) = (&told[0], &told[1]);
        assert!(first.ends_with("the next launch is traced to learn which is right"), "{told:?}");
        assert!(second.ends_with(&format!("; \"expect {}\" is right", self.right)), "{told:?}");
        system.order(&["stop", self.program]);
        system.await_processes(0);
        assert_eq!(advice(system).len(), 2, "{}", system.log());
    }
}

/// Tries a daemon with every setting at the same time.
fn try_out(program: &str) {
    let daemon = DAEMONS.iter().find(|daemon| daemon.program == program).expect("it has a row");
    if let Some(why) = daemon.obstacle() {
        return skipped(&why);
    }
    let mut groups: Vec<Group> = SETTINGS.iter().map(|setting| daemon.group(setting)).collect();
    play(&mut groups);
    let mut mistakes = Vec::new();
    for (setting, group) in SETTINGS.iter().zip(&groups) {
        for case in &group.cases {
            println!("{program} with {setting}: {} ({})", case.outcome, case.said.join(" | "));
            mistakes
                .extend(daemon.mistake(setting, &case.outcome).map(|what| format!("{program} with {setting}: {what}")));
        }
    }
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
    let mut none = groups.remove(0);
    if daemon.right != "none" {
        daemon.is_learned(&mut none);
    }
    none.end();
    groups.into_iter().for_each(Group::end);
}

/// One test for each row of the table.
macro_rules! tests {
    ($($name:ident: $program:literal,)*) => {
        $(#[test]
        fn $name() {
            try_out($program);
        })*

        #[test]
        fn every_row_is_a_test() {
            let tried = [$($program),*];
            let rows: Vec<&str> = DAEMONS.iter().map(|daemon| daemon.program).collect();
            assert_eq!(rows, tried);
        }
    };
}

tests! {
    nginx: "nginx",
    redis: "redis-server",
    memcached: "memcached",
    openssh: "sshd",
    cron: "cron",
    at: "atd",
    rsyslog: "rsyslogd",
    dnsmasq: "dnsmasq",
    lighttpd: "lighttpd",
    haproxy: "haproxy",
    dbus: "dbus-daemon",
    mariadb: "mariadbd",
}
