//! `--dry-run`: what a command would start and stop, in order. Nothing is done: this program gives the command to a
//! copy of the supervisor's state, in a pretended world in which everything succeeds.

pub mod copy;
pub mod pretend;
mod steps;

use crate::context::Context;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::Options;
use crate::print::{self, ErrorHint};
use crate::requests::RequestResult;
use steps::Steps;

/// Prints what the request of a command would lead to.
///
/// # Errors
/// The request would be refused, or would fail, or would never be done.
pub fn run(
    context: &mut Context<'_>,
    make: for<'a> fn(&'a Invocation, &Options) -> RequestResult<'a>,
    hint: ErrorHint,
) -> Result<(), Failure> {
    let steps = {
        let request = make(&context.invocation, context.options).map_err(|missing| context.usage_error(missing))?;
        let command = request.input(pretend::CLIENT).ok_or_else(|| context.usage_error("there is no dry run of it"))?;
        copy::with(&mut context.connect()?, |supervisor, now| steps::foresee(supervisor, now, command, hint))?
    };
    let Steps { lines, refused, is_done } = steps;
    if !context.options.quiet {
        for line in &lines {
            print::line(context.out, b"", line.to_string().as_bytes())?;
        }
    }
    match refused {
        Some(refused) => Err(refused),
        None if is_done => Ok(()),
        None => Err(Failure::AlreadyReported),
    }
}
