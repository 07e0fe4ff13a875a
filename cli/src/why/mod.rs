//! `initctl status` for a person, and `initctl why`: why a job does, or does not, run.

pub mod history;
pub mod log;
mod output;
mod reasons;
pub mod words;

use std::io::{IsTerminal, stdout};
use std::os::unix::ffi::OsStrExt;

use uphold_core::control::why::Why;
use uphold_core::control::{Cause, Holder, Reply, Request, Waiting, frame};
use uphold_core::{Select, State, Target};

use crate::config::condition::Condition;
use crate::connection::Connection;
use crate::context::Context;
use crate::failure::{Failure, error_text, unreadable_answer};
use crate::print::{self, ErrorHint, ReplyFormat};

/// The lines of a job's output that `status` and `why` show.
const TAIL: usize = 3;

/// The longest chain of waits that is followed. A longer one has no other cause.
const LONGEST_CHAIN: usize = 32;

/// `status`: the lines of Upstart, and for a person the reasons below.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
///
/// With `--exit-code`, a job that does not run, and one that is not known, are failures with codes of their own.
pub fn status(context: &mut Context<'_>) -> Result<(), Failure> {
    let for_a_script = context.options.exit_code;
    match print_status(context) {
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

/// `why`: the reasons, the condition, the chain of waits, and what has happened.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn why(context: &mut Context<'_>) -> Result<(), Failure> {
    let (target, _) = context.invocation.target(context.options).map_err(|missing| context.usage_error(missing))?;
    let mut connection = context.connect()?;
    let (mut next, mut seen) = {
        let bytes = ask(&mut connection, target)?;
        let why = decode(&bytes)?;
        writeln!(context.out, "{}", why.status)?;
        report(context, &why)?;
        condition(context, &why)?;
        history::print(context.out, &why)?;
        (holder(&why), vec![(why.status.job.to_vec(), why.status.instance.to_vec())])
    };
    while let Some(job) = next.take().filter(|_| seen.len() <= LONGEST_CHAIN) {
        if seen.contains(&job) {
            writeln!(
                context.out,
                "The chain of waits is a circle. `initctl stop --force' on one of its jobs ends it."
            )?;
            break;
        }
        let bytes = ask(&mut connection, Target { job: &job.0, select: Select::Name(&job.1) })?;
        let why = decode(&bytes)?;
        writeln!(context.out, "{}", why.status)?;
        writeln!(context.out, "  It is {}.", Waiting { job: None, cause: why.cause })?;
        next = holder(&why);
        seen.push(job);
    }
    Ok(())
}

fn ask(connection: &mut Connection, target: Target<'_>) -> Result<Vec<u8>, Failure> {
    match connection.ask(&Request::Why { target })? {
        Reply::Why(bytes) => Ok(bytes.to_vec()),
        other => Err(Failure::of(&other)),
    }
}

fn decode(bytes: &[u8]) -> Result<Why<'_>, Failure> {
    frame::decode(bytes).map_err(unreadable_answer)
}

/// The job that holds the event for which a job waits: its name and its instance's.
fn holder(why: &Why<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    match why.cause {
        Cause::Event { holder: Holder::Job { job, instance }, .. } => Some((job.to_vec(), instance.to_vec())),
        _ => None,
    }
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
