//! Help and version texts, generated from the tables of commands, tools and options.

use crate::command::{COMMANDS, Group, Subcommand};
use crate::descriptions::Description;
use crate::options::{COMMON, OptionSpec, SUPERVISOR};
use crate::tools::{TOOLS, Tool};
use std::io::{self, Write};

/// The most characters in a line.
const WIDTH: usize = 79;
/// The column at which explanations begin.
const COLUMN: usize = 28;
/// The least gap between a name and its explanation; a longer name has a line of its own.
const GAP: usize = 2;

const OPTIONS: &str = "Options";
const SUPERVISOR_OPTIONS: &str = "Choosing the supervisor";
const COMMON_OPTIONS: &str = "General options";

const WHICH_SUPERVISOR: &str = "Without these options $UPSTART_SESSION names the supervisor. If it is not set, the \
                                supervisor of the system is used or, where there is none, the newest of your sessions.";
const OTHER_NAMES: &str = "Under the name of a command, for example start, this program is that command. Under these \
                           names it is another program:";

/// `--version`. Programs such as Puppet read Upstart's name and version in the first line.
///
/// # Errors
/// Writing fails.
pub fn version(out: &mut dyn Write, program: &str) -> io::Result<()> {
    writeln!(
        out,
        "{program} (upstart 1.13.2)\n\
         Uphold {}\n\
         Licence: MIT OR Apache-2.0, as you prefer. There is no warranty.",
        env!("CARGO_PKG_VERSION")
    )
}

/// `initctl --help`
///
/// # Errors
/// Writing fails.
pub fn program(out: &mut dyn Write, program: &str) -> io::Result<()> {
    writeln!(out, "Usage: {program} [OPTION]... COMMAND [OPTION]... [ARGUMENT]...\n")?;
    paragraph(out, "Control the jobs, the events and the supervisor of this system or of a session.")?;
    command_groups(out)?;
    section(out, SUPERVISOR_OPTIONS, SUPERVISOR)?;
    paragraph(out, WHICH_SUPERVISOR)?;
    section(out, COMMON_OPTIONS, COMMON)?;
    writeln!(out)?;
    paragraph(out, OTHER_NAMES)?;
    for tool in TOOLS {
        two_columns(out, tool.name, tool.description.summary)?;
    }
    writeln!(out)?;
    paragraph(out, &format!("`{program} help COMMAND' describes a command and its options."))
}

/// `initctl COMMAND --help`; `named`: the command's name was typed, rather than being the program's.
///
/// # Errors
/// Writing fails.
pub fn command(out: &mut dyn Write, program: &str, named: bool, command: &Subcommand) -> io::Result<()> {
    let name = if named { format!("{program} {}", command.name) } else { program.into() };
    usage(out, &name, command.arguments)?;
    describe(out, &command.description)?;
    section(out, OPTIONS, command.options)?;
    section(out, SUPERVISOR_OPTIONS, SUPERVISOR)?;
    section(out, COMMON_OPTIONS, COMMON)
}

/// `telinit --help`, ...
///
/// # Errors
/// Writing fails.
pub fn tool(out: &mut dyn Write, program: &str, tool: &Tool) -> io::Result<()> {
    usage(out, program, tool.arguments)?;
    describe(out, &tool.description)?;
    section(out, OPTIONS, tool.options)?;
    section(out, COMMON_OPTIONS, tool.common)
}

/// `initctl help`
///
/// # Errors
/// Writing fails.
pub fn commands(out: &mut dyn Write, program: &str) -> io::Result<()> {
    paragraph(out, &format!("Commands of {program}; `{program} help COMMAND' describes one."))?;
    command_groups(out)
}

fn command_groups(out: &mut dyn Write) -> io::Result<()> {
    for (group, heading) in Group::ALL {
        writeln!(out, "\n{heading}:")?;
        for command in COMMANDS.iter().filter(|command| command.group == group) {
            two_columns(out, command.name, command.description.summary)?;
        }
    }
    Ok(())
}

fn usage(out: &mut dyn Write, name: &str, arguments: &str) -> io::Result<()> {
    let gap = if arguments.is_empty() { "" } else { " " };
    writeln!(out, "Usage: {name} [OPTION]...{gap}{arguments}")
}

fn describe(out: &mut dyn Write, description: &Description) -> io::Result<()> {
    for text in [description.summary].iter().chain(description.details) {
        writeln!(out)?;
        paragraph(out, text)?;
    }
    Ok(())
}

fn section(out: &mut dyn Write, heading: &str, options: &[OptionSpec]) -> io::Result<()> {
    if options.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{heading}:")?;
    for option in options {
        let indent = if option.short.is_none() { "    " } else { "" };
        two_columns(out, &format!("{indent}{}", option.spelling()), option.help)?;
    }
    Ok(())
}

fn paragraph(out: &mut dyn Write, text: &str) -> io::Result<()> {
    wrap(out, text, 0)
}

/// A name, indented by two, and its explanation from [`COLUMN`] on.
fn two_columns(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    let name = format!("  {name}");
    if name.len() + GAP > COLUMN {
        write!(out, "{name}\n{:COLUMN$}", "")?;
    } else {
        write!(out, "{name:COLUMN$}")?;
    }
    wrap(out, text, COLUMN)
}

/// Writes a text in lines that begin at the column `indent`. The first line is already indented.
fn wrap(out: &mut dyn Write, text: &str, indent: usize) -> io::Result<()> {
    let mut column = indent;
    for word in text.split_whitespace() {
        if column > indent && column + 1 + word.len() > WIDTH {
            write!(out, "\n{:indent$}", "")?;
            column = indent;
        } else if column > indent {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}")?;
        column += word.len();
    }
    writeln!(out)
}
