//! Random worlds of a few jobs with hooks, and the steps that are taken in them.
//!
//! A job refers to jobs before it only, so no job waits for itself, and none is started in a circle.

use super::random::Random;

/// The jobs and the steps of a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SmallWorld {
    /// The job files, each with its name and the lines of its text.
    pub jobs: Vec<(String, Vec<String>)>,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

/// A step in a world.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// A client's command line, without `initctl`.
    Ask(Vec<String>),
    /// A signal to the main process of the job with this number.
    Kill(usize, &'static str),
    /// The program of `init` is replaced.
    ReExecute,
    /// The job file with this number gets another text.
    Write(usize, Vec<String>),
    /// The job file with this number is removed.
    Remove(usize),
}

const MAIN: [&str; 8] = [
    "exec sleep 1000",
    "exec sleep 1000",
    "exec sleep 1000",
    "exec true",
    "exec false",
    "",
    "exec sh -c 'exit 3'",
    "script\n  trap 'exit 0' TERM\n  while :; do sleep 0.1; done\nend script",
];
const SIGNALS: [&str; 4] = ["TERM", "KILL", "HUP", "USR1"];
const JOB_EVENTS: [&str; 4] = ["starting", "started", "stopping", "stopped"];
const EVENTS: [&str; 7] = ["go", "go A=1", "go A=2", "halt", "x", "y", "many X=1"];
const HOOKS: [&str; 4] = ["pre-start", "post-start", "pre-stop", "post-stop"];

impl SmallWorld {
    /// A world of two to four jobs.
    pub fn random(random: &mut Random) -> SmallWorld {
        let count = random.within(2, 4);
        let jobs: Vec<(String, Vec<String>)> = (0..count).map(|at| (name(at), job(random, at))).collect();
        let mut steps: Vec<Step> = (0..random.within(3, 9)).map(|_| step(random, count)).collect();
        let written = steps.iter().filter_map(|step| match step {
            Step::Write(_, lines) => Some(lines),
            _ => None,
        });
        let mut lines = jobs.iter().map(|(_, lines)| lines).chain(written).flatten();
        if lines.any(|line| line.starts_with("pre-stop")) {
            // A restart of such a job is better than Upstart's.
            steps.retain(|step| !matches!(step, Step::Ask(words) if words[0] == "restart"));
        }
        SmallWorld { jobs, steps }
    }
}

/// The name of the job with a number.
pub fn name(number: usize) -> String {
    format!("j{number}")
}

fn condition(random: &mut Random, number: usize) -> String {
    let event = |random: &mut Random| match number > 0 && random.chance(70) {
        true => {
            let other = name(random.below(number));
            let event = random.one(&JOB_EVENTS);
            let more = if event == "stopped" && random.chance(30) { " RESULT=failed" } else { "" };
            match random.below(8) {
                0 => format!("{event}/failed {other}"),
                1 => format!("{event} JOB!={other}"),
                _ => format!("{event} {other}{more}"),
            }
        }
        false => random.one(&EVENTS).to_owned(),
    };
    let first = event(random);
    match random.below(4) {
        0 => format!("{first} {} {}", random.one(&["and", "or"]), event(random)),
        1 => format!("({first} {} {}) and {}", random.one(&["and", "or"]), event(random), event(random)),
        _ => first,
    }
}

/// The lines of a job file. Each hook writes down what it got; the job's own file keeps the order.
fn job(random: &mut Random, number: usize) -> Vec<String> {
    let mut lines = Vec::new();
    if random.chance(70) {
        lines.push(format!("start on {}", condition(random, number)));
    }
    if random.chance(50) {
        lines.push(format!("stop on {}", condition(random, number)));
    }
    for (chance, line) in [
        (25, "task"),
        (20, "respawn"),
        (15, "env E=1"),
        (15, "export E"),
        (10, "normal exit 3"),
        (10, "instance ${A:-n}"),
        (5, "kill signal INT"),
        (5, "manual"),
    ] {
        if random.chance(chance) {
            lines.push(line.to_owned());
        }
    }
    if lines.iter().any(|line| line == "respawn") {
        lines.push("respawn limit 2 600".to_owned());
    }
    for hook in HOOKS {
        if random.chance(25) {
            let end = random.one(&["", "", "", "  sleep 0.1\n", "  exit 1\n"]);
            let note =
                format!("{} {hook} $UPSTART_INSTANCE,$UPSTART_EVENTS,$UPSTART_STOP_EVENTS,$A,$E,$RESULT", name(number));
            lines.push(format!("{hook} script\n  echo \"{note}\" >> @DIR@/seen-{}\n{end}end script", name(number)));
        }
    }
    lines.push(random.one(&MAIN).to_owned());
    lines
}

fn step(random: &mut Random, count: usize) -> Step {
    let number = random.below(count);
    let mut words = match random.below(16) {
        0..5 => vec!["start".to_owned(), name(number)],
        5..7 => vec!["stop".to_owned(), name(number)],
        7 => vec!["restart".to_owned(), name(number)],
        8..12 => {
            let event = random.one(&EVENTS);
            return Step::Ask(["emit"].into_iter().chain(event.split(' ')).map(str::to_owned).collect());
        }
        12 | 13 => return Step::Kill(number, random.one(&SIGNALS)),
        14 => return Step::ReExecute,
        _ if random.chance(60) => return Step::Write(number, job(random, number)),
        _ => return Step::Remove(number),
    };
    if random.chance(20) {
        words.push(random.one(&["A=1", "A=2", "E=2"]).to_owned());
    }
    if random.chance(20) {
        words.insert(1, "--no-wait".to_owned());
    }
    Step::Ask(words)
}
