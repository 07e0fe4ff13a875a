//! The death at every step: a session's supervisor is killed at each of its system calls while it carries out a
//! command, and started again; or it crashes there, and executes itself again as process 1 does. The command then comes
//! to its end, no job has a second process, and no other job notices.
//!
//! Each command is repeated, with one more system call each time, until it ends before the supervisor does. If
//! that takes too long, system calls are left out, which is printed; `UPHOLD_EVERY_STEP=1` leaves none out.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use uphold_tests::system::processes::{Signal, marked_with};
use uphold_tests::system::{Launch, System, skipped};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");
const KILLER: &str = env!("CARGO_BIN_EXE_killer");
const CRASHING_INIT: &str = env!("CARGO_BIN_EXE_crashing_init");

/// The time for one test, unless every step is asked for.
const TIME: Duration = Duration::from_secs(25);

/// The jobs, each with its text and the number of its processes.
const JOBS: [(&str, &str, usize); 10] = [
    ("plain", "respawn\nexec @DAEMON@\n", 1),
    ("unlogged", "console none\nexec @DAEMON@\n", 1),
    ("script", "script\n  : two lines\n  exec @DAEMON@\nend script\n", 1),
    ("fork", "expect fork\nrespawn\nexec @DAEMON@ fork session\n", 1),
    ("daemon", "expect daemon\nrespawn\nexec @DAEMON@ fork session fork\n", 1),
    ("stop", "expect stop\nexec @DAEMON@ stop\n", 1),
    ("notify", "expect notify\nrespawn\nexec @DAEMON@ notify READY=1\n", 1),
    ("auto", "expect auto\nexec @DAEMON@ fork session\n", 1),
    ("hooks", "pre-start exec true\npost-start exec true\npre-stop exec true\npost-stop exec true\nexec @DAEMON@\n", 1),
    ("pair", "start on go\nstop on halt\nexec @DAEMON@ spare\n", 2),
];

/// The commands, each with the job that it brings to run or to rest.
const COMMANDS: [(&[&str], &str, bool); 20] = [
    (&["start", "plain"], "plain", true),
    (&["stop", "plain"], "plain", false),
    (&["start", "unlogged"], "unlogged", true),
    (&["stop", "unlogged"], "unlogged", false),
    (&["start", "script"], "script", true),
    (&["stop", "script"], "script", false),
    (&["start", "fork"], "fork", true),
    (&["stop", "fork"], "fork", false),
    (&["start", "daemon"], "daemon", true),
    (&["stop", "daemon"], "daemon", false),
    (&["start", "stop"], "stop", true),
    (&["stop", "stop"], "stop", false),
    (&["start", "notify"], "notify", true),
    (&["stop", "notify"], "notify", false),
    (&["start", "auto"], "auto", true),
    (&["stop", "auto"], "auto", false),
    (&["start", "hooks"], "hooks", true),
    (&["stop", "hooks"], "hooks", false),
    (&["emit", "go"], "pair", true),
    (&["emit", "halt"], "pair", false),
];

/// The ways in which a supervisor dies.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Death {
    /// It is killed, and started again.
    Kill,
    /// It crashes, and executes itself again.
    Crash,
}

/// A program that kills the supervisor at its Nth system call from now.
struct Killer(Child);

impl Killer {
    /// `None` if it may not trace the supervisor.
    fn start(system: &System, count: usize, death: Death) -> Option<Killer> {
        let mut command = Command::new(KILLER);
        command.args([system.pid().to_string(), count.to_string()]);
        command.args((death == Death::Crash).then_some("crash")).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut killer = Killer(command.spawn().expect("it can be run"));
        let mut line = String::new();
        BufReader::new(killer.0.stdout.as_mut()?).read_line(&mut line).expect("it speaks");
        (line == "ready\n").then_some(killer)
    }
}

impl Drop for Killer {
    fn drop(&mut self) {
        self.0.kill().unwrap_or_default();
        self.0.wait().map(drop).unwrap_or_default();
    }
}

/// The world of one test.
struct Steps {
    death: Death,
    system: System,
    session: String,
    /// A job that has nothing to do with the commands, and its process.
    bystander: u32,
}

impl Steps {
    fn start(death: Death) -> Steps {
        let mut jobs: Vec<(&str, String)> =
            JOBS.iter().map(|(name, text, _)| (*name, text.replace("@DAEMON@", DAEMON))).collect();
        jobs.push(("bystander", format!("start on startup\nrespawn\nexec {DAEMON}\n")));
        let jobs: Vec<(&str, &str)> = jobs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let launch = Launch::new(&jobs);
        let launch = if death == Death::Crash { launch.program(CRASHING_INIT.as_ref()) } else { launch };
        let mut system = launch.start();
        let (session, bystander) = (system.session(), system.await_running("bystander"));
        Steps { death, system, session, bystander }
    }

    /// The processes of a job.
    fn of(&self, job: &str) -> Vec<u32> {
        let entries = [format!("UPSTART_SESSION={}", self.session), format!("UPSTART_JOB={job}")];
        marked_with(&entries).into_iter().map(|process| process.pid).collect()
    }

    /// Runs a command until it has done its work, whatever the supervisor knows of it already.
    fn complete(&mut self, command: &[&str], job: &str, runs: bool) {
        let state = if runs { "start/running" } else { "stop/waiting" };
        let (opposite, begun) = (if runs { "stop/waiting" } else { "start/running" }, Instant::now());
        loop {
            let status = self.system.status(job);
            if status.contains(state) {
                break;
            }
            if status.contains(opposite) {
                self.system.initctl(command);
            }
            assert!(begun.elapsed() < Duration::from_secs(50), "{command:?}: {status}\n{}", self.system.log());
            std::thread::sleep(Duration::from_millis(2));
        }
        let count = JOBS.iter().find(|(name, ..)| *name == job).map_or(0, |(.., count)| *count);
        let count = if runs { count } else { 0 };
        // A daemon may still be on its way when its job runs: its trace has ended with its tracer.
        let (mut seen, mut main) = (Vec::new(), None);
        let has_come =
            |seen: &[u32], main: Option<u32>| seen.len() == count && main.is_none_or(|main| seen.contains(&main));
        while begun.elapsed() < Duration::from_secs(50) {
            (seen, main) = (self.of(job), self.system.main_process(job));
            if has_come(&seen, main) {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let log = || self.system.log();
        assert!(has_come(&seen, main), "{command:?}: main process {main:?}, processes {seen:?}\n{}", log());
        assert_eq!(self.system.main_process("bystander"), Some(self.bystander), "{command:?}\n{}", log());
        for sign in self.signs_of_loss() {
            assert!(!self.system.log().contains(sign), "{command:?}: {sign}\n{}", log());
        }
    }

    /// The words of the log about a daemon that was not followed to its end, or does not hear signals. A tracer that is
    /// killed leaves its tracees, so that a daemon may be lost.
    fn signs_of_loss(&self) -> &'static [&'static str] {
        match self.death {
            Death::Kill => &["killed by KILL signal"],
            Death::Crash => &["killed by KILL signal", "respawning", ", saw "],
        }
    }

    /// Makes the supervisor execute its program again. Its jobs go on.
    fn execute_again(&mut self) {
        self.system.order(&["restart-init"]);
        let bystander = self.system.await_running("bystander");
        assert_eq!(bystander, self.bystander, "{}", self.system.log());
    }

    /// Carries out a command, and kills the supervisor at that system call. Returns whether it was killed; `None` if
    /// that cannot be done.
    fn step(&mut self, command: &[&str], job: &str, runs: bool, count: usize) -> Option<bool> {
        let mut killer = Killer::start(&self.system, count, self.death)?;
        self.system.initctl(command);
        // The supervisor has more to do when the client has its reply; the last of it may come at any time.
        let mut killed = killer.0.try_wait().expect("it is our child").is_some();
        if !killed {
            std::thread::sleep(Duration::from_millis(30));
            killed = killer.0.try_wait().expect("it is our child").is_some();
        }
        drop(killer);
        match self.death {
            Death::Kill => {
                // It may have been killed in the very last moment.
                killed |= self.system.has_ended();
                if killed {
                    self.system.kill();
                    self.system.start_again();
                }
            }
            Death::Crash => assert!(!self.system.has_ended(), "it is executed again\n{}", self.system.log()),
        }
        self.complete(command, job, runs);
        Some(killed)
    }
}

/// Kills the supervisor in every command of a part of the list.
fn die_in(commands: &[(&[&str], &str, bool)], death: Death) {
    let every = std::env::var_os("UPHOLD_EVERY_STEP").is_some();
    let mut steps = Steps::start(death);
    let begun = Instant::now();
    let (mut deaths, mut stride) = (0, 1);
    for (at, (command, job, runs)) in commands.iter().enumerate() {
        // Half of the commands are given to a supervisor that has executed itself again.
        if at % 4 == 2 {
            steps.execute_again();
        }
        let inverse = commands[at ^ 1].0;
        let mut count = 1;
        loop {
            match steps.step(command, job, *runs, count) {
                None => return skipped("another process may not be traced"),
                Some(false) => break,
                Some(true) => deaths += 1,
            }
            steps.complete(inverse, job, !runs);
            let share = TIME * (at as u32 + 1) / commands.len() as u32;
            if !every && begun.elapsed() > share && stride < 12 {
                stride += 1;
            }
            count += stride;
        }
        println!("{command:?}: {count} system calls");
    }
    println!("killed {deaths} times, at every system call, or at last at every {stride}th");
    assert!(deaths > commands.len() * 3, "it was killed: {deaths}");
    let Steps { system, bystander, .. } = steps;
    assert_eq!(system.main_process("bystander"), Some(bystander));
    system.order(&["stop", "bystander"]);
    system.end(Signal::SIGTERM);
}

#[test]
fn a_death_in_the_life_of_plain_jobs_changes_nothing() {
    die_in(&COMMANDS[..10], Death::Kill);
}

#[test]
fn a_death_in_the_life_of_daemons_and_hooks_changes_nothing() {
    die_in(&COMMANDS[10..], Death::Kill);
}

#[test]
fn a_crash_in_the_life_of_plain_jobs_changes_nothing() {
    die_in(&COMMANDS[..10], Death::Crash);
}

#[test]
fn a_crash_in_the_life_of_daemons_and_hooks_changes_nothing() {
    die_in(&COMMANDS[10..], Death::Crash);
}
