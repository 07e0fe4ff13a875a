//! From the program's name and its arguments to the command or tool that runs.

use crate::command::{self, Command, Work};
use crate::context::Context;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::{self, Options, Show, Until};
use crate::tools::{self, Tool};
use crate::wait_reporter::WaitReporter;
use crate::{help, print};
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

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
        None => (tool.work)(&mut Context { program, options: &options, invocation: Invocation::new(words), out }),
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
    let invocation = Invocation::new(words);
    match (options.show, &command.work) {
        (Some(Show::Help), _) => Ok(help::command(out, program, link.is_none(), command)?),
        (Some(Show::Version), _) => Ok(help::version(out, program)?),
        (None, Work::Help) => Ok(help::commands(out, program)?),
        (None, Work::Ask { .. }) => ask(&mut Context { program, options: &options, invocation, out }, command),
        (None, Work::Do(work)) => work(&mut Context { program, options: &options, invocation, out }),
    }
}

/// Sends a command's request, and prints the reply.
fn ask(context: &mut Context<'_>, command: &Command) -> Result<(), Failure> {
    let Work::Ask { request, answer, hint } = command.work else { return Ok(()) };
    let mut request = request(&context.invocation, context.options).map_err(|missing| context.wrong(missing))?;
    let mut connection = context.connect()?;
    let heard = !context.options.quiet;
    let _reporter = if heard { WaitReporter::start(context.program, connection.endpoint(), &request) } else { None };
    loop {
        let reply = connection.ask(&request)?;
        match print::reply(context.out, context.options.quiet, answer, hint, &reply)? {
            Some(from) => request = uphold_core::control::Request::List { from },
            None => return Ok(()),
        }
    }
}
