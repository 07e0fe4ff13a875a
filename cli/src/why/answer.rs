//! The answer to the request `Why`.

use uphold_core::Target;
use uphold_core::control::why::Why;
use uphold_core::control::{Reply, Request, frame};

use crate::connection::Connection;
use crate::failure::{Failure, unreadable_answer};

/// Asks about a job.
pub(super) fn ask(connection: &mut Connection, target: Target<'_>) -> Result<Vec<u8>, Failure> {
    match connection.ask(&Request::Why { target })? {
        Reply::Why(bytes) => Ok(bytes.to_vec()),
        other => Err(Failure::of(&other)),
    }
}

/// Decodes the answer.
pub(super) fn decode(bytes: &[u8]) -> Result<Why<'_>, Failure> {
    frame::decode(bytes).map_err(unreadable_answer)
}
