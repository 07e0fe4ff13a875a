//! `init-checkconf` and `initctl check-conf`: check job files with the parser of the core, without a supervisor.

use crate::context::Context;
use crate::failure::{Failure, error_text};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use uphold_core::conf::{ConfError, Parser};

/// The sections of a job file that hold scripts, in the order in which they are checked.
const SECTIONS: [&str; 5] = ["pre-start", "post-start", "script", "pre-stop", "post-stop"];

/// The suffixes of job files.
const SUFFIXES: [&str; 2] = ["conf", "override"];

/// A mistake in a file.
enum FileError {
    /// The file does not exist.
    Missing,
    /// The name has none of the suffixes of a job file.
    Suffix,
    /// The file cannot be read.
    Unreadable(io::Error),
    /// The parser rejects the file at this path, which may be the override.
    Syntax(PathBuf, ConfError),
    /// The shell rejects a section; the second value is the shell's message.
    Shell(&'static str, String),
}

impl FileError {
    /// The message after `ERROR: `.
    fn message(&self, file: &Path) -> String {
        let file = file.display();
        match self {
            FileError::Missing => format!("File {file} does not exist"),
            FileError::Suffix => "File must end in .conf".into(),
            FileError::Unreadable(error) => format!("File {file}: {}", error_text(error)),
            FileError::Syntax(path, error) => format!("File {file}: syntax invalid:\n{}", located(path, error)),
            FileError::Shell(section, output) => {
                format!("File {file}: shell syntax invalid in {section} section:\n{}", output.trim_end())
            }
        }
    }
}

/// The error in the form in which a supervisor logs it.
fn located(path: &Path, error: &ConfError) -> impl fmt::Display {
    let name = Path::new(path.file_name().unwrap_or(path.as_os_str())).display();
    match error.line {
        Some(line) => format!("init:{name}:{line}: {error}"),
        None => format!("init:{name}: Error while loading configuration file: {error}"),
    }
}

/// `init-checkconf FILE...`
///
/// # Errors
/// A file cannot be read, or breaks a rule of init(5).
pub fn check(context: &mut Context<'_>) -> Result<(), Failure> {
    let files: Vec<&OsString> = context.options.files.iter().chain(context.invocation.operands()).collect();
    let mut result = Ok(());
    if files.is_empty() {
        result = report_error("Must specify configuration file");
    }
    for file in files.into_iter().map(Path::new) {
        match check_with_override(file, !context.options.no_script) {
            Ok(()) if context.options.quiet => {}
            Ok(()) => writeln!(context.out, "File {}: syntax ok", file.display())?,
            Err(error) => {
                // Output and errors appear in the order of the files.
                context.out.flush()?;
                result = report_error(&error.message(file));
            }
        }
    }
    result
}

/// Prints an error in the form of Upstart's init-checkconf, which was a script.
fn report_error(what: &str) -> Result<(), Failure> {
    // If standard error is closed, the exit code still reports the error.
    io::stderr().write_all(format!("ERROR: {what}\n").as_bytes()).unwrap_or_default();
    Err(Failure::AlreadyReported)
}

/// Checks a job file and the override beside it. A mistake in a stanza comes before those in scripts, wherever it is.
fn check_with_override(file: &Path, scripts: bool) -> Result<(), FileError> {
    let mut texts = vec![check_stanzas(file)?];
    let over = file.with_extension("override");
    if file.extension() == Some(OsStr::new("conf")) && over.exists() {
        texts.push(check_stanzas(&over)?);
    }
    texts.iter().filter(|_| scripts).try_for_each(|text| check_scripts(text))
}

/// Reads a file and checks its stanzas; returns its text.
fn check_stanzas(file: &Path) -> Result<Vec<u8>, FileError> {
    let text = fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => FileError::Missing,
        _ => FileError::Unreadable(error),
    })?;
    if !SUFFIXES.iter().any(|suffix| file.extension() == Some(OsStr::new(suffix))) {
        return Err(FileError::Suffix);
    }
    // The parser overwrites what it reads.
    let mut copy = text.clone();
    let mut parser = Parser::new(&mut copy);
    while let Some(stanza) = parser.next() {
        stanza.map_err(|error| FileError::Syntax(file.into(), error))?;
    }
    Ok(text)
}

/// Checks the scripts in the text of a file.
fn check_scripts(text: &[u8]) -> Result<(), FileError> {
    for section in SECTIONS {
        if let Some(output) = shell_error(&section_lines(section, text)).map_err(FileError::Unreadable)? {
            return Err(FileError::Shell(section, output));
        }
    }
    Ok(())
}

/// The lines of a section, from its first line to the next `end script`. Both stay in the text, because the line
/// numbers in the shell's messages count from there; the shell takes them for commands.
fn section_lines(section: &str, text: &[u8]) -> Vec<u8> {
    let starts = |line: &[u8], words: &str| {
        let blanks = line.iter().take_while(|&&byte| byte == b' ').count();
        line.get(blanks..).is_some_and(|rest| rest.starts_with(words.as_bytes()))
    };
    let mut inside = false;
    let mut lines = Vec::new();
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        let begins = !inside && starts(line, section);
        if inside || begins {
            lines.extend_from_slice(line);
        }
        inside = begins || (inside && !starts(line, "end script"));
    }
    lines
}

/// The message of `/bin/sh -n` about a script; `None` if the syntax is right.
fn shell_error(script: &[u8]) -> io::Result<Option<String>> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-n").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut shell = shell.spawn()?;
    if let Some(mut input) = shell.stdin.take() {
        // A shell that finds an error stops reading, and then this write fails.
        input.write_all(script).unwrap_or_default();
    }
    let output = shell.wait_with_output()?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}
