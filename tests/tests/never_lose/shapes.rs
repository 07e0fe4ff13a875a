//! Shapes and settings: the ways in which programs become daemons, and the ways in which job files describe that.

/// A way in which a program becomes a daemon.
pub struct Shape {
    /// The name, with which its jobs' names begin.
    pub name: &'static str,
    /// The description on the page.
    pub what: &'static str,
    /// Lines of a script in front of the daemon. If empty, there is no script.
    pub wrapper: &'static str,
    /// The daemon's words (`tests/src/bin/daemon.rs`). `@PID@` is the file for its process id, `@WORKER@` the file for
    /// the id of another process.
    pub words: &'static str,
    /// The settings that are right for it.
    pub right: &'static [&'static str],
    /// The number of processes that stay.
    pub stays: usize,
    /// Whether the daemon works.
    pub works: Works,
}

/// Whether a daemon works.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Works {
    /// At every start.
    Always,
    /// From the second start on.
    AtSecond,
    /// Never.
    Never,
}

/// A way in which a job file describes readiness.
pub struct Setting {
    /// The name on the page.
    pub name: &'static str,
    /// The stanzas.
    pub stanzas: &'static str,
    /// The word that a shape must contain to have this setting. If empty, every shape can have it.
    pub needs: &'static str,
}

#[rustfmt::skip]
pub static SETTINGS: &[Setting] = &[
    Setting { name: "none",     stanzas: "expect none",   needs: "" },
    Setting { name: "stop",     stanzas: "expect stop",   needs: "" },
    Setting { name: "fork",     stanzas: "expect fork",   needs: "" },
    Setting { name: "daemon",   stanzas: "expect daemon", needs: "" },
    Setting { name: "auto",     stanzas: "expect auto",   needs: "" },
    Setting { name: "pid file", stanzas: "expect auto\npid file @PID@", needs: "" },
    Setting { name: "notify",   stanzas: "expect notify", needs: "notify" },
    Setting { name: "fd 3",     stanzas: "expect fd 3",   needs: "line" },
];

const fn shape(name: &'static str, what: &'static str, words: &'static str, right: &'static [&'static str]) -> Shape {
    Shape { name, what, wrapper: "", words, right, stays: 1, works: Works::Always }
}

impl Shape {
    const fn stays(self, stays: usize) -> Shape {
        Shape { stays, ..self }
    }

    const fn works(self, works: Works) -> Shape {
        Shape { works, ..self }
    }

    const fn after(self, wrapper: &'static str) -> Shape {
        Shape { wrapper, ..self }
    }
}

const HELPERS: &str = "A=$(echo a)\nB=$(/bin/true; echo b)\n[ \"$A$B\" = ab ]";

#[rustfmt::skip]
pub static SHAPES: &[Shape] = &[
    // name                what it does                                       words                                         right settings
    shape("foreground",    "stays in the foreground",                         "pid @PID@",                                  &["none"]),
    shape("one-fork",      "forks once",                                      "fork pid @PID@",                             &["fork"]),
    shape("two-forks",     "forks twice",                                     "fork fork pid @PID@",                        &["daemon"]),
    shape("sigstop",       "raises SIGSTOP when it is ready",                 "pid @PID@ stop",                             &["stop"]),
    shape("helper-first",  "forks a helper, waits for it, forks the daemon",  "helper fork pid @PID@",                      &[]),
    shape("reaping",       "the parent reaps the middle child, then lives one second", "wait 1000 fork pid @PID@",          &["daemon"]),
    shape("vfork",         "runs itself again with posix_spawn, and exits",   "spawn pid @PID@",                            &[]),
    shape("exits-once",    "exits before it forks; works the second time",    "once @PID@.once fork pid @PID@",             &["fork"]).works(Works::AtSecond),
    shape("stops-second",  "exits before it raises SIGSTOP; works the second time", "once @PID@.once pid @PID@ stop",       &["stop"]).works(Works::AtSecond),
    shape("exits",         "always exits before it forks",                    "sleep 20 exit 1 fork pid @PID@",             &[]).works(Works::Never),
    shape("killed",        "forks; the child is killed before it is ready",   "fork sleep 1000 kill KILL pid @PID@",         &[]).works(Works::Never),
    shape("threads-first", "creates threads, then forks",                     "threads 3 fork pid @PID@",                   &["fork"]),
    shape("threads-after", "forks, then creates threads",                     "fork pid @PID@ threads 4",                   &["fork"]),
    shape("thread-forks",  "forks from a second thread",                      "far pid @PID@",                              &[]),
    shape("drops-rights",  "becomes another user, then forks",                "user nobody fork pid @PID@",                 &["fork"]),
    shape("drops-after",   "forks twice, and becomes another user",           "fork session fork pid @PID@ user nobody",    &["daemon"]),
    shape("exec-before",   "executes itself again, then forks",               "exec fork pid @PID@",                        &["fork"]),
    shape("exec-after",    "forks, then executes itself again",               "fork exec pid @PID@",                        &["fork", "daemon"]),
    shape("exec-other",    "forks, then becomes another program",             "fork pid @PID@ become tail -f @PID@",        &["fork", "daemon"]),
    shape("thread-execs",  "executes itself again, from a second thread",     "swap pid @PID@",                             &["none"]),
    shape("thread-execs-forks", "the same, then forks",                       "swap fork pid @PID@",                        &[]),
    shape("script",        "script: helpers, then the daemon in the foreground", "pid @PID@",                               &["none"]).after(HELPERS),
    shape("script-fork",   "script: helpers, then a daemon that forks",       "fork pid @PID@",                             &[]).after(HELPERS),
    shape("script-twice",  "script: helpers, then a daemon that forks twice", "fork session fork pid @PID@",                &[]).after(HELPERS),
    shape("script-shell",  "script: a daemon that forks, then the shell waits", "",                                         &["none"]).after("@DAEMON@ fork pid @WORKER@\necho $$ > @PID@\nwhile :; do sleep 1000; done").stays(3),
    shape("three-forks",   "forks three times",                               "fork fork fork pid @PID@",                   &[]),
    shape("master",        "stays, with a child that stays",                  "pid @PID@ worker @WORKER@ 0",                &["none"]).stays(2),
    shape("fork-master",   "forks; the child stays with children of its own", "fork pid @PID@ worker @WORKER@ 0 worker @WORKER@2 0", &["fork"]).stays(3),
    shape("worker-ends",   "stays, with a child that soon ends",              "pid @PID@ worker @WORKER@ 1500",             &["none"]),
    shape("debugs",        "traces a child of its own, then forks",           "debug fork pid @PID@",                       &[]),
    shape("debugged",      "has a child that asks to be traced, then forks",  "debugged fork pid @PID@",                    &[]),
    shape("traceme",       "asks its parent to trace it",                     "pid @PID@ traceme",                          &["none"]),
    shape("fork-traceme",  "asks its parent to trace it, then forks",         "traceme fork pid @PID@",                     &["fork"]),
    shape("classic",       "forks, leads a session, forks, wipes its environment, closes everything", "fork session fork wipe closeall pid @PID@", &["daemon"]),
    shape("closes",        "closes everything, then forks",                   "closeall fork pid @PID@",                       &["fork"]),
    shape("middle-stays",  "the middle child lives on for a while",           "fork session linger 1500 pid @PID@",         &["daemon"]),
    shape("parent-stays",  "the parent lives on for a while",                 "linger 1500 pid @PID@",                      &["fork"]),
    shape("sleeps",        "waits 300 ms, then forks",                        "sleep 300 fork pid @PID@",                   &["fork"]),
    shape("sleeps-twice",  "waits 300 ms before each of two forks",           "sleep 300 fork sleep 300 fork pid @PID@",    &["daemon"]),
    shape("fork-stop",     "forks, then raises SIGSTOP",                      "fork pid @PID@ stop",                        &["fork"]),
    shape("deaf",          "ignores TERM, and forks",                         "ignore TERM fork pid @PID@",                 &["fork"]),
    shape("deaf-twice",    "ignores TERM, and forks twice",                   "ignore TERM fork session fork pid @PID@",    &["daemon"]),
    shape("notifies",      "sends READY=1",                                   "pid @PID@ sleep 50 notify READY=1",          &["none", "notify"]),
    shape("line",          "writes a newline to descriptor 3",                "pid @PID@ sleep 50 line 3",                  &["none", "fd 3"]),
];

/// The file for the daemon's process id, in a folder for each job.
pub const PID: &str = "@FOLDER@/@NAME@/pid";
const WORKER: &str = "@FOLDER@/@NAME@/worker";

impl Shape {
    /// Whether its jobs can have a setting.
    pub fn can(&self, setting: &Setting) -> bool {
        setting.needs.is_empty() || self.words.split(' ').any(|word| word == setting.needs)
    }

    /// Whether the daemon needs to be started by root.
    pub fn needs_root(&self) -> bool {
        self.words.split(' ').any(|word| word == "user")
    }

    /// The text of a job file.
    pub fn job(&self, name: &str, stanzas: &str, daemon: &str) -> String {
        let exec = if self.words.is_empty() { String::new() } else { format!("exec @DAEMON@ {}\n", self.words) };
        let run = match self.wrapper {
            "" => exec,
            lines => format!("script\n{lines}\n{exec}end script\n"),
        };
        let text = format!("kill timeout 2\n{stanzas}\n{run}");
        text.replace("@PID@", PID).replace("@WORKER@", WORKER).replace("@NAME@", name).replace("@DAEMON@", daemon)
    }
}
