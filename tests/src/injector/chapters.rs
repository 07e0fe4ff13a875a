//! The scenario: its jobs, and its commands in chapters. Each chapter begins and ends with no job but the bystander
//! running, so that a chapter with a fault at one call is followed by the same chapter with a fault at the next.

/// A job: its name, and the text of its file with `@DAEMON@` for the scripted daemon.
pub type JobFile = (&'static str, &'static str);

/// The jobs.
#[rustfmt::skip]
pub const JOBS: [JobFile; 20] = [
    ("bystander", "start on startup\nrespawn\nexec @DAEMON@\n"),
    ("service", "respawn\nrespawn limit unlimited\nexec @DAEMON@ ignore HUP print up\n"),
    ("quiet", "console none\nexec @DAEMON@\n"),
    ("script", "script\n  : two lines\n  exec @DAEMON@\nend script\n"),
    ("fork", "expect fork\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ fork session\n"),
    ("daemon", "expect daemon\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ fork session fork\n"),
    ("stop", "expect stop\nexec @DAEMON@ stop\n"),
    ("notify", "expect notify\nrespawn\nrespawn limit unlimited\nexec @DAEMON@ notify READY=1\n"),
    ("line", "expect fd 3\nexec @DAEMON@ line 3\n"),
    ("auto", "expect auto\nexec @DAEMON@ fork session\n"),
    ("named", "pid file @FOLDER@/named.pid\nexec @DAEMON@ fork session pid @FOLDER@/named.pid\n"),
    ("hooks", "env A=1\nlimit nofile 64 64\nnice 1\npre-start exec true\npost-start exec true\npre-stop exec true\npost-stop exec true\nexec @DAEMON@\n"),
    ("task", "task\nexec true\n"),
    ("each", "instance $N\nexec @DAEMON@\n"),
    ("pair", "start on go\nstop on halt\nexec @DAEMON@ spare\n"),
    ("after", "start on started pair\nstop on stopping pair\nexec @DAEMON@\n"),
    ("left", "kill scope group\nexec @DAEMON@ apart @FOLDER@/left\n"),
    ("crasher", "respawn\nrespawn limit 2 60\nexec @DAEMON@ exit 1\n"),
    ("missing", "exec /no/such/program\n"),
    ("closing", "exec @DAEMON@ print closing\n"),
];

/// The state, or the answer, to which a command leads.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// The command succeeds.
    Done,
    /// The command fails, whatever else is well, with this in its words.
    Refused(&'static str),
    /// The command succeeds, with this in its output.
    Prints(&'static str),
    /// The job, with the variables of its instance, runs, and its main process goes on.
    Runs(&'static [&'static str]),
    /// It is at rest.
    Rests(&'static [&'static str]),
}

/// A step of a chapter.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Runs `initctl` until the goal is reached.
    Run(&'static [&'static str], Goal),
    /// Waits until the goal is reached.
    Await(Goal),
    /// Kills the main process of a job, and waits for the next one.
    Kill(&'static str),
    /// Waits until a job's log ends with this line.
    Logs(&'static str, &'static str),
    /// Writes a job file, and waits until the supervisor knows it: `show-config -e` prints that.
    Write(&'static str, &'static str, &'static str),
    /// Removes a job file, and waits until the supervisor knows that.
    Remove(&'static str),
    /// Waits until a process has noted its id in this file.
    Noted(&'static str),
    /// Kills that process.
    KillNoted(&'static str),
}

/// Commands that end where they began.
pub struct Chapter {
    /// The subject.
    pub name: &'static str,
    /// The steps, in order.
    pub steps: &'static [Step],
}

use Goal::{Done, Prints, Refused, Rests, Runs};
use Step::{Await, Kill, KillNoted, Logs, Noted, Remove, Run, Write};

/// A job is started, killed, restarted and stopped.
macro_rules! life {
    ($job:literal) => {
        Chapter {
            name: $job,
            steps: &[
                Run(&["start", $job], Runs(&[$job])),
                Kill($job),
                Run(&["restart", $job], Runs(&[$job])),
                Run(&["stop", $job], Rests(&[$job])),
            ],
        }
    };
}

/// A job is started and stopped.
macro_rules! run {
    ($job:literal) => {
        Chapter { name: $job, steps: &[Run(&["start", $job], Runs(&[$job])), Run(&["stop", $job], Rests(&[$job]))] }
    };
}

/// The chapters.
#[rustfmt::skip]
pub const CHAPTERS: [Chapter; 21] = [
    Chapter { name: "service", steps: &[
        Run(&["start", "service"], Runs(&["service"])),
        Run(&["status", "service"], Prints("service start/running, process ")),
        Logs("service", "up"),
        Run(&["reload", "service"], Done),
        Kill("service"),
        Run(&["restart", "service"], Runs(&["service"])),
        Run(&["stop", "service"], Rests(&["service"])),
    ] },
    Chapter { name: "questions", steps: &[
        Run(&["list"], Prints("bystander start/running")),
        Run(&["version"], Prints("1.13.2")),
        Run(&["show-config", "pair"], Prints("start on go")),
        Run(&["log-priority"], Prints("message")),
        Run(&["status", "nothing"], Refused("Unknown job")),
        Run(&["usage", "each"], Done),
    ] },
    life!("fork"),
    life!("daemon"),
    life!("notify"),
    run!("quiet"),
    run!("script"),
    run!("stop"),
    run!("line"),
    run!("auto"),
    run!("named"),
    run!("hooks"),
    Chapter { name: "task", steps: &[
        Run(&["start", "task"], Done),
        Await(Rests(&["task"])),
    ] },
    Chapter { name: "instances", steps: &[
        Run(&["start", "each", "N=1"], Runs(&["each", "N=1"])),
        Run(&["start", "each", "N=2"], Runs(&["each", "N=2"])),
        Run(&["stop", "each", "N=1"], Rests(&["each", "N=1"])),
        Run(&["stop", "--force", "each", "N=2"], Rests(&["each", "N=2"])),
    ] },
    Chapter { name: "events", steps: &[
        Run(&["emit", "go", "A=1"], Runs(&["pair"])),
        Await(Runs(&["after"])),
        Run(&["emit", "--no-wait", "halt"], Rests(&["pair"])),
        Await(Rests(&["after"])),
        Run(&["emit", "nothing"], Done),
    ] },
    Chapter { name: "environment", steps: &[
        Run(&["set-env", "COLOUR=blue"], Done),
        Run(&["get-env", "COLOUR"], Prints("blue")),
        Run(&["list-env"], Prints("COLOUR=blue")),
        Run(&["unset-env", "COLOUR"], Done),
        Run(&["reset-env"], Done),
    ] },
    Chapter { name: "files", steps: &[
        Write("new", "start on first\n", "start on first"),
        Write("new", "start on second\n", "start on second"),
        Run(&["reload-configuration"], Done),
        Run(&["show-config", "-e", "new"], Prints("second")),
        Remove("new"),
    ] },
    Chapter { name: "left", steps: &[
        Run(&["start", "left"], Runs(&["left"])),
        Noted("left"),
        Run(&["stop", "left"], Rests(&["left"])),
        KillNoted("left"),
    ] },
    Chapter { name: "failures", steps: &[
        Run(&["start", "--no-wait", "crasher"], Done),
        Await(Rests(&["crasher"])),
        Run(&["start", "missing"], Refused("failed to start")),
        Await(Rests(&["missing"])),
    ] },
    Chapter { name: "no wait", steps: &[
        Run(&["start", "--no-wait", "service"], Runs(&["service"])),
        Run(&["restart", "--no-wait", "service"], Runs(&["service"])),
        Run(&["stop", "--no-wait", "service"], Rests(&["service"])),
    ] },
    Chapter { name: "re-exec", steps: &[
        Run(&["start", "service"], Runs(&["service"])),
        Run(&["start", "notify"], Runs(&["notify"])),
        Run(&["restart-init"], Done),
        Await(Runs(&["service"])),
        Kill("service"),
        Run(&["stop", "notify"], Rests(&["notify"])),
        Run(&["stop", "service"], Rests(&["service"])),
    ] },
];

/// Everything works: played after each fault, without one. Each command must succeed at once.
pub const CLOSING: Chapter = Chapter {
    name: "closing",
    steps: &[
        Run(&["start", "closing"], Runs(&["closing"])),
        Logs("closing", "closing"),
        Run(&["stop", "closing"], Rests(&["closing"])),
        Write("news", "start on one\n", "start on one"),
        Write("news", "start on two\nexec @DAEMON@\n", "start on two"),
        Run(&["emit", "two"], Runs(&["news"])),
        Run(&["stop", "news"], Rests(&["news"])),
        Remove("news"),
    ],
};

/// The number of commands in the scenario.
pub fn commands() -> usize {
    let steps = CHAPTERS.iter().flat_map(|chapter| chapter.steps);
    steps.filter(|step| matches!(step, Run(..))).count()
}
