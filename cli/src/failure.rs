//! Why a command or a tool failed, and how that is reported.

use std::fmt;
use std::io::{self, Write};
use uphold_core::control::Reply;
use uphold_core::control::frame::Broken;

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// A message, with an optional line of help.
    Message {
        /// The message, printed after the name of the program.
        text: String,
        /// The line of help, printed below.
        hint: Option<String>,
    },
    /// The message has already been printed.
    AlreadyReported,
    /// Standard output was closed by its reader, as in `initctl list | head`. No message is printed.
    OutputClosed,
    /// `status --exit-code`: the job does not run. No message is printed.
    NotRunning,
    /// `status --exit-code`: the status is not known, for this reason.
    NotKnown(Box<Failure>),
}

impl Failure {
    /// Makes a failure with a message.
    pub fn new(text: impl fmt::Display) -> Self {
        Failure::Message { text: text.to_string(), hint: None }
    }

    /// Makes a failure about the command line, with a hint at the help.
    pub fn usage(program: &str, text: impl fmt::Display) -> Self {
        let hint = format!("Try `{program} --help' for more information.");
        Failure::Message { text: text.to_string(), hint: Some(hint) }
    }

    /// Makes the failure for a reply that is not the one asked for: the refusal, if it is one; otherwise a reply that
    /// does not fit the request.
    pub fn of(reply: &Reply<'_>) -> Self {
        match reply {
            Reply::Error(refusal) => Failure::new(refusal),
            _ => Failure::new("The supervisor answered something else than was asked"),
        }
    }

    /// The message, if there is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Failure::Message { text, .. } => Some(text),
            Failure::NotKnown(why) => why.text(),
            Failure::AlreadyReported | Failure::OutputClosed | Failure::NotRunning => None,
        }
    }

    /// The same failure once its message has been printed: the exit code alone.
    #[must_use]
    pub fn reported(self) -> Failure {
        match self {
            Failure::NotKnown(_) => Failure::NotKnown(Box::new(Failure::AlreadyReported)),
            Failure::Message { .. } => Failure::AlreadyReported,
            other => other,
        }
    }

    /// The exit code: 1, or those of the Linux Standard Base for the action status of an init script.
    pub fn code(&self) -> u8 {
        match self {
            Failure::Message { .. } | Failure::AlreadyReported | Failure::OutputClosed => 1,
            Failure::NotRunning => 3,
            Failure::NotKnown(_) => 4,
        }
    }

    /// Prints the failure on standard error.
    pub fn report(&self, program: &str) {
        let (text, hint) = match self {
            Failure::Message { text, hint } => (text, hint),
            Failure::NotKnown(why) => return why.report(program),
            Failure::AlreadyReported | Failure::OutputClosed | Failure::NotRunning => return,
        };
        let mut lines = format!("{program}: {text}\n");
        if let Some(hint) = hint {
            lines.push_str(hint);
            lines.push('\n');
        }
        // If standard error is closed, the exit code still reports the failure.
        let _ = io::stderr().write_all(lines.as_bytes());
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::new(format_args!("Unable to write the output: {}", error_text(&error))),
        }
    }
}

/// The failure for a page of a list that cannot be decoded.
pub fn unreadable_list(broken: Broken) -> Failure {
    Failure::new(format_args!("The supervisor sent a list that cannot be read: {broken}"))
}

/// The failure for the answer to `why` that cannot be decoded.
pub fn unreadable_answer(broken: Broken) -> Failure {
    Failure::new(format_args!("The supervisor sent an answer that cannot be read: {broken}"))
}

/// The system's text for an error, without the error number.
pub fn error_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    text
}
