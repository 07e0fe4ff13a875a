//! `service`: Ubuntu's command for jobs and scripts of /etc/init.d alike (service(8) there); Salt and others call it.
//! Its messages begin with the name of the command that it stands for, as if that had been called.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use uphold_core::State;

use crate::command;
use crate::context::Context;
use crate::failure::{Failure, error_text};
use crate::invocation::Invocation;
use crate::jobs;

/// The directory of scripts.
const SCRIPTS: &str = "/etc/init.d";

/// The variables that a script keeps.
const KEPT: [&str; 3] = ["LANG", "PATH", "TERM"];

/// The words after the name, and the commands that each stands for, one after the other. Only the last one decides
/// the exit code.
const ACTIONS: [(&str, &[&str]); 6] = [
    ("start", &["start"]),
    ("stop", &["stop"]),
    // So that a changed job file counts, and a job at rest is started.
    ("restart", &["stop", "start"]),
    ("reload", &["reload"]),
    ("force-reload", &["reload"]),
    ("status", &["status"]),
];

/// `service NAME ACTION [KEY=VALUE]...`
///
/// # Errors
/// There is no such job or script, or the command fails.
pub fn service(context: &mut Context<'_>) -> Result<(), Failure> {
    if context.options.status_all {
        return status_all(context);
    }
    let missing = "missing name of a job, or action: start, stop, restart, reload, force-reload, status";
    let [name, rest @ ..] = context.invocation.operands() else { return Err(context.usage_error(missing)) };
    let (action, variables) = match (context.options.full_restart, rest) {
        (true, variables) => (OsStr::new("restart"), variables),
        (false, [action, variables @ ..]) => (action.as_os_str(), variables),
        (false, []) => return Err(context.usage_error(missing)),
    };
    if is_job(context, name) {
        return act(context, name, action, variables);
    }
    match script(name) {
        Some(script) if context.options.full_restart => {
            // Like the words of a script itself, a stop that fails does not matter.
            let _ = as_boot_would(&script).arg("stop").status();
            Err(become_script(&script, OsStr::new("start"), variables))
        }
        Some(script) => Err(become_script(&script, action, variables)),
        None => {
            let name = name.to_string_lossy();
            let hint = format!("There is no job {name}, and no script {SCRIPTS}/{name}.");
            // The words by which callers know that there is no such service.
            Failure::Message { text: "unrecognized service".to_owned(), hint: Some(hint) }.report(&name);
            Err(Failure::AlreadyReported)
        }
    }
}

/// Whether a supervisor runs and has a job of that name.
fn is_job(context: &Context<'_>, name: &OsStr) -> bool {
    let names = context.connect().and_then(|mut connection| connection.jobs());
    names.is_ok_and(|names| names.iter().any(|job| job == name.as_bytes()))
}

fn act(context: &mut Context<'_>, job: &OsStr, action: &OsStr, variables: &[OsString]) -> Result<(), Failure> {
    let row = ACTIONS.iter().find(|(word, _)| *word == action);
    let Some((_, commands)) = row else {
        let words = ACTIONS.map(|(word, _)| word).join(", ");
        return Err(context.usage_error(format_args!("{} is none of {words}", action.to_string_lossy())));
    };
    let operands = [&[job.to_owned()], variables].concat();
    let invocation = &Invocation::new(operands);
    let mut outcome = Ok(());
    for (place, name) in commands.iter().enumerate() {
        let Some(command) = command::find(name) else { continue };
        let its = &mut Context { program: name, options: context.options, invocation, out: context.out };
        outcome = command.run(its);
        if let (Err(failure), true) = (&outcome, place + 1 < commands.len()) {
            failure.report(name);
        }
    }
    outcome.map_err(|failure| {
        if let [.., last] = commands {
            failure.report(last);
        }
        failure.reported()
    })
}

/// `service --status-all`: jobs that run, jobs that do not, and scripts, of which that is not known.
fn status_all(context: &mut Context<'_>) -> Result<(), Failure> {
    let jobs = match context.connect() {
        Ok(mut connection) => jobs::all(&mut connection)?,
        Err(_) => vec![],
    };
    let mut lines = BTreeSet::new();
    for job in &jobs {
        lines.insert((job.title(), if job.state == State::Running { '+' } else { '-' }));
    }
    let entries = std::fs::read_dir(SCRIPTS).into_iter().flatten().flatten().map(|entry| entry.file_name());
    let scripts = entries.filter(|name| script(name).is_some()).map(|name| name.to_string_lossy().into_owned());
    lines.extend(scripts.filter(|name| !jobs.iter().any(|job| job.name == name.as_bytes())).map(|name| (name, '?')));
    for (name, mark) in lines {
        writeln!(context.out, " [ {mark} ]  {name}")?;
    }
    Ok(())
}

/// The script of that name, if it can be executed.
fn script(name: &OsStr) -> Option<PathBuf> {
    let path = Path::new(SCRIPTS).join(Path::new(name).file_name()?);
    let is_plain = Path::new(name).components().count() == 1;
    (is_plain && nix::unistd::access(&path, nix::unistd::AccessFlags::X_OK).is_ok() && path.is_file()).then_some(path)
}

/// A script in the surroundings in which it runs while the system boots, so that nothing of the user's leaks into it.
fn as_boot_would(script: &Path) -> Command {
    let mut command = Command::new(script);
    command.current_dir("/").env_clear();
    for name in KEPT {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command
}

/// Runs a script in place of this program; returns the failure if that is not possible.
fn become_script(script: &Path, action: &OsStr, words: &[OsString]) -> Failure {
    let error = as_boot_would(script).arg(action).args(words).exec();
    Failure::new(format_args!("{}: {}", script.display(), error_text(&error)))
}
