//! `--dry-run`: what a command would start and stop, in order. Nothing is done: this program gives the command to a
//! copy of the supervisor's state, in a pretended world in which everything succeeds.

pub mod copy;
pub mod pretend;
mod steps;

use uphold_core::control::Request;

use crate::context::Context;
use crate::failure::Failure;
use crate::print::ErrorHint;
use steps::Steps;

/// The consequences of a request.
///
/// # Errors
/// The supervisor does not give its state.
pub fn of(context: &Context<'_>, request: &Request<'_>, hint: ErrorHint) -> Result<Steps, Failure> {
    let command = request.input(pretend::CLIENT).ok_or_else(|| context.usage_error("there is no dry run of it"))?;
    copy::with(&mut context.connect()?, |supervisor, now| steps::foresee(supervisor, now, command, hint))
}
