//! `initctl probe`: runs a daemon once, and says which stanza its job file needs.
//!
//! Observation (`observer`, or `strace` from a log) gives `facts`; `judge` decides from them alone; `report`, `conf`
//! and `json` print what was decided.

mod conf;
mod facts;
mod findings;
mod foreground;
mod json;
mod judge;
mod namespaces;
mod notifications;
mod observer;
pub mod proc_files;
mod processes;
mod progress;
mod quiet;
mod reasons;
mod report;
pub mod stage;
mod strace;
mod system_calls;
mod tracer;
pub mod tree;
mod words;

use crate::context::Context;
use crate::failure::{Failure, error_text};
use facts::{Observation, What};
use findings::{Ending, Findings};
use judge::Verdict;
use observer::{Observer, Program};
use progress::Progress;
use std::collections::HashSet;
use std::ffi::OsString;
use std::time::Duration;

/// The most seconds until a program is quiet, without `--timeout`.
const TIMEOUT: u64 = 60;
/// The lines of output that are shown of a program that failed.
const LINES: usize = 10;

/// `initctl probe [OPTION]... -- COMMAND [ARGUMENT]...`
///
/// # Errors
/// The command cannot be run or traced, it failed, or the log cannot be read.
pub fn probe(context: &mut Context<'_>) -> Result<(), Failure> {
    let found = match &context.options.strace_log {
        Some(log) => read_log(log)?,
        None => match run(context)? {
            Some(found) => found,
            // It ran in namespaces, and has printed everything.
            None => return Ok(()),
        },
    };
    let failed = matches!(found.judgement.verdict, Verdict::Failed(_));
    match (context.options.json, context.options.conf) {
        (true, _) => json::print(context.out, &found)?,
        (false, true) if failed => report::print(&mut std::io::stderr(), &found)?,
        (false, true) => conf::print(context.out, &found)?,
        (false, false) => report::print(context.out, &found)?,
    }
    if failed { Err(Failure::AlreadyReported) } else { Ok(()) }
}

/// Judges a log of strace.
fn read_log(log: &OsString) -> Result<Findings, Failure> {
    let seen = strace::read(log).map_err(|error| {
        Failure::new(format_args!("{}: {}", std::path::Path::new(log).display(), error_text(&error)))
    })?;
    if seen.facts.is_empty() {
        let shown = std::path::Path::new(log).display();
        return Err(Failure::new(format_args!("{shown}: this is not a log of strace -f -o FILE COMMAND")));
    }
    let judgement = judge::judge(&seen);
    Ok(Findings {
        judgement,
        log: Some(log.to_string_lossy().into_owned()),
        isolated: false,
        ending: None,
        served: None,
        foreground: None,
        output: vec![],
        variables: vec![],
        directory: None,
        user: 0,
        seen,
    })
}

/// Runs the command. `None`: that was done by another process, in namespaces of its own.
fn run(context: &mut Context<'_>) -> Result<Option<Findings>, Failure> {
    let words: Vec<OsString> = context.invocation.operands().to_vec();
    let Some((name, arguments)) = words.split_first() else {
        return Err(context.usage_error("missing command"));
    };
    let timeout = match &context.options.timeout {
        None => TIMEOUT,
        Some(text) => {
            text.to_str().and_then(|text| text.parse().ok()).filter(|seconds| *seconds > 0).ok_or_else(|| {
                context.usage_error(format_args!("not a number of seconds: {}", text.to_string_lossy()))
            })?
        }
    };
    let path = observer::find(name).map_err(Failure::new)?;
    let isolated = stage::is_isolated();
    if !isolated && !context.options.here {
        match stage::isolated() {
            Some(0) => return Ok(None),
            Some(_) => return Err(Failure::AlreadyReported),
            None => {}
        }
    }
    let program = Program { path, arguments: arguments.to_vec(), variables: context.options.variables.clone() };
    let mut progress = Progress::new(context.program, context.options.quiet);
    let mut observer = Observer::start(&program)?;
    let mut command: Vec<String> = vec![program.path.display().to_string()];
    command.extend(arguments.iter().map(|word| word.to_string_lossy().into_owned()));
    let seen = observer.watch(command, Duration::from_secs(timeout), &mut progress);
    let found = conclude(observer, &program, seen, isolated, &mut progress);
    progress.done();
    Ok(Some(found))
}

/// Judges what was seen, and asks the daemon to end.
fn conclude(
    mut observer: Observer,
    program: &Program,
    seen: Observation,
    isolated: bool,
    progress: &mut Progress,
) -> Findings {
    let judgement = judge::judge(&seen);
    let (mut ending, mut served) = (None, None);
    if let Some(daemon) = judgement.daemon {
        let stays = judgement.processes.iter().filter(|process| process.end.is_none());
        served = Some(stays.flat_map(|process| proc_files::served(process.pid)).collect::<HashSet<_>>());
        let (facts, left) = observer.terminate(daemon, progress);
        let end = facts.iter().find_map(|fact| match fact.what {
            What::Exit(end) if fact.pid == daemon => Some((fact.at, end)),
            _ => None,
        });
        let left = left.into_iter().filter(|pid| *pid != daemon).collect();
        ending = Some(Ending { end, left });
    }
    let output = observer.last_output(LINES);
    drop(observer);
    let forks = judgement.daemon.is_some_and(|daemon| daemon != seen.first);
    let foreground = if forks { foreground::option(&program.path, isolated) } else { None };
    let user = nix::unistd::geteuid().as_raw();
    let variables = program.variables.iter().map(|variable| variable.to_string_lossy().into_owned()).collect();
    let directory = std::env::current_dir().ok().map(|path| path.display().to_string());
    Findings { seen, judgement, log: None, isolated, ending, served, foreground, output, variables, directory, user }
}
