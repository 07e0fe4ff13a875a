//! Why a command or a tool failed, and how that is reported.

use std::fmt;
use std::io::{self, Write};
use uphold_core::control::frame::Broken;

/// Why a command did not do what was asked: exit code 1.
#[derive(Debug)]
pub enum Failure {
    /// A message, and perhaps a line that helps.
    Message {
        /// After the program's name.
        text: String,
        /// On a line of its own.
        hint: Option<String>,
    },
    /// What is wrong is printed already.
    AlreadyReported,
    /// Nobody reads what is printed any more (`initctl list | head`), so there is nothing to say.
    OutputClosed,
}

impl Failure {
    /// With a message.
    pub fn new(text: impl fmt::Display) -> Self {
        Failure::Message { text: text.to_string(), hint: None }
    }

    /// What was typed is wrong.
    pub fn usage(program: &str, text: impl fmt::Display) -> Self {
        let hint = format!("Try `{program} --help' for more information.");
        Failure::Message { text: text.to_string(), hint: Some(hint) }
    }

    /// The supervisor answered something that is no answer to what was asked.
    pub fn unexpected_reply() -> Self {
        Failure::new("The supervisor answered something else than was asked")
    }

    /// Says it on standard error.
    pub fn report(&self, program: &str) {
        let Failure::Message { text, hint } = self else { return };
        let mut lines = format!("{program}: {text}\n");
        if let Some(hint) = hint {
            lines.push_str(hint);
            lines.push('\n');
        }
        // With standard error closed there is nobody to tell; the exit code still says it.
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

/// A page of a list that is none.
pub fn unreadable_list(broken: Broken) -> Failure {
    Failure::new(format_args!("The supervisor sent a list that cannot be read: {broken}"))
}

/// An error in the system's words, without its number.
pub fn error_text(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    text
}
