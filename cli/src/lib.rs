//! The words of the supervisor: `initctl` (initctl(8)) and the programs around it.
//!
//! What is typed becomes requests, and their replies become lines. Which command asks what and prints what stands in one
//! table, [`command::COMMANDS`]; what a supervisor decides is none of this crate's business.
//!
//! One binary is all of these, by the name that it is called by:
//!
//! | name | is |
//! |---|---|
//! | a row of [`tools::TOOLS`]: `telinit`, `runlevel`, `shutdown`, `reboot`, `init-checkconf`, ... | that tool |
//! | a row of [`command::COMMANDS`]: `start`, `stop`, `restart`, `reload`, `status`, ... | `initctl` with that command |
//! | anything else | `initctl` |
#![forbid(unsafe_code)]

mod call;
mod check_conf;
mod check_config;
pub mod command;
mod condition;
mod connection;
mod environment;
pub mod help;
pub mod options;
mod patience;
mod print;
mod reboot;
mod runlevel;
mod sessions;
mod show_config;
mod shutdown;
mod telinit;
mod texts;
pub mod tools;
pub mod utmp;
mod wall;

use call::Call;
use command::{Command, Work};
use connection::Connection;
use options::{Options, Show, Until};
use patience::Patience;
use print::Failure;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;
use tools::Tool;

/// What a command or a tool works with.
pub struct Context<'a> {
    /// The program's name, for its messages.
    pub(crate) program: &'a str,
    /// What the options said.
    pub(crate) options: &'a Options,
    /// The words that are no options.
    pub(crate) call: Call,
    /// Standard output.
    pub(crate) out: &'a mut dyn Write,
}

impl Context<'_> {
    /// Finds the supervisor and connects.
    pub(crate) fn connect(&self) -> Result<Connection, Failure> {
        Connection::open(self.options)
    }

    /// What was typed is wrong.
    pub(crate) fn wrong(&self, text: impl std::fmt::Display) -> Failure {
        Failure::usage(self.program, text)
    }
}

/// Is the program of that name with these arguments.
pub fn main_as(name: &str, arguments: Vec<OsString>) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut arguments = arguments.into_iter();
    let result = match tools::find(name) {
        Some(tool) => use_tool(name, tool, &mut arguments, &mut out),
        None => initctl(name, &mut arguments, &mut out),
    };
    let written = out.flush().map_err(Failure::from);
    match result.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(name);
            ExitCode::FAILURE
        }
    }
}

fn use_tool(
    program: &str,
    tool: &Tool,
    arguments: &mut std::vec::IntoIter<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (mut options, mut words) = (Options::default(), Vec::new());
    options::parse(arguments, &[tool.options, options::COMMON], Until::End, &mut options, &mut words)
        .map_err(|wrong| Failure::usage(program, wrong))?;
    match options.show {
        Some(Show::Help) => Ok(help::tool(out, program, tool)?),
        Some(Show::Version) => Ok(help::version(out, program)?),
        None => (tool.work)(&mut Context { program, options: &options, call: Call::new(words), out }),
    }
}

fn initctl(program: &str, arguments: &mut std::vec::IntoIter<OsString>, out: &mut dyn Write) -> Result<(), Failure> {
    let (mut options, mut words) = (Options::default(), Vec::new());
    let link = command::find(program);
    let command = match link {
        Some(command) => command,
        None => {
            let tables = [options::BUS, options::COMMON];
            options::parse(arguments, &tables, Until::FirstWord, &mut options, &mut words)
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
    let tables = [command.options, options::BUS, options::COMMON];
    options::parse(arguments, &tables, Until::End, &mut options, &mut words)
        .map_err(|wrong| Failure::usage(program, wrong))?;
    let call = Call::new(words);
    match (options.show, &command.work) {
        (Some(Show::Help), _) => Ok(help::command(out, program, link.is_none(), command)?),
        (Some(Show::Version), _) => Ok(help::version(out, program)?),
        (None, Work::Help) => Ok(help::commands(out, program)?),
        (None, Work::Ask { .. }) => ask(&mut Context { program, options: &options, call, out }, command),
        (None, Work::Do(work)) => work(&mut Context { program, options: &options, call, out }),
    }
}

/// Sends a command's request, and prints the reply.
fn ask(context: &mut Context<'_>, command: &Command) -> Result<(), Failure> {
    let Work::Ask { request, answer, hint } = command.work else { return Ok(()) };
    let mut request = request(&context.call, context.options).map_err(|missing| context.wrong(missing))?;
    let mut connection = context.connect()?;
    let heard = !context.options.quiet;
    let _patience = if heard { Patience::with(context.program, connection.route(), &request) } else { None };
    loop {
        let reply = connection.ask(&request)?;
        match print::reply(context.out, context.options.quiet, answer, hint, &reply)? {
            Some(from) => request = uphold_core::control::Request::List { from },
            None => return Ok(()),
        }
    }
}
