//! The values that every command and tool needs.

use crate::connection::Connection;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::Options;
use std::io::Write;

/// The values that every command and tool needs.
pub struct Context<'a> {
    /// The name of the program, which begins its messages.
    pub(crate) program: &'a str,
    /// The values of the options.
    pub(crate) options: &'a Options,
    /// The operands, and the job that called this program.
    pub(crate) invocation: &'a Invocation,
    /// Standard output.
    pub(crate) out: &'a mut dyn Write,
}

impl Context<'_> {
    /// Finds the supervisor and connects.
    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self.options)
    }

    /// An error in the command line.
    pub(crate) fn usage_error(&self, text: impl std::fmt::Display) -> Failure {
        Failure::usage(self.program, text)
    }
}
