//! `initctl`: the words of the Uphold process supervisor (initctl(8)).
//!
//! What is typed becomes one request (or one a page of `list`), and its reply becomes lines. Which command asks what and
//! prints what stands in one table, [`command::COMMANDS`]; what a supervisor decides is none of this program's business.
//!
//! Called by the name of a command (a link `start`, `stop`, `restart`, `reload`, `status`), it is that command.
#![forbid(unsafe_code)]

mod command;
mod connection;
mod help;
mod options;
mod print;

use command::{Call, Command, Work};
use connection::Connection;
use options::{Options, Show, Until};
use print::Failure;
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().collect::<Vec<_>>().into_iter();
    let program = arguments.next().as_deref().map(Path::new).and_then(Path::file_name).map(OsStr::to_owned);
    let program = program.unwrap_or_else(|| "initctl".into()).to_string_lossy().into_owned();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = run(&program, arguments, &mut out);
    let written = out.flush().map_err(Failure::from);
    match result.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(&program);
            ExitCode::FAILURE
        }
    }
}

/// Parses what was typed, does it, and prints to `out`.
fn run(program: &str, mut arguments: std::vec::IntoIter<OsString>, out: &mut impl Write) -> Result<(), Failure> {
    let mut options = Options::default();
    let mut words = Vec::new();
    let link = command::find(program);
    let command = match link {
        Some(command) => command,
        None => {
            options::parse(&mut arguments, &[options::GLOBAL], Until::FirstWord, &mut options, &mut words)
                .map_err(|wrong| Failure::usage(program, wrong))?;
            match options.show {
                Some(Show::Help) => return Ok(help::program(out, program)?),
                Some(Show::Version) => return Ok(help::version(out, program)?),
                None => {}
            }
            let word = words.pop().ok_or_else(|| Failure::usage(program, "missing command"))?;
            let word = word.to_string_lossy();
            command::find(&word).ok_or_else(|| Failure::usage(program, format_args!("invalid command: {word}")))?
        }
    };
    options::parse(&mut arguments, &[command.options, options::GLOBAL], Until::End, &mut options, &mut words)
        .map_err(|wrong| Failure::usage(program, wrong))?;
    match (options.show, &command.work) {
        (Some(Show::Help), _) => Ok(help::command(out, program, link.is_none(), command)?),
        (Some(Show::Version), _) => Ok(help::version(out, program)?),
        (None, Work::Help) => Ok(help::commands(out, program)?),
        (None, Work::Ask { .. }) => ask(program, command, &options, words, out),
    }
}

/// Sends a command's request, and prints the reply.
fn ask(
    program: &str,
    command: &Command,
    options: &Options,
    words: Vec<OsString>,
    out: &mut impl Write,
) -> Result<(), Failure> {
    let Work::Ask { request, answer, hint } = command.work else { return Ok(()) };
    let call = Call::new(words, options.no_wait);
    let mut request = request(&call).map_err(|missing| Failure::usage(program, missing))?;
    let mut connection = Connection::open(options)?;
    loop {
        let reply = connection.ask(&request)?;
        match print::reply(out, options.quiet, answer, hint, &reply)? {
            Some(next) => request = command::next_page(next),
            None => return Ok(()),
        }
    }
}
