//! From the program's name and its arguments to the command or tool that runs.

use crate::command::{self, Action, Subcommand};
use crate::context::Context;
use crate::failure::Failure;
use crate::invocation::Invocation;
use crate::options::{self, Info, Options, Until};
use crate::tools::{self, Tool};
use crate::{help, probe};
use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::ExitCode;

/// Runs the program of that name with these arguments.
pub fn main_as(name: &str, arguments: Vec<OsString>) -> ExitCode {
    if let Some(code) = probe::stage::run(name, &arguments) {
        return code;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut arguments = arguments.into_iter();
    let result = match tools::find(name) {
        Some(tool) => run_tool(name, tool, &mut arguments, &mut out),
        None => run_initctl(name, &mut arguments, &mut out),
    };
    let written = out.flush().map_err(Failure::from);
    match result.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(name);
            failure.code().into()
        }
    }
}

fn run_tool(
    program: &str,
    tool: &Tool,
    arguments: &mut std::vec::IntoIter<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (mut options, mut operands) = (Options::default(), Vec::new());
    options::parse(arguments, &[tool.options, tool.common], Until::End, &mut options, &mut operands)
        .map_err(|wrong| Failure::usage(program, wrong))?;
    match options.info {
        Some(Info::Help) => Ok(help::tool(out, program, tool)?),
        Some(Info::Version) => Ok(help::version(out, program)?),
        None => (tool.run)(&mut Context { program, options: &options, invocation: &Invocation::new(operands), out }),
    }
}

fn run_initctl(
    program: &str,
    arguments: &mut std::vec::IntoIter<OsString>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let (mut options, mut operands) = (Options::default(), Vec::new());
    let link = command::find(program);
    let command = match link {
        Some(command) => command,
        None => {
            let tables = [options::SUPERVISOR, options::COMMON];
            options::parse(arguments, &tables, Until::FirstOperand, &mut options, &mut operands)
                .map_err(|wrong| Failure::usage(program, wrong))?;
            match options.info {
                Some(Info::Help) => return Ok(help::program(out, program)?),
                Some(Info::Version) => return Ok(help::version(out, program)?),
                None => {}
            }
            let name = operands.pop().ok_or_else(|| Failure::usage(program, "missing command"))?;
            find_command(program, &name)?
        }
    };
    let tables = [command.options, options::SUPERVISOR, options::COMMON];
    options::parse(arguments, &tables, Until::End, &mut options, &mut operands)
        .map_err(|wrong| Failure::usage(program, wrong))?;
    let invocation = &Invocation::new(operands);
    match (options.info, &command.action) {
        (Some(Info::Help), _) => Ok(help::command(out, program, link.is_none(), command)?),
        (Some(Info::Version), _) => Ok(help::version(out, program)?),
        (None, Action::Help) => match invocation.first() {
            Some(name) => Ok(help::command(out, program, true, find_command(program, name)?)?),
            None => Ok(help::commands(out, program)?),
        },
        (None, _) => command.run(&mut Context { program, options: &options, invocation, out }),
    }
}

/// Looks up the command that an operand names.
fn find_command(program: &str, name: &OsStr) -> Result<&'static Subcommand, Failure> {
    let name = name.to_string_lossy();
    command::find(&name).ok_or_else(|| Failure::usage(program, format_args!("invalid command: {name}")))
}
