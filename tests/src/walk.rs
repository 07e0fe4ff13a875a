//! Runs many jobs at once, each from `start` to the end of its last process, and reports the outcome of each.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::system::processes::{Signal, is_running, send, stands_still, with_texts};
use crate::system::{Folder, PATIENCE, Process, System};

/// The time after which a state that must not last is an error: longer than a job waits for anything.
const SETTLE: Duration = Duration::from_secs(40);

/// The most time that a job may take to settle.
const RESTLESS: Duration = Duration::from_secs(240);

/// The most jobs that are started at once. With more, the test would measure the machine and not the supervisor.
const AT_ONCE: usize = 36;

/// The time without a change after which a job has settled.
const QUIET: Duration = Duration::from_secs(3);

/// The same for a job whose leftover processes were not logged yet: the supervisor logs them after two seconds, and on
/// a busy machine later.
const UNTOLD: Duration = Duration::from_secs(15);

/// The pause between two checks.
const PAUSE: Duration = Duration::from_millis(200);

/// The outcome of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It ran with the right main process.
    Right,
    /// It ran with the right main process, although its job file describes another.
    Adopted,
    /// It failed, the failure was logged, and none of its processes was left.
    Failed(String),
    /// It ended as a foreground job does and left processes running; whether they were logged.
    Left(bool),
    /// A violation.
    Wrong(String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Right => f.write_str("right process"),
            Outcome::Adopted => f.write_str("right process (adopted)"),
            Outcome::Failed(why) => write!(f, "fails: {why}"),
            Outcome::Left(true) => f.write_str("ends, and says what it leaves"),
            Outcome::Left(false) => f.write_str("ends"),
            Outcome::Wrong(why) => write!(f, "WRONG: {why}"),
        }
    }
}

/// A job to run.
#[derive(Clone, Debug)]
pub struct Job {
    /// The name.
    pub name: String,
    /// Its own folder, below that of its system.
    pub at: PathBuf,
    /// The files to which the processes that may be its main process write their ids.
    pub notes: Vec<PathBuf>,
    /// The number of processes that stay.
    pub stays: usize,
    /// Whether its first process alone counts as the job, so that the process may exit and leave others. This is how
    /// Upstart treats a job without `expect` and `respawn`, and job files rely on it.
    pub may_leave: bool,
    /// Whether its process raises SIGSTOP and may stay stopped, since the job file does not expect that.
    pub may_stand: bool,
}

/// A job and its outcome.
pub struct Case {
    /// The job.
    pub job: Job,
    /// The log messages about it until it had settled, without process ids.
    pub said: Vec<String>,
    /// The outcome.
    pub outcome: Outcome,
    phase: Phase,
}

/// The phase of a case.
enum Phase {
    /// Not started yet.
    Waiting,
    /// Started; checked until it settles.
    Settling {
        start: Child,
        begun: Instant,
        seen: Seen,
        since: Instant,
    },
    /// `stop` runs.
    Stopping {
        stop: Child,
        begun: Instant,
    },
    /// `stop` has returned; its processes are ending.
    Emptying {
        begun: Instant,
    },
    Done,
}

/// The result of a check of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    /// It runs with the right main process, which has this id.
    Runs(u32),
    /// It is at rest, and none of its processes is left.
    Rests,
    /// It is at rest, which it may be, and other processes are left.
    Leaves,
    /// Anything else, which must not last.
    Not(String),
}

/// A supervisor and its jobs.
pub struct Group {
    system: System,
    /// The jobs, in the given order.
    pub cases: Vec<Case>,
}

impl Group {
    /// A supervisor with jobs to run.
    pub fn new(system: System, jobs: Vec<Job>) -> Group {
        let unseen = || Outcome::Wrong("unseen".into());
        let case = |job: Job| Case { job, said: Vec::new(), outcome: unseen(), phase: Phase::Waiting };
        let cases = jobs.into_iter().map(case).collect();
        Group { system, cases }
    }

    /// The supervisor.
    pub fn system(&mut self) -> &mut System {
        &mut self.system
    }

    /// The number of `start` commands without a reply yet.
    fn unanswered(&mut self) -> usize {
        self.cases
            .iter_mut()
            .filter_map(Case::start)
            .filter_map(|start| start.try_wait().ok())
            .filter(Option::is_none)
            .count()
    }

    /// Checks every job once, and starts up to `more` jobs. Returns whether all are done.
    fn look(&mut self, living: &HashMap<PathBuf, Vec<u32>>, more: &mut usize) -> bool {
        for case in &mut self.cases {
            if *more > 0 && matches!(case.phase, Phase::Waiting) {
                *more -= 1;
                let (start, begun) = (self.system.begin(&["start", &case.job.name]), Instant::now());
                case.phase = Phase::Settling { start, begun, seen: Seen::Not("unseen".into()), since: begun };
            }
        }
        let list = self.system.order(&["list"]);
        let status: HashMap<&str, &str> = list.lines().filter_map(|line| line.split_once(' ')).collect();
        // With a single job, all processes belong to it, whatever they call themselves.
        let all: Option<Vec<u32>> = (self.cases.len() == 1)
            .then(|| self.system.processes().iter().map(|process: &Process| process.pid).collect());
        for case in &mut self.cases {
            let status = status.get(case.job.name.as_str()).copied().unwrap_or("unknown");
            let named = living.get(&case.job.at).map(Vec::as_slice).unwrap_or_default();
            case.look(&self.system, status, all.as_deref().unwrap_or(named));
        }
        self.cases.iter().all(|case| matches!(case.phase, Phase::Done))
    }

    /// Ends the supervisor, which must leave nothing behind. After a violation this is not checked.
    pub fn end(self) {
        if self.cases.iter().all(|case| !matches!(case.outcome, Outcome::Wrong(_))) {
            self.system.end(Signal::SIGTERM);
        }
    }
}

/// Makes the folder for a job's notes. Any user may write to it, since some daemons give up root's rights first.
pub fn make_room(folder: &Folder, job: &str) -> PathBuf {
    let at = folder.below(job);
    std::fs::set_permissions(&at, PermissionsExt::from_mode(0o777)).expect("the folder is ours");
    at
}

/// The jobs that do not run with the main process that was noted.
pub fn not_right<'a>(system: &System, jobs: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let list = system.order(&["list"]);
    let lines: std::collections::HashSet<&str> = list.lines().collect();
    let is_right = |job: &str| {
        let noted = std::fs::read_to_string(system.folder().path(job).join("pid")).unwrap_or_default();
        let running = format!("{job} start/running, process {}", noted.trim_end());
        noted.trim_end().parse().is_ok_and(is_running) && lines.contains(running.as_str())
    };
    jobs.filter(|job| !is_right(job)).collect()
}

/// Runs all jobs to their ends.
pub fn play(groups: &mut [Group]) {
    loop {
        let living = living();
        let unanswered: usize = groups.iter_mut().map(Group::unanswered).sum();
        let mut more = AT_ONCE.saturating_sub(unanswered);
        let mut done = true;
        for group in &mut *groups {
            done &= group.look(&living, &mut more);
        }
        if done {
            return;
        }
        std::thread::sleep(PAUSE);
    }
}

/// The live processes of each job, by the job's folder. The command line of a process names the folder, whatever it
/// does to its environment; otherwise the environment names the supervisor and the job.
fn living() -> HashMap<PathBuf, Vec<u32>> {
    let root = std::env::temp_dir().join(format!("uphold-{}-", std::process::id())).display().to_string();
    let mut living: HashMap<PathBuf, Vec<u32>> = HashMap::new();
    for (pid, line, environment) in with_texts() {
        if let Some(owner) = owner(&root, &line, &environment) {
            living.entry(owner).or_default().push(pid);
        }
    }
    living
}

fn owner(root: &str, line: &[u8], environment: &[u8]) -> Option<PathBuf> {
    let (line, environment) = (String::from_utf8_lossy(line), String::from_utf8_lossy(environment));
    let named = line.split(['\0', ' ']).find_map(|word| {
        let path = Path::new(word.strip_prefix(root)?);
        let mut parts = path.iter().filter_map(|part| part.to_str());
        let (system, job, _) = (parts.next()?, parts.next()?, parts.next()?);
        Some(PathBuf::from(format!("{root}{system}")).join(job))
    });
    named.or_else(|| {
        let variables = || environment.split('\0').filter_map(|entry| entry.split_once('='));
        let job = variables().find(|(name, _)| *name == "UPSTART_JOB")?.1;
        let system = variables().find(|(name, value)| *name == "UPHOLD_TEST_SYSTEM" && value.starts_with(root))?.1;
        Some(Path::new(system).join(job))
    })
}

impl Case {
    fn look(&mut self, system: &System, status: &str, alive: &[u32]) {
        let now = self.judge(status, alive);
        match &mut self.phase {
            Phase::Settling { start, begun, seen, since } => {
                let answered = start.try_wait().expect("it is our child").is_some();
                let now = if answered { now } else { not_answered(now) };
                if now != *seen {
                    (*seen, *since) = (now, Instant::now());
                }
                let enough = match seen {
                    Seen::Leaves if said(&system.log(), &self.job.name).is_empty() => UNTOLD,
                    Seen::Not(_) => SETTLE,
                    _ => QUIET,
                };
                if since.elapsed() > enough || begun.elapsed() > RESTLESS {
                    let seen = seen.clone();
                    if !answered {
                        start.kill().unwrap_or_default();
                        start.wait().map(drop).unwrap_or_default();
                    }
                    self.settle(system, &seen);
                    match status {
                        "stop/waiting" => self.bury(alive),
                        _ => {
                            self.phase =
                                Phase::Stopping { stop: system.begin(&["stop", &self.job.name]), begun: Instant::now() }
                        }
                    }
                }
            }
            Phase::Stopping { stop, begun } => {
                if stop.try_wait().expect("it is our child").is_some() {
                    self.phase = Phase::Emptying { begun: Instant::now() };
                } else if begun.elapsed() > PATIENCE {
                    stop.kill().unwrap_or_default();
                    stop.wait().map(drop).unwrap_or_default();
                    self.wrong(alive, format!("stop hangs in {}", without_pids(status)));
                }
            }
            Phase::Emptying { .. } if now == Seen::Rests => self.phase = Phase::Done,
            Phase::Emptying { begun } if begun.elapsed() > PATIENCE => {
                self.wrong(alive, format!("after stop {}, {} live", without_pids(status), alive.len()));
            }
            Phase::Emptying { .. } | Phase::Waiting | Phase::Done => {}
        }
    }

    /// The running `start` command.
    fn start(&mut self) -> Option<&mut Child> {
        match &mut self.phase {
            Phase::Settling { start, .. } => Some(start),
            _ => None,
        }
    }

    /// The result of a check.
    fn judge(&self, status: &str, alive: &[u32]) -> Seen {
        if status == "stop/waiting" && alive.is_empty() {
            return Seen::Rests;
        }
        if status == "stop/waiting" && self.job.may_leave {
            return Seen::Leaves;
        }
        let state = without_pids(status);
        let Some(pid) = status.strip_prefix("start/running, process ").and_then(|pid| pid.parse().ok()) else {
            return Seen::Not(format!("{state}, {} live", alive.len()));
        };
        // Notes of processes that have exited do not count.
        let noted = self.job.notes.iter().filter_map(|file| noted(file));
        let rights: Vec<u32> = noted.filter(|pid| alive.contains(pid)).collect();
        match () {
            () if !is_running(pid) => Seen::Not("a dead process".into()),
            () if stands_still(pid) && !self.job.may_stand => Seen::Not("a stopped process".into()),
            () if !rights.contains(&pid) => Seen::Not(format!("another process, {} live", alive.len())),
            () if alive.len() != self.job.stays => {
                Seen::Not(format!("{} processes instead of {}", alive.len(), self.job.stays))
            }
            () => Seen::Runs(pid),
        }
    }

    /// Sets the outcome.
    fn settle(&mut self, system: &System, seen: &Seen) {
        self.said = said(&system.log(), &self.job.name);
        let adopted = self.said.iter().any(|line| line.starts_with("expected "));
        let too_fast = self.said.iter().any(|line| line.starts_with("respawning too fast"));
        self.outcome = match (seen, self.said.last()) {
            (Seen::Runs(_), _) if adopted => Outcome::Adopted,
            (Seen::Runs(_), _) => Outcome::Right,
            (Seen::Leaves, said) => Outcome::Left(said.is_some()),
            (Seen::Rests, None) if self.job.may_leave => Outcome::Left(false),
            (Seen::Rests, None) => Outcome::Wrong("fails without a word".into()),
            (Seen::Rests, _) if too_fast => Outcome::Failed("respawning too fast".into()),
            (Seen::Rests, Some(why)) => Outcome::Failed(why.clone()),
            (Seen::Not(what), _) => Outcome::Wrong(what.clone()),
        };
    }

    /// Adds a violation to the outcome, and kills the processes that are left.
    fn wrong(&mut self, alive: &[u32], what: String) {
        self.outcome = Outcome::Wrong(match &self.outcome {
            Outcome::Wrong(before) => format!("{before}; {what}"),
            _ => what,
        });
        self.bury(alive);
    }

    /// Kills the processes that are left, and is done.
    fn bury(&mut self, alive: &[u32]) {
        alive.iter().for_each(|&pid| send(pid, Signal::SIGKILL));
        self.phase = Phase::Done;
    }
}

fn noted(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn not_answered(seen: Seen) -> Seen {
    match seen {
        Seen::Not(what) => Seen::Not(format!("{what}, start hangs")),
        Seen::Runs(_) => Seen::Not("it runs, start hangs".into()),
        Seen::Rests | Seen::Leaves => Seen::Not("it rests, start hangs".into()),
    }
}

/// The log messages about a job, each once.
fn said(log: &str, job: &str) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for line in log.lines() {
        let line = line.strip_prefix("init: ").unwrap_or(line);
        let of_job = line.strip_prefix(job).and_then(|rest| rest.strip_prefix(' ')).map(without_pids);
        said.extend(of_job.filter(|line| !said.contains(line)));
    }
    said
}

/// A line with `PID` in place of every process id: a number after `process`, `following` or an opening bracket.
fn without_pids(line: &str) -> String {
    let mut text = String::new();
    for (at, part) in line.split_inclusive([' ', '(']).enumerate() {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        let names = ["process ", "following ", "("].iter().any(|word| text.ends_with(word));
        match at > 0 && digits > 0 && names {
            true => text += &format!("PID{}", &part[digits..]),
            false => text += part,
        }
    }
    text
}
