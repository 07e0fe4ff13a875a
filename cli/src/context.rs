//! What every command and tool works with.

use crate::connection::Connection;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::Options;
use std::io::Write;

/// What a command or a tool works with.
pub struct Context<'a> {
    /// The program's name, for its messages.
    pub(crate) program: &'a str,
    /// What the options said.
    pub(crate) options: &'a Options,
    /// The words that are no options.
    pub(crate) invocation: Invocation,
    /// Standard output.
    pub(crate) out: &'a mut dyn Write,
}

impl Context<'_> {
    /// Finds the supervisor and connects.
    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self.options)
    }

    /// What was typed is wrong.
    pub(crate) fn usage_error(&self, text: impl std::fmt::Display) -> Failure {
        Failure::usage(self.program, text)
    }
}
