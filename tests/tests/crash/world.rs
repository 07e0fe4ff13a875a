//! A world whose process 1 crashes, with services of every kind.

use std::fs;
use std::path::Path;

use uphold_core::Target;
use uphold_core::control::Request;
use uphold_tests::system::client::Client;
use uphold_tests::system::first::First;
use uphold_tests::system::processes;

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// A command that collects the kernel log of the world in the file `messages`, and leads its console to a file.
const COLLECT: &str = "mkfifo @FOLDER@/kmsg; : > @FOLDER@/console; exec 9<> @FOLDER@/kmsg
cat <&9 >> @FOLDER@/messages & exec 9>&-
mount --bind @FOLDER@/kmsg /dev/kmsg; mount --bind @FOLDER@/console /dev/console
printf '#!/bin/sh\\necho $$ >> @FOLDER@/rescued\\nexec sleep 1000\\n' > @FOLDER@/rescue; chmod 755 @FOLDER@/rescue
exec ";

/// The option with a program for a person that only notes its process id.
const RESCUE: &str = "--rescue=@FOLDER@/rescue";

/// Services of every kind; each has an instance without a name, or some with.
pub(crate) const SERVICES: [(&str, &str); 17] = [
    ("plain", "exec sleep 1000"),
    ("quiet", "console none\nexec sleep 1000"),
    ("shell", "script\n  sleep 1000\nend script"),
    ("hooked", "pre-start exec true\npost-start exec true\npre-stop exec true\nexec sleep 1000"),
    ("respawning", "respawn\nexec sleep 1000"),
    ("limited", "respawn\nrespawn limit 2 600\nexec sleep 1000"),
    ("stops", "expect stop\nexec @DAEMON@ stop"),
    ("forks", "expect fork\nexec @DAEMON@ fork"),
    ("forks-respawning", "expect fork\nrespawn\nexec @DAEMON@ fork"),
    ("forks-twice", "expect daemon\nexec @DAEMON@ fork session fork"),
    ("forks-twice-respawning", "expect daemon\nrespawn\nexec @DAEMON@ fork session fork"),
    ("notifies", "expect notify\nexec @DAEMON@ notify READY=1"),
    ("watched", "expect notify\nwatchdog 600\nexec @DAEMON@ notify READY=1"),
    ("line", "expect fd 3\nexec @DAEMON@ line 3"),
    ("named", "pid file @FOLDER@/named.pid\nexec @DAEMON@ fork pid @FOLDER@/named.pid"),
    ("auto", "expect auto\nexec @DAEMON@ fork"),
    ("instance", "instance $N\nexec sleep 1000"),
];

pub(crate) const INSTANCES: [&str; 4] = ["N=1", "N=2", "N=3", "N=4"];

/// A world whose process 1 crashes.
pub(crate) struct World {
    pub(crate) first: First,
    pub(crate) crashes: usize,
}

impl World {
    pub(crate) fn start(init: &Path, jobs: &[(&str, &str)]) -> World {
        World::start_after("", init, jobs)
    }

    /// The same after a command.
    pub(crate) fn start_after(command: &str, init: &Path, jobs: &[(&str, &str)]) -> World {
        let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.replace("@DAEMON@", DAEMON))).collect();
        let jobs: Vec<_> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let mut first = First::start_program(init, &jobs, &format!("{command}\n{COLLECT}"), &[RESCUE]);
        first.client();
        World { first, crashes: 0 }
    }

    /// A world in which all services run.
    pub(crate) fn with_services(init: &Path) -> World {
        let mut world = World::start(init, &SERVICES);
        for (name, _) in SERVICES {
            let instances = if name == "instance" { &INSTANCES[..] } else { &[""] };
            for instance in instances {
                let words = ["start", name, instance];
                let words = if instance.is_empty() { &words[..2] } else { &words[..] };
                let ran = world.first.initctl(words);
                assert_eq!(ran.code, 0, "{ran:?}");
            }
        }
        assert_eq!(world.list().len(), SERVICES.len() - 1 + INSTANCES.len());
        // The processes that have forked a daemon may be exiting.
        world.first.await_some("daemons only", |first| (processes::descendants(first.pid).len() == 22).then_some(()));
        world
    }

    /// Stops all services, which have no process then.
    pub(crate) fn stop_services(&mut self) {
        for (name, _) in SERVICES.iter().filter(|(name, _)| *name != "instance") {
            assert_eq!(self.order(&["stop", name]), format!("{name} stop/waiting\n"));
        }
        for instance in INSTANCES {
            assert_eq!(self.order(&["stop", "instance", instance]), "instance stop/waiting\n");
        }
        self.first.await_some("their end", |first| (processes::descendants(first.pid).len() == 1).then_some(()));
    }

    pub(crate) fn order(&self, words: &[&str]) -> String {
        let ran = self.first.initctl(words);
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}\n{}", self.messages());
        ran.out
    }

    /// The output of `initctl list`, sorted.
    pub(crate) fn list(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.order(&["list"]).lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    pub(crate) fn main_process(&self, job: &str) -> u32 {
        main_process(&self.order(&["status", job])).expect("it runs")
    }

    /// The limit of open files of a job's process.
    pub(crate) fn limit_of(&self, job: &str) -> String {
        let limits = self.first.path_inside(&format!("proc/{}/limits", self.main_process(job)));
        let limits = fs::read_to_string(limits).expect("it runs");
        limits.lines().find(|line| line.starts_with("Max open files")).expect("there is that limit").to_owned()
    }

    pub(crate) fn processes(&self) -> Vec<u32> {
        processes::descendants(self.first.pid).iter().map(|process| process.pid).collect()
    }

    pub(crate) fn await_status(&mut self, job: &str, status: &str) {
        self.first.await_some(status, |first| first.initctl(&["status", job]).out.contains(status).then_some(()));
    }

    pub(crate) fn messages(&self) -> String {
        fs::read_to_string(self.first.folder().path("messages")).unwrap_or_default()
    }

    pub(crate) fn await_message(&mut self, text: &str, times: usize) {
        self.first.await_some(text, |first| {
            let messages = fs::read_to_string(first.folder().path("messages")).unwrap_or_default();
            (messages.matches(text).count() >= times).then_some(())
        });
    }

    /// Waits until the next program has logged what has happened, and serves clients.
    pub(crate) fn await_crash(&mut self, what: &str, times: usize) {
        self.crashes += times;
        self.await_message("init: Crashed (", self.crashes);
        let messages = self.messages();
        let last = messages.lines().rfind(|line| line.contains("init: Crashed (")).expect("it is there");
        assert!(last.contains(&format!("Crashed ({what}")), "{what}: {last}");
        assert!(last.contains(&format!("with the state that was kept; that is crash {} of", self.crashes)), "{last}");
        assert!(last.starts_with("<3>"), "it is an error: {last}");
        self.first.client();
    }

    /// Crashes by a signal.
    pub(crate) fn crash_by(&mut self, signal: &str) {
        self.first.run_inside(&format!("kill -{signal} 1"));
        self.await_crash(&format!("{signal} signal from process "), 1);
    }

    /// Asks for the start of a job, and returns the client that waits.
    pub(crate) fn starter(&mut self, job: &str) -> Client {
        let mut client = self.first.client();
        let target = Target::named(job.as_bytes());
        client.send(&Request::Start { target, wait: true }).expect("it is sent");
        client
    }

    pub(crate) fn let_go(&self) {
        self.first.folder().write("go", "");
    }
}

/// The process id in a line of `initctl status`.
pub(crate) fn main_process(line: &str) -> Option<u32> {
    let (_, rest) = line.split_once(", process ")?;
    rest.lines().next()?.parse().ok()
}
