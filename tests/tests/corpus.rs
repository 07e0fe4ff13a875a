//! Real job files of other projects, with the verdicts of Upstart 1.13.2: `shared/corpus` beside the checkout.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use uphold_core::conf::{ConditionText, ConfError, Operator, Parser, Stanza};

/// The output of `initctl show-config` for a job.
#[derive(Default)]
struct Job {
    emits: Vec<String>,
    start_on: Option<Condition>,
    stop_on: Option<Condition>,
    /// Whether the file has a stanza that Upstart 1.13.2 does not know: `import` or `tmpfiles`.
    chromeos: bool,
}

/// A condition in the two forms that `initctl show-config` prints.
struct Condition {
    infix: String,
    events: Vec<String>,
}

impl Condition {
    fn new(text: ConditionText<'_>) -> Self {
        let (mut stack, mut events) = (Vec::new(), Vec::new());
        for operator in text.operators() {
            let word = match operator {
                Operator::Event(name, arguments) => {
                    let arguments: Vec<String> = arguments.iter().map(string).collect();
                    events.push(enumerated(&string(name), &arguments));
                    stack.push([vec![string(name)], arguments].concat().join(" "));
                    continue;
                }
                Operator::And => "and",
                Operator::Or => "or",
            };
            let right = stack.pop().expect("an operator has two operands");
            let left = stack.pop().expect("an operator has two operands");
            stack.push(format!("({left} {word} {right})"));
        }
        assert_eq!(stack.len(), 1, "a condition has one value: {stack:?}");
        Condition { infix: stack.remove(0), events }
    }
}

/// An event in the form of `show-config -e`, which prints the job of a job event apart from the other arguments.
fn enumerated(name: &str, arguments: &[String]) -> String {
    let (mut job, mut env) = (String::new(), arguments);
    if let ("starting" | "started" | "stopping" | "stopped", [first, rest @ ..]) = (name, arguments) {
        let value = first.strip_prefix("JOB=").or((!first.contains('=')).then_some(first));
        if let Some(value) = value {
            job = format!(" {value}");
            env = rest;
        }
    }
    let env: String = env.iter().map(|argument| format!(" {argument}")).collect();
    format!("{name} (job:{job}, env:{env})")
}

fn string(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}

impl Job {
    fn read(&mut self, file: &Path) -> Result<(), ConfError> {
        let mut text = fs::read(file).unwrap();
        let mut parser = Parser::new(&mut text);
        while let Some(stanza) = parser.next() {
            match stanza? {
                Stanza::StartOn(condition) => self.start_on = Some(Condition::new(condition)),
                Stanza::StopOn(condition) => self.stop_on = Some(Condition::new(condition)),
                Stanza::Manual => self.start_on = None,
                Stanza::Emits(events) => self.emits.extend(events.iter().map(string)),
                Stanza::Import(_) | Stanza::Tmpfiles(_) => self.chromeos = true,
                _ => {}
            }
        }
        Ok(())
    }

    fn lines(&self, enumerate: bool) -> Vec<String> {
        let emits = self.emits.iter().map(|event| format!("  emits {event}"));
        let conditions =
            [("start", &self.start_on), ("stop", &self.stop_on)].into_iter().flat_map(|(word, condition)| {
                let condition = condition.iter();
                condition
                    .flat_map(move |it| if enumerate { it.events.clone() } else { vec![it.infix.clone()] })
                    .map(move |text| format!("  {word} on {text}"))
            });
        emits.chain(conditions).collect()
    }
}

/// The lines of each job in a recording of `show-config`.
fn recorded(file: &Path) -> BTreeMap<String, Vec<String>> {
    let mut jobs = BTreeMap::<String, Vec<String>>::new();
    let mut job = String::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        if line.starts_with("  ") {
            jobs.get_mut(&job).unwrap().push(line.to_owned());
        } else {
            job = line.to_owned();
            jobs.insert(job.clone(), Vec::new());
        }
    }
    jobs
}

fn corpus() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus");
    if !folder.is_dir() {
        println!("skipped: no corpus beside the checkout");
        return None;
    }
    Some(folder)
}

#[test]
fn every_file_gets_the_verdict_of_the_original() {
    let Some(corpus) = corpus() else { return };
    let (mut accepted, mut rejected, mut chromeos, mut wrong) = (0, 0, 0, Vec::new());
    for row in fs::read_to_string(corpus.join("open/index.tsv")).unwrap().lines().skip(1) {
        let columns: Vec<&str> = row.split('\t').collect();
        let [file, verdict, line, message, ..] = columns[..] else { panic!("{row}") };
        let mut job = Job::default();
        let ours = job.read(&corpus.join("open/files").join(file));
        let said = ours.map_err(|error| (error.line.map_or(String::new(), |line| line.to_string()), error.to_string()));
        match (said, verdict) {
            (Ok(()), "accept") => {
                accepted += 1;
                let shown = recorded(&corpus.join(format!("open/show-config/{file}.txt")));
                let [shown] = shown.into_values().collect::<Vec<_>>().try_into().expect("one job a recording");
                if job.lines(true) != shown {
                    wrong.push(format!("{file}: {:?} but was {shown:?}", job.lines(true)));
                }
            }
            (Ok(()), _) if job.chromeos && message == "Unknown stanza" => chromeos += 1,
            (Err((our_line, ours)), "reject") if our_line == line && ours == message => rejected += 1,
            (said, _) => wrong.push(format!("{file}: {said:?} but was {verdict} {line} {message}")),
        }
    }
    println!("{accepted} accepted, {rejected} rejected, {chromeos} accepted for import and tmpfiles");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(accepted + rejected + chromeos > 0);
}

#[test]
fn whole_systems_load_as_in_the_original() {
    let Some(corpus) = corpus() else { return };
    for system in fs::read_dir(corpus.join("systems")).unwrap() {
        let system = system.unwrap().path();
        let (mut jobs, mut messages) = (BTreeMap::new(), BTreeSet::new());
        let mut files = Vec::new();
        job_files(&system.join("init"), &mut files);
        for file in files {
            let path = file.strip_prefix(&system).unwrap().to_str().unwrap().replacen('/', ":", 1);
            let mut job = Job::default();
            let read = job.read(&file).and_then(|()| match file.with_extension("override") {
                file if file.exists() => job.read(&file),
                _ => Ok(()),
            });
            match read {
                Ok(()) => drop(jobs.insert(path.replace("init:", "").replace(".conf", ""), job)),
                Err(error) => drop(messages.insert(match error.line {
                    Some(line) => format!("{path}:{line}: {error}"),
                    None => format!("{path}: Error while loading configuration file: {error}"),
                })),
            }
        }
        let name = system.file_name().unwrap().to_str().unwrap().to_owned();
        let said: BTreeSet<String> =
            fs::read_to_string(system.join("init-messages.txt")).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(messages, said, "{name}");
        for (recording, enumerate) in [("show-config.txt", false), ("show-config-e.txt", true)] {
            let shown: BTreeMap<String, Vec<String>> =
                jobs.iter().map(|(name, job)| (name.clone(), job.lines(enumerate))).collect();
            let recorded = recorded(&system.join(recording));
            assert!(shown.keys().eq(recorded.keys()), "{name}: the same jobs");
            for (job, lines) in recorded {
                assert_eq!(shown[&job], lines, "{name} {recording} {job}");
            }
        }
        println!("{name}: {} jobs, {} messages", jobs.len(), messages.len());
    }
}

fn job_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            job_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "conf") {
            files.push(path);
        }
    }
}
