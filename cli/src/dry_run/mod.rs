//! `--dry-run`: what a command would start and stop, in order. Nothing is done: this program gives the command to a
//! copy of the supervisor's state, in a pretended world in which everything succeeds.

pub mod copy;
mod json;
pub mod pretend;
mod steps;

use std::io::Write;

use uphold_core::control::Request;

use crate::context::Context;
use crate::failure::Failure;
use crate::options::Options;
use crate::print::{self, ErrorHint};
use steps::Steps;

/// The consequences of a request.
///
/// # Errors
/// The supervisor does not give its state.
pub fn of(context: &Context<'_>, request: &Request<'_>, hint: ErrorHint) -> Result<Steps, Failure> {
    let command = request.input(pretend::CLIENT).ok_or_else(|| context.usage_error("there is no dry run of it"))?;
    copy::with(&mut context.connect()?, |supervisor, now| steps::foresee(supervisor, now, command, hint))
}

/// Prints the consequences, as the options say.
///
/// # Errors
/// The real command would be refused, or would fail, or would never be done.
pub fn print(out: &mut dyn Write, steps: Steps, options: &Options) -> Result<(), Failure> {
    if options.json {
        json::print(out, &steps)?;
    } else if !options.quiet {
        steps.lines().iter().try_for_each(|line| print::line(out, b"", line.as_bytes()))?;
    }
    match steps.refused {
        Some(refused) => Err(refused),
        None if steps.is_done => Ok(()),
        None => Err(Failure::AlreadyReported),
    }
}
