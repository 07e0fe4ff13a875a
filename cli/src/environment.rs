//! Commands about the environment of jobs, and `log-priority`.

use crate::context::Context;
use crate::failure::Failure;
use crate::print::line;
use std::os::unix::ffi::OsStrExt;
use uphold_core::control::{Reply, Request};
use uphold_core::{EnvTable, Priority};

/// `list-env`: prints all variables, sorted.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let table =
        context.invocation.environment_table(context.options).map_err(|missing| context.usage_error(missing))?;
    let mut connection = context.connect()?;
    let (mut variables, mut from) = (Vec::new(), Some(0));
    while let Some(start) = from {
        match connection.ask(&Request::ListEnvironment { table, from: start })? {
            Reply::Variables { next, entries } => {
                variables.extend(entries.iter().map(<[u8]>::to_vec));
                from = next;
            }
            other => return Err(Failure::of(&other)),
        }
    }
    variables.sort_unstable();
    let shown = variables.iter().filter(|_| !context.options.quiet);
    Ok(shown.into_iter().try_for_each(|variable| line(context.out, b"", variable))?)
}

/// `set-env`: sets the variables in order and stops at the first error.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn set(context: &mut Context<'_>) -> Result<(), Failure> {
    let replace = !context.options.retain;
    each(context, "missing variable value", |table, entry| Request::SetEnvironment { table, entry, replace })
}

/// `unset-env`
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn unset(context: &mut Context<'_>) -> Result<(), Failure> {
    each(context, "missing variable name", |table, name| Request::UnsetEnvironment { table, name })
}

fn each(
    context: &mut Context<'_>,
    missing: &str,
    request: impl for<'a> Fn(EnvTable<'a>, &'a [u8]) -> Request<'a>,
) -> Result<(), Failure> {
    if context.invocation.operands().is_empty() {
        return Err(context.usage_error(missing));
    }
    let table =
        context.invocation.environment_table(context.options).map_err(|missing| context.usage_error(missing))?;
    let mut connection = context.connect()?;
    context.invocation.operands().iter().try_for_each(|word| connection.ask_done(&request(table, word.as_bytes())))
}

/// The names that `log-priority` takes and prints.
const PRIORITIES: [(Priority, &str); 6] = [
    (Priority::Debug, "debug"),
    (Priority::Info, "info"),
    (Priority::Message, "message"),
    (Priority::Warn, "warn"),
    (Priority::Error, "error"),
    (Priority::Fatal, "fatal"),
];

/// The name of a priority.
pub fn priority_name(priority: Priority) -> &'static str {
    PRIORITIES.iter().find(|(row, _)| *row == priority).map_or("", |(_, name)| name)
}

/// `log-priority`: prints or sets the priority.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn log_priority(context: &mut Context<'_>) -> Result<(), Failure> {
    if let Some(word) = context.invocation.first() {
        let row = PRIORITIES.iter().find(|(_, name)| name.as_bytes() == word.as_bytes());
        // As in Upstart, a supervisor that is not there is reported before a wrong word.
        let mut connection = context.connect()?;
        let (priority, _) = row.ok_or_else(|| Failure::new("The log priority given was not recognised"))?;
        return connection.ask_done(&Request::SetLogPriority(*priority));
    }
    let mut connection = context.connect()?;
    match connection.ask(&Request::LogPriority)? {
        Reply::Priority(priority) => {
            if !context.options.quiet {
                line(context.out, b"", priority_name(priority).as_bytes())?;
            }
            Ok(())
        }
        other => Err(Failure::of(&other)),
    }
}
