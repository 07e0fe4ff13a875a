//! Plays cases on one system, and writes down what is seen: the outcome, a text without what differs from run to run.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::command_line::JOBS;
use super::launch::SHOW;
use super::side::{PATIENCE, Run, Side};
use super::small_world::{SmallWorld, Step, name};
use crate::system::Ran;
use crate::system::processes::{self, Signal};

/// The pause between two looks at what moves.
const PAUSE: Duration = Duration::from_millis(25);

/// The number of looks without a change after which nothing moves any more.
const LOOKS: usize = 5;

/// The most time for something to come to rest.
const REST: Duration = Duration::from_secs(10);

/// The bound of a command that should not wait.
const AT_ONCE: Duration = Duration::from_secs(15);

/// Loads job files together, each with its override if it has one.
pub fn texts(side: &Side, cases: &[(&str, Option<&str>)]) -> Vec<String> {
    if cases.is_empty() {
        return Vec::new();
    }
    let overrides = cases.iter().enumerate().filter_map(|(at, case)| Some((format!("t{at}.override"), case.1?.into())));
    let files = cases.iter().enumerate().map(|(at, case)| (format!("t{at}.conf"), case.0.into()));
    let files: Vec<(String, String)> = overrides.chain(files).collect();
    let failed = match side.start(&files) {
        Ok(run) => match loaded(run, cases.len()) {
            Ok(outcomes) => return outcomes,
            Err(failed) => failed,
        },
        Err(failed) => failed,
    };
    if cases.len() == 1 {
        return vec![failed];
    }
    // One of them is the reason.
    let (first, second) = cases.split_at(cases.len() / 2);
    [texts(side, first), texts(side, second)].concat()
}

fn loaded(mut run: Run, count: usize) -> Result<Vec<String>, String> {
    let config = shown(run.ask_within("initctl", &["show-config", "-e"], AT_ONCE), &run);
    let said = run.said();
    let mut outcomes = Vec::new();
    for at in 0..count {
        let mut outcome = String::new();
        for file in [format!("/t{at}.conf:"), format!("/t{at}.override:")] {
            let messages = said.lines().filter_map(|line| Some(line.split_once(&file)?.1));
            messages.for_each(|message| outcome += &format!("{}{message}\n", &file[file.len() - 5..]));
        }
        let job = format!("t{at}");
        let block = blocks(&config).into_iter().find(|block| block.lines().next() == Some(&format!("out {job}")));
        match block {
            Some(block) => {
                outcome += &block[job.len() + "out ".len()..];
                for command in ["status", "usage"] {
                    let ran = run.ask_within("initctl", &[command, &job], AT_ONCE);
                    outcome += &shown(ran, &run).replace(&job, "JOB");
                }
            }
            None => outcome += "no job\n",
        }
        outcomes.push(outcome);
    }
    if let Some(ended) = run.ended() {
        return Err(format!("init has ended: {ended}\n"));
    }
    let ends = ended_by_us(run);
    Ok(outcomes.into_iter().map(|outcome| outcome + &ends).collect())
}

/// Enters command lines one after another.
pub fn commands(side: &Side, lines: &[Vec<String>]) -> String {
    let files: Vec<(String, String)> = JOBS.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    let run = match side.start(&files) {
        Ok(run) => run,
        Err(failed) => return failed,
    };
    let (mut outcome, mut last) = (String::new(), String::new());
    for line in lines {
        let words: Vec<&str> = line[1..].iter().map(String::as_str).collect();
        let ran = run.ask_within(&line[0], &words, AT_ONCE);
        outcome += &format!("$ {}\n", line.join(" "));
        let is_help = words.contains(&"help");
        outcome += &match ran {
            Some(ran) if is_help => format!("code {}\n", ran.code),
            ran => sorted(&shown(ran, &run)),
        };
        let list = rest(&run);
        if list != last {
            outcome += &list;
            last = list;
        }
    }
    ending(run, outcome)
}

/// Starts jobs one after another.
pub fn launches(side: &Side, cases: &[(&str, &[String])]) -> Vec<String> {
    if cases.is_empty() {
        return Vec::new();
    }
    let files = cases.iter().enumerate().map(|(at, case)| (format!("l{at}.conf"), case.0.to_owned()));
    let mut run = match side.start(&files.collect::<Vec<_>>()) {
        Ok(run) => run,
        Err(failed) => return vec![failed; cases.len()],
    };
    run.script("show", SHOW);
    let mut outcomes = Vec::new();
    for (at, (_, variables)) in cases.iter().enumerate() {
        let job = format!("l{at}");
        let words: Vec<&str> = ["start", &job].into_iter().chain(variables.iter().map(String::as_str)).collect();
        let ran = run.ask_within("initctl", &words, AT_ONCE);
        // Its process may have ended already, so the state is not compared.
        let mut outcome = ran.map_or("hangs\n".into(), |ran| format!("code {}\n{}", ran.code, run.plain(&ran.err)));
        rest(&run);
        let seen = run.path("seen");
        outcome += &run.plain(&fs::read_to_string(&seen).unwrap_or_default());
        // It is not there if no process got so far.
        fs::remove_file(&seen).unwrap_or_default();
        let logs = fs::read_dir(run.path("log")).expect("there is a folder of logs").flatten();
        for log in logs.filter(|log| log.file_name().to_string_lossy().starts_with(&job)) {
            let text = String::from_utf8_lossy(&fs::read(log.path()).unwrap_or_default()).into_owned();
            outcome += &format!("log {}: {}", log.file_name().to_string_lossy(), run.plain(&text));
            fs::remove_file(log.path()).unwrap_or_default();
        }
        outcome += &messages(&run.said(), Some(&job));
        outcomes.push(outcome.replace(&job, "JOB"));
    }
    match run.ended() {
        Some(ended) => vec![format!("init has ended: {ended}\n"); cases.len()],
        None => {
            let ends = ended_by_us(run);
            outcomes.into_iter().map(|outcome| outcome + &ends).collect()
        }
    }
}

/// A client that may wait, its command line, and the file with what it printed.
struct Client {
    child: Child,
    line: String,
    file: PathBuf,
}

/// Takes the steps of a world.
pub fn world(side: &Side, world: &SmallWorld) -> String {
    let files: Vec<(String, String)> =
        world.jobs.iter().map(|(name, lines)| (format!("{name}.conf"), text(lines))).collect();
    let run = match side.start(&files) {
        Ok(run) => run,
        Err(failed) => return failed,
    };
    let (mut outcome, mut clients) = (String::new(), Vec::new());
    for (at, step) in world.steps.iter().enumerate() {
        outcome += &format!("{at}: {step:?}\n");
        take(&run, step, at, &mut clients, &mut outcome);
        let list = rest(&run);
        clients.retain_mut(|client: &mut Client| match client.child.try_wait().expect("it is a child") {
            Some(status) => {
                let said = fs::read_to_string(&client.file).unwrap_or_default();
                outcome += &format!("{} -> {:?} {}", client.line, status.code(), run.plain(&said));
                false
            }
            None => true,
        });
        outcome += &list;
    }
    for client in &mut clients {
        outcome += &format!("{} waits\n", client.line);
        // It may end by itself now.
        client.child.kill().unwrap_or_default();
        client.child.wait().expect("it is a child");
    }
    for (job, _) in &world.jobs {
        outcome += &run.plain(&fs::read_to_string(run.path(&format!("seen-{job}"))).unwrap_or_default());
    }
    outcome += &messages(&run.said(), None);
    ending(run, outcome)
}

fn text(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn take(run: &Run, step: &Step, at: usize, clients: &mut Vec<Client>, outcome: &mut String) {
    match step {
        Step::Ask(words) => {
            let file = run.path(&format!("client-{at}"));
            let create = File::create(&file).expect("a file is made");
            let mut command = run.client("initctl", &words.iter().map(String::as_str).collect::<Vec<_>>());
            // The state that it prints may be past already.
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(create);
            let child = command.spawn().expect("a client starts");
            clients.push(Client { child, line: words.join(" "), file });
        }
        Step::Kill(number, signal) => {
            let list = run.ask("initctl", &["list"]).map_or(String::new(), |ran| ran.out);
            let running = format!("{} ", name(*number));
            let line = list.lines().find(|line| line.starts_with(&running) && line.contains("start/running, process"));
            match line.and_then(|line| line.rsplit(' ').next()?.parse().ok()) {
                Some(pid) => processes::send(pid, signal_named(signal)),
                None => *outcome += "no process\n",
            }
        }
        // Upstart forgets clients that wait.
        Step::ReExecute if !clients.is_empty() => {}
        Step::ReExecute => *outcome += if run.re_execute() { "re-executed\n" } else { "not re-executed\n" },
        Step::Write(number, lines) => run.put(&format!("{}.conf", name(*number)), &text(lines)),
        Step::Remove(number) => {
            // An earlier step may have removed it.
            fs::remove_file(run.path("conf").join(format!("{}.conf", name(*number)))).unwrap_or_default();
        }
    }
}

fn signal_named(name: &str) -> Signal {
    format!("SIG{name}").parse().expect("it is a signal")
}

/// Waits until nothing moves, and returns the list of jobs.
fn rest(run: &Run) -> String {
    let end = Instant::now() + REST;
    let (mut last, mut looks) = (String::new(), 0);
    while looks < LOOKS && Instant::now() < end {
        let list = sorted(&shown(run.ask_within("initctl", &["list"], PATIENCE), run));
        looks = if list == last { looks + 1 } else { 0 };
        let moves = list.lines().any(|line| !["start/running", "stop/waiting"].iter().any(|rest| line.contains(rest)));
        // A list of jobs at rest needs fewer looks, but one: the reply of a client may be on its way.
        if looks > 0 && !moves && looks < LOOKS - 2 {
            looks = LOOKS - 2;
        }
        last = list;
        std::thread::sleep(PAUSE);
    }
    last
}

/// Ends the run, and adds how it ends.
fn ending(mut run: Run, mut outcome: String) -> String {
    match run.ended() {
        Some(ended) => outcome += &format!("init has ended: {ended}\n"),
        None => outcome += &ended_by_us(run),
    }
    outcome
}

/// Ends `init`, and tells how it ends.
fn ended_by_us(run: Run) -> String {
    format!("{ENDS}{}\n", run.finish())
}

/// The beginning of the line about the end of `init`, which the systems may report by another status.
const ENDS: &str = "init ends: ";

/// The outcome without the status of `init`.
pub fn comparable(outcome: &str) -> String {
    outcome.split_inclusive('\n').filter(|line| !line.starts_with(ENDS)).collect()
}

/// The output of a client, each line with its stream, and its exit code.
fn shown(ran: Option<Ran>, run: &Run) -> String {
    let Some(ran) = ran else { return "hangs\n".into() };
    let mut shown = String::new();
    for (stream, text) in [("out", &ran.out), ("err", &ran.err)] {
        run.plain(text).lines().for_each(|line| shown += &format!("{stream} {line}\n"));
    }
    if ran.code != 0 {
        shown += &format!("code {}\n", ran.code);
    }
    shown
}

/// The lines in blocks: a line that is indented belongs to the one before it.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        match blocks.last_mut() {
            Some(block) if line.starts_with("out  ") || line.starts_with("out \t") => block.push_str(line),
            _ => blocks.push(line.to_owned()),
        }
    }
    blocks
}

/// The blocks in order: lists of jobs have Upstart's order of a hash table.
fn sorted(text: &str) -> String {
    let mut blocks = blocks(text);
    blocks.sort();
    blocks.concat()
}

/// The messages of `init` about processes that ended, in order, of one job or of all.
fn messages(said: &str, job: Option<&str>) -> String {
    let words = ["process (PID) terminated", "process (PID) killed", "respawning", "Failed to", ".conf:"];
    let is_one = |line: &&str| words.iter().any(|word| line.contains(word));
    let is_its = |line: &&str| job.is_none_or(|job| line.split([' ', '.', '/']).any(|word| word == job));
    let mut lines: Vec<&str> = said.lines().filter(|line| is_one(line) && is_its(line)).collect();
    lines.sort_unstable();
    lines.iter().map(|line| format!("{line}\n")).collect()
}
