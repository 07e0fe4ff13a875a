//! Errors in job files, in Upstart's wording.

use core::fmt;

/// The reason for which a job file is refused, and its place in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ConfError {
    /// The line on which the parser stopped, counted from 1. `None` for an illegal signal, which is reported without a
    /// line (measured on Upstart 1.13.2).
    pub line: Option<u32>,
    /// The kind of error.
    pub kind: ErrorKind,
}

impl ConfError {
    pub(super) fn at(line: u32, kind: ErrorKind) -> Self {
        ConfError { line: (kind != ErrorKind::IllegalSignal).then_some(line), kind }
    }
}

/// Shows the text of the [`ErrorKind`]; the caller adds path and line.
impl fmt::Display for ConfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl core::error::Error for ConfError {}

/// The kinds of errors in a job file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ErrorKind {
    /// The first word of a line, or a word that selects among stanzas or values, is not one of init(5) or of ours.
    UnknownStanza,
    /// The line ends where an argument must follow, or the argument is empty.
    ExpectedToken,
    /// The line has more words than the stanza takes.
    UnexpectedToken,
    /// The file ends within quotes.
    UnterminatedQuote,
    /// The file ends within a script.
    UnterminatedBlock,
    /// The file ends with a backslash.
    TrailingSlash,
    /// A number of seconds is not a number, or out of range.
    IllegalInterval,
    /// An exit status is neither a number nor the name of a signal.
    IllegalExit,
    /// A signal is neither a number nor the name of a signal.
    IllegalSignal,
    /// A file creation mask is not octal, or has more than nine bits.
    IllegalUmask,
    /// A priority is out of range.
    IllegalNice,
    /// An `oom` adjustment is out of range.
    IllegalOom,
    /// An `oom score` is out of range.
    IllegalOomScore,
    /// A resource limit, a respawn limit or a descriptor is not a number, or out of range.
    IllegalLimit,
    /// A condition has an operator, or ends, where an event must follow.
    ExpectedEvent,
    /// A condition has an event or a parenthesis where `and` or `or` must follow.
    ExpectedOperator,
    /// An argument of an event has no name, although an earlier one has.
    ExpectedVariable,
    /// A parenthesis is never closed, or closed and never opened.
    MismatchedParentheses,
    /// Parentheses are nested deeper than [`NESTING`](crate::limits::NESTING) (a limit of Uphold).
    NestedTooDeep,
    /// The file contains a zero byte (Uphold reports it; Upstart took it for the end of the word).
    ZeroByte,
    /// A rewritten stanza needs more room than it took in the file. This cannot happen (see `condition.rs`), and would
    /// lose nothing.
    NoRoom,
}

impl ErrorKind {
    /// The text of the message.
    pub const fn text(self) -> &'static str {
        match self {
            ErrorKind::UnknownStanza => "Unknown stanza",
            ErrorKind::ExpectedToken => "Expected token",
            ErrorKind::UnexpectedToken => "Unexpected token",
            ErrorKind::UnterminatedQuote => "Unterminated quoted string",
            ErrorKind::UnterminatedBlock => "Unterminated block",
            ErrorKind::TrailingSlash => "Trailing slash in file",
            ErrorKind::IllegalInterval => "Illegal interval, expected number of seconds",
            ErrorKind::IllegalExit => "Illegal exit status, expected integer",
            ErrorKind::IllegalSignal => "Illegal signal status, expected integer",
            ErrorKind::IllegalUmask => "Illegal file creation mask, expected octal integer",
            ErrorKind::IllegalNice => "Illegal nice value, expected -20 to 19",
            ErrorKind::IllegalOom => "Illegal oom adjustment, expected -16 to 15 or 'never'",
            ErrorKind::IllegalOomScore => "Illegal oom score adjustment, expected -999 to 1000 or 'never'",
            ErrorKind::IllegalLimit => "Illegal limit, expected 'unlimited' or integer",
            ErrorKind::ExpectedEvent => "Expected event",
            ErrorKind::ExpectedOperator => "Expected operator",
            ErrorKind::ExpectedVariable => "Expected variable name before value",
            ErrorKind::MismatchedParentheses => "Mismatched parentheses",
            ErrorKind::NestedTooDeep => "Parentheses nested too deep",
            ErrorKind::ZeroByte => "Zero byte in file",
            ErrorKind::NoRoom => "No room to rewrite stanza",
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}
