//! Why a command or a tool failed, and how that is reported.

use std::fmt;
use std::io::{self, Write};
use uphold_core::control::frame::Broken;

/// Why a command did not do what was asked: exit code 1.
#[derive(Debug)]
pub enum Failure {
    /// A message, and perhaps a line that helps.
    Said {
        /// After the program's name.
        text: String,
        /// On a line of its own.
        help: Option<String>,
    },
    /// What is wrong is printed already.
    Told,
    /// Nobody reads what is printed any more (`initctl list | head`), so there is nothing to say.
    Unheard,
}

impl Failure {
    /// With a message.
    pub fn new(text: impl fmt::Display) -> Self {
        Failure::Said { text: text.to_string(), help: None }
    }

    /// What was typed is wrong.
    pub fn usage(program: &str, text: impl fmt::Display) -> Self {
        let help = format!("Try `{program} --help' for more information.");
        Failure::Said { text: text.to_string(), help: Some(help) }
    }

    /// The supervisor answered something that is no answer to what was asked.
    pub fn other() -> Self {
        Failure::new("The supervisor answered something else than was asked")
    }

    /// Says it on standard error.
    pub fn report(&self, program: &str) {
        let Failure::Said { text, help } = self else { return };
        let mut lines = format!("{program}: {text}\n");
        if let Some(help) = help {
            lines.push_str(help);
            lines.push('\n');
        }
        // With standard error closed there is nobody to tell; the exit code still says it.
        let _ = io::stderr().write_all(lines.as_bytes());
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Unheard,
            _ => Failure::new(format_args!("Unable to write the output: {}", words(&error))),
        }
    }
}

/// A page of a list that is none.
pub fn unreadable_list(broken: Broken) -> Failure {
    Failure::new(format_args!("The supervisor sent a list that cannot be read: {broken}"))
}

/// An error in the system's words, without its number.
pub fn words(error: &io::Error) -> String {
    let mut text = error.to_string();
    if let Some(at) = text.find(" (os error") {
        text.truncate(at);
    }
    text
}
