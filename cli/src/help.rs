//! Help as Upstart's programs print it: two columns in lines below 80 characters.

use crate::command::{COMMANDS, Group, Subcommand};
use crate::options::{BUS, COMMON, OptionSpec};
use crate::tools::Tool;
use std::io::{self, Write};

/// Most characters in a line.
const WIDTH: usize = 79;
/// Where the second column begins, and how much further its continuation lines do.
const COLUMN: usize = 30;
const HANGING: usize = 2;
/// What of a name leaves no gap before the second column, which then begins on a line of its own.
const LONGEST_NAME: usize = COLUMN - 2;

/// `initctl --version`: what scripts look for is Upstart's name and version.
///
/// # Errors
/// What is printed cannot be written.
pub fn version(out: &mut dyn Write, program: &str) -> io::Result<()> {
    writeln!(
        out,
        "{program} (upstart 1.13.2)\n\
         Copyright (C) 2006-2014 Canonical Ltd., 2011 Scott James Remnant\n\n\
         This is free software; see the source for copying conditions.  There is NO\n\
         warranty; not even for MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE."
    )
}

/// `initctl --help`
///
/// # Errors
/// What is printed cannot be written.
pub fn program(out: &mut dyn Write, program: &str) -> io::Result<()> {
    writeln!(out, "Usage: {program} [OPTION]... COMMAND [OPTION]... [ARG]...\n")?;
    options(out, &[BUS, COMMON])?;
    writeln!(out, "\nFor a list of commands, try `{program} help'.")?;
    address(out)
}

/// `initctl COMMAND --help`; `named`: the command's name was typed, rather than being the program's.
///
/// # Errors
/// What is printed cannot be written.
pub fn command(out: &mut dyn Write, program: &str, named: bool, command: &Subcommand) -> io::Result<()> {
    write!(out, "Usage: {program}")?;
    if named {
        write!(out, " {}", command.name)?;
    }
    write!(out, " [OPTION]...")?;
    if !command.arguments.is_empty() {
        write!(out, " {}", command.arguments)?;
    }
    writeln!(out, "\n{}\n", command.summary)?;
    options(out, &[command.options, BUS, COMMON])?;
    details(out, command.details)?;
    address(out)
}

/// `telinit --help`, ...
///
/// # Errors
/// What is printed cannot be written.
pub fn tool(out: &mut dyn Write, program: &str, tool: &Tool) -> io::Result<()> {
    write!(out, "Usage: {program} [OPTION]...")?;
    if !tool.arguments.is_empty() {
        write!(out, " {}", tool.arguments)?;
    }
    writeln!(out, "\n{}\n", tool.summary)?;
    options(out, &[tool.options, COMMON])?;
    details(out, tool.details)?;
    address(out)
}

/// One line a paragraph; blanks at its beginning are kept.
fn details(out: &mut dyn Write, text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    for paragraph in text.split('\n') {
        let blanks = paragraph.len() - paragraph.trim_start().len();
        write!(out, "{:blanks$}", "")?;
        wrap(out, paragraph, blanks, 0)?;
    }
    Ok(())
}

/// `initctl help`
///
/// # Errors
/// What is printed cannot be written.
pub fn commands(out: &mut dyn Write, program: &str) -> io::Result<()> {
    for (group, heading) in Group::ALL {
        writeln!(out, "{heading}:")?;
        for command in COMMANDS.iter().filter(|command| command.group == group) {
            two_columns(out, &format!("  {}", command.name), command.summary)?;
        }
        writeln!(out)?;
    }
    writeln!(out, "For more information on a command, try `{program} COMMAND --help'.")
}

fn options(out: &mut dyn Write, tables: &[&[OptionSpec]]) -> io::Result<()> {
    writeln!(out, "Options:")?;
    for option in tables.iter().copied().flatten().filter(|option| !option.help.is_empty()) {
        let mut name = match option.short {
            Some(letter) => format!("  -{}, --{}", letter.escape_ascii(), option.long),
            None => format!("      --{}", option.long),
        };
        if let Some(argument) = option.argument {
            name.push('=');
            name.push_str(argument);
        }
        two_columns(out, &name, option.help)?;
    }
    Ok(())
}

fn two_columns(out: &mut dyn Write, name: &str, text: &str) -> io::Result<()> {
    if name.len() > LONGEST_NAME {
        write!(out, "{name}\n{:COLUMN$}", "")?;
    } else {
        write!(out, "{name:COLUMN$}")?;
    }
    wrap(out, text, COLUMN, COLUMN + HANGING)
}

/// Writes words in lines; the first line goes on at column `first`, the others are indented by `next`.
fn wrap(out: &mut dyn Write, text: &str, first: usize, next: usize) -> io::Result<()> {
    let (mut column, mut is_first_word) = (first, true);
    for word in text.split_whitespace() {
        if is_first_word {
            is_first_word = false;
        } else if column + 1 + word.len() > WIDTH {
            write!(out, "\n{:next$}", "")?;
            column = next;
        } else {
            write!(out, " ")?;
            column += 1;
        }
        write!(out, "{word}")?;
        column += word.len();
    }
    writeln!(out)
}

/// Where Upstart's help ends.
fn address(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nReport bugs to <upstart-devel@lists.ubuntu.com>")
}
