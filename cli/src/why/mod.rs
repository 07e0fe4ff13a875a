//! `initctl status` for a person, and `initctl why`: why a job does, or does not, run.

mod answer;
mod chain;
pub mod history;
mod json;
pub mod log;
mod messages;
mod output;
mod reasons;
pub mod words;

use std::io::{IsTerminal, stdout};
use std::os::unix::ffi::OsStrExt;

use uphold_core::bytes::Show;
use uphold_core::control::why::Why;
use uphold_core::control::{Reply, Request};
use uphold_core::{State, Target};

use answer::{ask, decode};
use chain::Chain;

use crate::condition::Condition;
use crate::connection::Connection;
use crate::context::Context;
use crate::failure::{Failure, error_text};
use crate::print::{self, ErrorHint, ReplyFormat};

/// The lines of a job's output that `status` and `why` show.
const TAIL: usize = 3;

/// `status`: the lines of Upstart, and for a person the reasons below.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
///
/// With `--exit-code`, a job that does not run, and one that is not known, are failures with codes of their own.
pub fn status(context: &mut Context<'_>) -> Result<(), Failure> {
    let for_a_script = context.options.exit_code;
    let printed = if context.options.json { print_json(context) } else { print_status(context) };
    match printed {
        Ok(true) => Ok(()),
        Ok(false) if for_a_script => Err(Failure::NotRunning),
        Ok(false) => Ok(()),
        Err(failure) if for_a_script => Err(Failure::NotKnown(Box::new(failure))),
        Err(failure) => Err(failure),
    }
}

/// Prints the status. Returns whether the job runs.
fn print_status(context: &mut Context<'_>) -> Result<bool, Failure> {
    let (target, _) = context.invocation.target(context.options).map_err(|missing| context.usage_error(missing))?;
    let mut connection = context.connect()?;
    let reply = connection.ask(&Request::Status { target })?;
    let quiet = context.options.quiet;
    print::reply(context.out, quiet, ReplyFormat::Status, ErrorHint::ShowUsage, &reply)?;
    let runs = matches!(&reply, Reply::Job(status) if status.state == State::Running);
    let for_a_person = context.options.verbose || (!quiet && stdout().is_terminal());
    if !for_a_person {
        return Ok(runs);
    }
    if let Reply::Why(bytes) = connection.ask(&Request::Why { target })? {
        report(context, &decode(bytes)?)?;
    }
    Ok(runs)
}

/// Prints the status and the reasons as JSON. Returns whether the job runs.
fn print_json(context: &mut Context<'_>) -> Result<bool, Failure> {
    let (target, _) = context.invocation.target(context.options).map_err(|missing| context.usage_error(missing))?;
    let mut connection = context.connect()?;
    let status_text = match connection.ask(&Request::Status { target })? {
        Reply::Job(status) => status.status_text.to_vec(),
        other => return Err(Failure::of(&other)),
    };
    let bytes = ask(&mut connection, target)?;
    let why = decode(&bytes)?;
    json::status(context.out, &why, &status_text)?;
    Ok(why.status.state == State::Running)
}

/// `why`: the reasons, the condition, the chain of waits, and what has happened.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn why(context: &mut Context<'_>) -> Result<(), Failure> {
    let (target, _) = context.invocation.target(context.options).map_err(|missing| context.usage_error(missing))?;
    let mut connection = context.connect()?;
    let bytes = ask(&mut connection, target)?;
    let why = decode(&bytes)?;
    let chain = Chain::of(&mut connection, &why)?;
    if context.options.json {
        return json::why(context.out, &why, &chain);
    }
    writeln!(context.out, "{}", why.status)?;
    report(context, &why)?;
    condition(context, &why)?;
    history::print(context.out, &why)?;
    chain.print(context.out)
}

/// The reason for which a job has failed to start, in a line for a person; `None` if it cannot be learnt.
pub fn failure(connection: &mut Connection, target: Target<'_>) -> Option<String> {
    let bytes = ask(connection, target).ok()?;
    let why = decode(&bytes).ok()?;
    let reason = reasons::failure(&why)?;
    let job = Show(why.status.job);
    Some(format!("{job}: {reason} `initctl why {job}' says more."))
}

/// The change of a job's file since it was read, in a line for a person; `None` if it is as it was.
pub fn remark(connection: &mut Connection, target: Target<'_>) -> Option<String> {
    let bytes = ask(connection, target).ok()?;
    reasons::definition(&decode(&bytes).ok()?)
}

/// Prints the reasons, and the end of the output.
fn report(context: &mut Context<'_>, why: &Why<'_>) -> Result<(), Failure> {
    for line in reasons::of(why) {
        writeln!(context.out, "  {line}")?;
    }
    if why.log.is_empty() {
        return Ok(());
    }
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(why.log));
    match output::last_lines(path, TAIL) {
        Ok(lines) if lines.is_empty() => {}
        Ok(lines) => {
            writeln!(context.out, "  The end of its output ({}):", path.display())?;
            for line in lines {
                print::line(context.out, b"    ", &line)?;
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => writeln!(context.out, "  Its output is in {}: {}", path.display(), error_text(&error))?,
    }
    Ok(())
}

/// Prints `start on` with the events that have happened.
fn condition(context: &mut Context<'_>, why: &Why<'_>) -> Result<(), Failure> {
    let Some(Some(tree)) = Condition::read(why.start_on) else { return Ok(()) };
    print::line(context.out, b"start on ", &tree.infix())?;
    for (at, event) in tree.events().into_iter().enumerate() {
        let mark = if why.has_happened(at) { "  has happened: " } else { "  missing:      " };
        print::line(context.out, mark.as_bytes(), &event.text())?;
    }
    Ok(())
}
