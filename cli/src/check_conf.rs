//! `init-checkconf` and `initctl check-conf`: job files read by the core's parser, without any supervisor.

use crate::Context;
use crate::print::{Failure, words};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use uphold_core::conf::{ConfError, Parser, Stanza};
use uphold_core::process::Process;

/// What is wrong with a file.
enum Wrong {
    /// It cannot be read.
    Unreadable(io::Error),
    /// The parser does not accept it.
    Syntax(PathBuf, ConfError),
    /// The shell does not accept a script of it, in these words.
    Shell(PathBuf, Process, String),
}

impl Wrong {
    /// What follows `ERROR: File FILE: `.
    fn explain(&self) -> String {
        match self {
            Wrong::Unreadable(error) => words(error),
            Wrong::Syntax(path, error) => format!("syntax invalid:\n{}", located(path, error)),
            Wrong::Shell(path, process, said) => {
                format!("shell syntax invalid in {process} script:\n{}: {}", path.display(), said.trim_end())
            }
        }
    }
}

/// The error as the supervisor's log has it.
fn located(path: &Path, error: &ConfError) -> impl fmt::Display {
    match error.line {
        Some(line) => format!("{}:{line}: {error}", path.display()),
        None => format!("{}: Error while loading configuration file: {error}", path.display()),
    }
}

/// `init-checkconf FILE...`
pub fn check(context: &mut Context<'_>) -> Result<(), Failure> {
    let files: Vec<&OsString> = context.options.files.iter().chain(context.call.words()).collect();
    if files.is_empty() {
        return Err(context.wrong("missing file name"));
    }
    let mut result = Ok(());
    for file in files.into_iter().map(Path::new) {
        match check_with_override(file, !context.options.no_script) {
            Ok(()) if context.options.quiet => {}
            Ok(()) => writeln!(context.out, "File {}: syntax ok", file.display())?,
            Err(wrong) => {
                // In the order in which they were found.
                context.out.flush()?;
                let text = format!("ERROR: File {}: {}\n", file.display(), wrong.explain());
                // With standard error closed there is nobody to tell; the exit code still says it.
                io::stderr().write_all(text.as_bytes()).unwrap_or_default();
                result = Err(Failure::Told);
            }
        }
    }
    result
}

/// A job's file, and what lies beside it to be laid over it.
fn check_with_override(file: &Path, scripts: bool) -> Result<(), Wrong> {
    check_file(file, scripts)?;
    let over = file.with_extension("override");
    match file.extension() == Some(OsStr::new("conf")) && over.exists() {
        true => check_file(&over, scripts),
        false => Ok(()),
    }
}

fn check_file(file: &Path, scripts: bool) -> Result<(), Wrong> {
    let mut text = fs::read(file).map_err(Wrong::Unreadable)?;
    let mut parser = Parser::new(&mut text);
    let mut found = Vec::new();
    while let Some(stanza) = parser.next() {
        match stanza {
            Ok(Stanza::Script(process, script)) if scripts => found.push((process, script.to_vec())),
            Ok(_) => {}
            Err(error) => return Err(Wrong::Syntax(file.into(), error)),
        }
    }
    for (process, script) in found {
        if let Some(said) = shell_complains(&script).map_err(Wrong::Unreadable)? {
            return Err(Wrong::Shell(file.into(), process, said));
        }
    }
    Ok(())
}

/// What `/bin/sh -n` says of a script, if it is wrong.
fn shell_complains(script: &[u8]) -> io::Result<Option<String>> {
    let mut shell = Command::new("/bin/sh");
    shell.arg("-n").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut shell = shell.spawn()?;
    if let Some(mut input) = shell.stdin.take() {
        // A shell that has seen enough reads no further.
        input.write_all(script).unwrap_or_default();
    }
    let output = shell.wait_with_output()?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}
