//! Runs of the tests: without a mutant, to see which mutants each test comes by; and with one.

use std::collections::BTreeSet;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::cargo;
use crate::levels::{LEVELS, Level};

/// The tests of a program take at most so many times as much of a processor with a mutant as they all take time
/// without.
const PATIENCE: u32 = 10;
/// The shortest limit of a processor's time, in seconds.
const SHORTEST: u64 = 1;
/// A process that has not ended after so many times its limit waits for something.
const STUCK: u32 = 20;
/// The number of no mutant.
const NONE: &str = "4000000000";
/// The most memory of a test, in kilobytes.
const MEMORY: u32 = 4_000_000;

/// A test.
pub struct Test {
    /// The place of its level in the table.
    pub level: usize,
    program: PathBuf,
    /// The test's name, or the arguments of the program.
    arguments: Vec<String>,
    is_test: bool,
    /// The time that it takes alone, and that all tests of the level and the program take together.
    time: Duration,
    all: Duration,
    /// The mutants that it comes by.
    reached: BTreeSet<usize>,
}

/// Builds all tests, and looks which mutants they come by.
///
/// # Errors
/// A test cannot be built or run.
pub fn tests(copy: &Path, levels: RangeInclusive<usize>) -> io::Result<Vec<Test>> {
    let (mut of_tests, mut of_others) = (vec!["--lib"], vec![]);
    for level in &LEVELS[levels.clone()] {
        let is_test = level.arguments.is_empty() && level.folder.is_none();
        for name in level.programs.iter().filter(|name| **name != "uphold_core") {
            if is_test { of_tests.extend(["--test", name]) } else { of_others.extend(["--example", name]) }
        }
    }
    let packages = ["-p", "uphold-core", "-p", "uphold-tests"];
    let mut said = cargo::build(copy, &[&["test", "--no-run"], &packages[..], &of_tests].concat())?;
    if !of_others.is_empty() {
        said.extend(cargo::build(copy, &[&["build"], &packages[..], &of_others].concat())?);
    }
    let mut tests = vec![];
    for number in levels {
        let level = &LEVELS[number];
        for name in level.programs {
            let made = said.iter().rfind(|line| line["target"]["name"] == *name && line["executable"].is_string());
            let made = made.and_then(|line| line["executable"].as_str());
            let program = PathBuf::from(made.ok_or_else(|| io::Error::other(format!("{name} was not built")))?);
            tests.extend(of_program(copy, number, level, &program)?);
        }
    }
    // Of a level's tests, the quick ones come first.
    tests.sort_by_key(|test| (test.level, test.time));
    Ok(tests)
}

fn of_program(copy: &Path, number: usize, level: &Level, program: &Path) -> io::Result<Vec<Test>> {
    let test = |arguments: Vec<String>, is_test| Test {
        level: number,
        program: program.to_owned(),
        arguments,
        is_test,
        time: Duration::ZERO,
        all: Duration::ZERO,
        reached: BTreeSet::new(),
    };
    let mut tests = vec![];
    if let Some(folder) = level.folder {
        for file in fs::read_dir(copy.join("tests").join(folder))? {
            tests.push(test(vec![file?.path().to_string_lossy().into_owned()], false));
        }
    } else if level.arguments.is_empty() {
        let listed = Command::new(program).arg("--list").output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
        let is_wanted = |name: &&str| level.only.is_empty() || level.only.iter().any(|only| name.starts_with(only));
        tests.extend(names.filter(is_wanted).map(|name| test(vec![name.to_owned()], true)));
    } else {
        tests.push(test(level.arguments.iter().map(|&argument| argument.to_owned()).collect(), false));
    }
    let file = copy.with_extension("reached");
    for test in &mut tests {
        let _ = fs::remove_file(&file);
        let begun = Instant::now();
        let mut command = command(copy, &[test], "reached", u64::from(u32::MAX));
        let status = command.env("MUTANTS_REACHED", &file).spawn()?.wait()?;
        if !status.success() {
            let name = test.arguments.join(" ");
            return Err(io::Error::other(format!("{name} of {} fails without a mutant", program.display())));
        }
        test.time = begun.elapsed();
        let numbers = fs::read(&file).unwrap_or_default();
        test.reached = numbers
            .chunks_exact(4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]) as usize)
            .collect();
    }
    let begun = Instant::now();
    if !tests.is_empty() {
        let together: Vec<&Test> = tests.iter().collect();
        command(copy, &together, NONE, u64::from(u32::MAX)).spawn()?.wait()?;
    }
    let all = begun.elapsed();
    tests.iter_mut().for_each(|test| test.all = all);
    Ok(tests)
}

/// The command that runs some tests of one program, with a limit of the processor's time in seconds.
fn command(copy: &Path, tests: &[&Test], mutant: &str, limit: u64) -> Command {
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -v {MEMORY}; ulimit -t {limit}; exec \"$@\""))
        .arg("sh")
        .arg(&tests[0].program);
    if tests[0].is_test {
        command.args(["--exact", "--test-threads=1", "--quiet"]);
    }
    command.args(tests.iter().flat_map(|test| &test.arguments));
    command.envs(LEVELS[tests[0].level].environment.iter().copied());
    command.env("MUTANT", mutant).env("RUST_BACKTRACE", "0").current_dir(copy.join("tests"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The end of a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// A test of this level failed, or took too long.
    Killed(usize),
    /// It survived all levels up to this one.
    Survived(usize),
    /// No test comes by it.
    Unreached,
}

/// Runs the tests that come by a mutant, level after level up to the last, until one fails. A mutant that no test comes
/// by has survived them if a test of an earlier run came by it.
///
/// # Errors
/// A test cannot be run.
pub fn judge(copy: &Path, tests: &[Test], last: usize, mutant: usize, known: Option<Fate>) -> io::Result<Fate> {
    let mut left: Vec<&Test> = tests.iter().filter(|test| test.reached.contains(&mutant)).collect();
    if left.is_empty() && !matches!(known, Some(Fate::Survived(_))) {
        return Ok(Fate::Unreached);
    }
    while let Some(first) = left.first().copied() {
        let is_same = |test: &&Test| test.level == first.level && test.program == first.program;
        let (together, others): (Vec<&Test>, Vec<&Test>) = left.into_iter().partition(is_same);
        left = others;
        let limit = (first.all * PATIENCE).as_secs().max(SHORTEST);
        let child = command(copy, &together, &mutant.to_string(), limit).spawn()?;
        if !ends_well(child, Duration::from_secs(limit) * STUCK)? {
            return Ok(Fate::Killed(first.level));
        }
    }
    Ok(Fate::Survived(last))
}

/// Waits for the end of a process, which is killed if it takes too long.
fn ends_well(mut child: Child, limit: Duration) -> io::Result<bool> {
    let (end, mut pause) = (Instant::now() + limit, Duration::from_millis(1));
    let status: ExitStatus = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if Instant::now() > end {
            child.kill()?;
            break child.wait()?;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    };
    Ok(status.success() && status.signal().is_none())
}
