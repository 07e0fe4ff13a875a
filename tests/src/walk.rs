//! Plays many jobs at once, each from `start` to the end of its last process, and says what came of each.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use crate::system::processes::{Signal, is_running, send, stands_still, with_texts};
use crate::system::{Folder, PATIENCE, Process, System};

/// How long a job may stay as it must not stay: longer than it waits for anything.
const SETTLE: Duration = Duration::from_secs(40);

/// How long a job may take until it stays as it is.
const RESTLESS: Duration = Duration::from_secs(240);

/// How many jobs are started at once: a machine that is busy with more is measured, and not the supervisor.
const AT_ONCE: usize = 36;

/// How long it must have been like that.
const QUIET: Duration = Duration::from_secs(3);

/// The same where what is left running was not told of: the supervisor takes two seconds for that, and on a busy machine longer.
const UNTOLD: Duration = Duration::from_secs(15);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(200);

/// What came of a job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It ran with the right process.
    Right,
    /// It ran with the right process, which was not the one that its job file speaks of.
    Adopted,
    /// It failed, said so, and nothing of it lived.
    Failed(String),
    /// It ended as a job in the foreground does; whether what it left running was told.
    Left(bool),
    /// What must never be.
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

/// A job that is looked at.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// The folder of its own, below that of its system.
    pub at: PathBuf,
    /// The files in which the processes that may be its main process note their ids.
    pub notes: Vec<PathBuf>,
    /// How many processes stay.
    pub stays: usize,
    /// Whether its first process alone is the job, so that it may end and leave others: without `expect` and `respawn`,
    /// Upstart has it so and job files rely on it.
    pub may_leave: bool,
    /// Whether it stops itself, and may be left so by who does not expect that.
    pub may_stand: bool,
}

/// A job, and what came of it.
pub struct Case {
    /// Which.
    pub job: Job,
    /// What the supervisor said of it until it had settled, without process ids.
    pub said: Vec<String>,
    /// What came of it.
    pub outcome: Outcome,
    phase: Phase,
}

/// How far a case has come.
enum Phase {
    /// It is to be started.
    Waiting,
    /// It is started, and looked at until it stays as it is.
    Settling {
        start: Child,
        begun: Instant,
        seen: Seen,
        since: Instant,
    },
    /// It is stopped.
    Stopping {
        stop: Child,
        begun: Instant,
    },
    /// It has stopped, and its processes go.
    Emptying {
        begun: Instant,
    },
    Done,
}

/// What a look at a job shows.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    /// It runs with the right process, which is this.
    Runs(u32),
    /// It is at rest and nothing of it lives.
    Rests,
    /// It is at rest, as it may be, and others live.
    Leaves,
    /// Something else, which must not last.
    Not(String),
}

/// A supervisor with its jobs.
pub struct Group {
    system: System,
    /// Its jobs, in the order in which they were given.
    pub cases: Vec<Case>,
}

impl Group {
    /// A supervisor with jobs that are to be played.
    pub fn new(system: System, jobs: Vec<Job>) -> Group {
        let unseen = || Outcome::Wrong("unseen".into());
        let case = |job: Job| Case { job, said: Vec::new(), outcome: unseen(), phase: Phase::Waiting };
        let cases = jobs.into_iter().map(case).collect();
        Group { system, cases }
    }

    /// How many starts were not answered yet.
    fn unanswered(&mut self) -> usize {
        self.cases
            .iter_mut()
            .filter_map(Case::start)
            .filter_map(|start| start.try_wait().ok())
            .filter(Option::is_none)
            .count()
    }

    /// Looks at every job once, and starts so many more; says whether all are done.
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
        // If there is only one job, then all that lives is the job's, whatever it calls itself.
        let all: Option<Vec<u32>> = (self.cases.len() == 1)
            .then(|| self.system.processes().iter().map(|process: &Process| process.pid).collect());
        for case in &mut self.cases {
            let status = status.get(case.job.name.as_str()).copied().unwrap_or("unknown");
            let named = living.get(&case.job.at).map(Vec::as_slice).unwrap_or_default();
            case.look(&self.system, status, all.as_deref().unwrap_or(named));
        }
        self.cases.iter().all(|case| matches!(case.phase, Phase::Done))
    }

    /// Ends the supervisor, which must leave nothing behind; unless something was wrong anyway.
    pub fn end(self) {
        if self.cases.iter().all(|case| !matches!(case.outcome, Outcome::Wrong(_))) {
            self.system.end(Signal::SIGTERM);
        }
    }
}

/// A folder for what a job notes; some give up root's rights before they write.
pub fn make_room(folder: &Folder, job: &str) -> PathBuf {
    let at = folder.below(job);
    std::fs::set_permissions(&at, PermissionsExt::from_mode(0o777)).expect("the folder is ours");
    at
}

/// Which of the jobs don't run with the process that was noted.
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

/// Plays all jobs to their ends.
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

/// The live processes of each job, by the job's folder: which is named in their command lines, whatever they do to their
/// environment; or else the environment names supervisor and job.
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

    /// Its start, as long as it is looked at.
    fn start(&mut self) -> Option<&mut Child> {
        match &mut self.phase {
            Phase::Settling { start, .. } => Some(start),
            _ => None,
        }
    }

    /// What the job is now.
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
        // Notes of processes that have gone don't count.
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

    /// It is clear what became of it.
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

    /// Something is wrong once more; the rest of it is done away with.
    fn wrong(&mut self, alive: &[u32], what: String) {
        self.outcome = Outcome::Wrong(match &self.outcome {
            Outcome::Wrong(before) => format!("{before}; {what}"),
            _ => what,
        });
        self.bury(alive);
    }

    /// Nothing more is to be seen of it.
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

/// What was said of a job, each thing once.
fn said(log: &str, job: &str) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for line in log.lines() {
        let line = line.strip_prefix("init: ").unwrap_or(line);
        let of_job = line.strip_prefix(job).and_then(|rest| rest.strip_prefix(' ')).map(without_pids);
        said.extend(of_job.filter(|line| !said.contains(line)));
    }
    said
}

/// A line with `PID` for every process id: what follows `process`, `following` or an opening bracket.
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
