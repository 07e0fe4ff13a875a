//! The supervisor never loses a daemon and never hangs: in whatever way a program becomes a daemon, and whatever its
//! job file says about it, the job runs with the right live process, or fails with a reason. `start` and `stop` return,
//! and nothing is left behind.

#[path = "never_lose/shapes.rs"]
mod shapes;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::unistd::geteuid;
use shapes::{SETTINGS, SHAPES, Setting, Shape, Works};
use uphold_tests::page::{HEAD, says, table};
use uphold_tests::system::processes::{Signal, is_running};
use uphold_tests::system::{Launch, PATIENCE, System, skipped};
use uphold_tests::walk::{self, Group, Job, Outcome, play};

const DAEMON: &str = env!("CARGO_BIN_EXE_daemon");

/// The shapes that can be tried with the rights of this test.
fn shapes() -> impl Iterator<Item = &'static Shape> {
    let root = geteuid().is_root();
    SHAPES.iter().filter(move |shape| root || !shape.needs_root())
}

/// A shape with a setting, with or without `respawn`.
#[derive(Clone, Copy)]
struct Trial {
    shape: &'static Shape,
    setting: &'static Setting,
    respawn: bool,
}

impl Trial {
    /// Every shape that can have the setting.
    fn all(setting: &'static Setting) -> Vec<Trial> {
        let shapes = shapes().filter(|shape| shape.can(setting));
        shapes.flat_map(|shape| [false, true].map(|respawn| Trial { shape, setting, respawn })).collect()
    }

    fn name(&self) -> String {
        format!("{}{}", self.shape.name, if self.respawn { "-respawn" } else { "" })
    }

    fn title(&self) -> String {
        format!("{} with {}{}", self.shape.name, self.setting.name, if self.respawn { " and respawn" } else { "" })
    }

    fn text(&self) -> String {
        let respawn = if self.respawn { "respawn\nrespawn limit 3 60" } else { "" };
        self.shape.job(&self.name(), &format!("{}\n{respawn}", self.setting.stanzas), DAEMON)
    }

    fn job(&self, at: PathBuf) -> Job {
        let notes = ["pid", "worker", "worker2"].map(|file| at.join(file)).into();
        let may_leave = self.setting.name == "none" && !self.respawn;
        let may_stand = self.shape.words.split(' ').any(|word| word == "stop");
        Job { name: self.name(), at, notes, stays: self.shape.stays, may_leave, may_stand }
    }
}

/// A trial with its outcome and its log messages.
struct Tried<'a> {
    trial: Trial,
    outcome: &'a Outcome,
    said: &'a [String],
}

/// A supervisor with the jobs of these trials.
fn group(trials: &[Trial]) -> Group {
    let jobs: Vec<_> = trials.iter().map(|trial| (trial.name(), trial.text())).collect();
    let launch = Launch::new(&jobs.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>());
    let jobs = trials.iter().map(|trial| trial.job(walk::make_room(launch.folder(), &trial.name()))).collect();
    Group::new(launch.start(), jobs)
}

/// Compares an outcome with the required one. Returns the difference.
fn mistake(case: &Tried<'_>) -> Option<String> {
    let works = match case.trial.shape.works {
        Works::Always => true,
        Works::AtSecond => case.trial.respawn,
        Works::Never => false,
    };
    let sure = ["auto", "pid file", "notify", "fd 3"].contains(&case.trial.setting.name);
    let right = case.trial.shape.right.contains(&case.trial.setting.name);
    let advice = case.said.iter().find(|line| line.starts_with("expected "));
    match case.outcome {
        Outcome::Wrong(what) => Some(what.clone()),
        Outcome::Adopted if right => Some("the job file is right, and is told that it is not".into()),
        Outcome::Left(_) if works && right => Some("it ends, and should run".into()),
        // The processes that lived when the job ended are logged. With more than one fork the last may come later.
        Outcome::Left(false) if case.trial.shape.right == ["fork"] => Some("what it leaves is not told".into()),
        Outcome::Failed(why) if works && (right || sure) => Some(format!("it need not fail: {why}")),
        Outcome::Right | Outcome::Adopted if !works => Some("it cannot work, and does".into()),
        Outcome::Adopted if !advice.is_some_and(|line| is_advice(line)) => Some("it is not told what is right".into()),
        _ => None,
    }
}

/// `expected daemon, saw one fork: following PID; "expect fork" is right`, or, where the forks were not traced, that
/// the next launch tells.
fn is_advice(line: &str) -> bool {
    let parts = || {
        let (expected, rest) = line.strip_prefix("expected ")?.split_once(", saw ")?;
        let (saw, right) = rest.split_once(": following PID; ")?;
        let stanza = right.strip_prefix("\"expect ").and_then(|right| right.strip_suffix("\" is right"));
        let untraced = matches!(expected, "none" | "stop") && saw == "a fork or more";
        let tells = if untraced { right == LEARNS } else { stanza.is_some_and(|stanza| !stanza.is_empty()) };
        Some(tells && !expected.is_empty() && !saw.is_empty())
    };
    parts() == Some(true)
}

/// The end of the advice where the forks were not traced.
const LEARNS: &str = "the next launch is traced to learn which is right";

/// The text of `docs/never-lose.md`.
fn page(cases: &[Tried<'_>]) -> String {
    let words = |text: &str| text.replace("@FOLDER@/@NAME@/", "");
    let does = |shape: &Shape| words(&shape.words.replace("@PID@", "FILE").replace("@WORKER@", "FILE"));
    let mut text = format!(
        "{HEAD}# Every kind of daemon, with every stanza\n\nThe result for a job whose daemon starts in one way while its job file says another. \
         `tests/tests/never_lose.rs` tries every cell with real processes.\n\n\
         - `right process`: the job runs, and its main process is the daemon.\n\
         - `adopted`: the job file was wrong, the log says which stanza is right or that the next launch will tell, and the job runs all the \
         same.\n\
         - `fails`: nothing is left running, and the log says why.\n\
         - `ends`: as under Upstart, a job without `expect` and `respawn` ends when its process exits with status 0. The processes \
         that it leaves belong to no job; the log names those that were there when the job ended and still are two seconds later.\n\n\
         `stop` returned in every case, and left nothing behind.\n\n"
    );
    let rows = SHAPES.iter().map(|shape| vec![shape.name.into(), shape.what.into(), does(shape)]);
    text += &table(&["daemon", "what it does", "script of the test daemon"], rows);
    for (respawn, title) in [(false, "Without `respawn`"), (true, "With `respawn`")] {
        text += &format!("\n## {title}\n\n");
        let headings: Vec<&str> = ["daemon"].into_iter().chain(SETTINGS.iter().map(|setting| setting.name)).collect();
        let cell = |shape: &Shape, setting: &Setting| {
            let wanted = (shape.name, setting.name, respawn);
            let is = |case: &&Tried<'_>| (case.trial.shape.name, case.trial.setting.name, case.trial.respawn) == wanted;
            let outcome = |case: &Tried<'_>| match case.outcome {
                // Whether the leftovers are logged may depend on which process is faster.
                Outcome::Left(_) => "ends".to_owned(),
                outcome => outcome.to_string(),
            };
            cases.iter().find(is).map(outcome).unwrap_or_default()
        };
        let row = |shape: &Shape| {
            let cells = SETTINGS.iter().map(|setting| cell(shape, setting));
            [shape.name.to_owned()].into_iter().chain(cells).collect()
        };
        text += &table(&headings, SHAPES.iter().map(row));
    }
    text
}

#[test]
fn every_shape_with_every_setting() {
    let trials: Vec<Vec<Trial>> = SETTINGS.iter().map(Trial::all).collect();
    let mut groups: Vec<Group> = trials.iter().map(|trials| group(trials)).collect();
    play(&mut groups);
    let ended = groups.iter().flat_map(|group| &group.cases);
    let tried = trials.iter().flatten().zip(ended);
    let cases: Vec<Tried> =
        tried.map(|(trial, case)| Tried { trial: *trial, outcome: &case.outcome, said: &case.said }).collect();
    for case in &cases {
        println!("{:38} {:30} {}", case.trial.title(), case.outcome.to_string(), case.said.join(" | "));
    }
    let told = |case: &Tried<'_>| Some(format!("{}: {}", case.trial.title(), mistake(case)?));
    let mistakes: Vec<String> = cases.iter().filter_map(told).collect();
    let page = page(&cases);
    let is_whole = shapes().count() == SHAPES.len();
    assert!(mistakes.is_empty(), "{} of {} are wrong:\n{}", mistakes.len(), cases.len(), mistakes.join("\n"));
    groups.into_iter().for_each(Group::end);
    if !is_whole {
        return skipped("only root can try all shapes, so the page is not compared");
    }
    assert!(says("never-lose.md", &page), "docs/never-lose.md is out of date; with UPDATE_DOCS=1 this test writes it");
}

/// One event starts two hundred daemons of different shapes, each with the right stanza.
#[test]
fn two_hundred_daemons_at_once() {
    const COUNT: usize = 200;
    let able: Vec<_> = shapes().filter(|shape| shape.works == Works::Always && shape.stays == 1).collect();
    let right = |shape: &Shape| shape.right.first().copied().unwrap_or("auto").to_owned();
    let job = |index: usize| {
        let (shape, name) = (able[index % able.len()], format!("{}-{index}", able[index % able.len()].name));
        let setting = SETTINGS.iter().find(|setting| setting.name == right(shape)).expect("there is that setting");
        (shape.job(&name, &format!("start on startup-of-all\nrespawn\n{}", setting.stanzas), DAEMON), name)
    };
    let jobs: Vec<_> = (0..COUNT).map(job).collect();
    let jobs: Vec<_> = jobs.iter().map(|(text, name)| (name.as_str(), text.as_str())).collect();
    let mut system = System::start(&jobs);
    for (name, _) in &jobs {
        walk::make_room(system.folder(), name);
    }
    system.order(&["emit", "--no-wait", "startup-of-all"]);
    let missing = |system: &System| walk::not_right(system, jobs.iter().map(|(name, _)| *name));
    let end = Instant::now() + PATIENCE;
    while !missing(&system).is_empty() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(100));
    }
    // The state must last.
    std::thread::sleep(Duration::from_secs(1));
    let wrong: Vec<String> = missing(&system).into_iter().map(|name| system.status(name)).collect();
    assert_eq!(wrong, [""; 0]);
    system.await_processes(COUNT);
    let stops: Vec<_> = jobs.iter().map(|(name, _)| *name).collect();
    for some in stops.chunks(50) {
        let stops: Vec<_> = some.iter().map(|name| system.begin(&["stop", name])).collect();
        for mut stop in stops {
            system.await_some("the end of stop", |_| stop.try_wait().expect("it is our child"));
        }
    }
    system.await_processes(0);
    system.end(Signal::SIGTERM);
}

/// The kernel may report a child's first stop before its parent's fork or after it: over many starts both happen.
#[test]
fn fork_and_stop_in_either_order() {
    let words =
        [("fork", "fork"), ("daemon", "fork fork"), ("daemon", "fork session fork"), ("fork", "threads 2 fork")];
    let job =
        |(expect, words): &(&str, &str)| format!("expect {expect}\nexec {DAEMON} {words} pid @FOLDER@/$UPSTART_JOB\n");
    let texts: Vec<_> = words.iter().map(job).collect();
    let jobs: Vec<_> = ["a", "b", "c", "d"].into_iter().zip(texts.iter().map(String::as_str)).collect();
    let mut system = System::start(&jobs);
    for round in 0..40 {
        let starts: Vec<_> = jobs.iter().map(|(name, _)| system.begin(&["start", name])).collect();
        for mut start in starts {
            system.await_some("the end of start", |_| start.try_wait().expect("it is our child"));
        }
        for (name, _) in &jobs {
            let pid = system.main_process(name).unwrap_or_else(|| panic!("round {round}: {name} has no process"));
            assert!(is_running(pid), "round {round}: {name}\n{}", system.log());
            let file = system.folder().path(name);
            system.await_some(&format!("{pid} noted by {name} in round {round}"), |_| {
                (std::fs::read_to_string(&file).ok()?.trim_end() == pid.to_string()).then_some(())
            });
            system.order(&["stop", name]);
        }
        system.await_processes(0);
    }
    assert!(!system.log().contains(" expected "), "{}", system.log());
    system.end(Signal::SIGTERM);
}
