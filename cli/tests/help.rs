//! Help and versions: what the tables hold is shown, completely and in lines of at most 79 columns, under every name.

mod kit;

use kit::{Folder, INITCTL, initctl, ran, run};
use std::os::unix::fs::symlink;
use uphold_initctl::command::{COMMANDS, Group};
use uphold_initctl::options::{COMMON, OptionSpec, SUPERVISOR};
use uphold_initctl::tools::TOOLS;

/// The output of `initctl ARGUMENTS`.
fn initctl_prints(arguments: &[&str]) -> String {
    let result = run(initctl(INITCTL).args(arguments));
    assert_eq!((result.err.as_str(), result.code), ("", 0), "initctl {arguments:?}");
    result.out
}

/// The output of `NAME ARGUMENT`, with a link of that name to the program.
fn prints_as(name: &str, argument: &str) -> String {
    let folder = Folder::new();
    let link = folder.path(name);
    symlink(INITCTL, &link).unwrap();
    let result = run(initctl(&link).arg(argument));
    assert_eq!((result.err.as_str(), result.code), ("", 0), "{name} {argument}");
    result.out
}

/// The heads of the lines about options.
fn shown_options(help: &str) -> Vec<&str> {
    let lines = help.lines().filter(|line| line.starts_with("  -") || line.starts_with("      --"));
    lines.map(|line| line.split("  ").find(|part| !part.is_empty()).unwrap_or_default().trim()).collect()
}

/// An option as help shows it.
fn head(option: &OptionSpec) -> String {
    let letter = option.short.map_or(String::new(), |letter| format!("-{}, ", char::from(letter)));
    let argument = option.argument.map_or(String::new(), |argument| format!("={argument}"));
    format!("{letter}--{}{argument}", option.long)
}

/// The heads of all these options, in order.
fn heads(tables: &[&[OptionSpec]]) -> Vec<String> {
    tables.iter().copied().flatten().map(head).collect()
}

/// The explanation is there, however it is broken into lines.
fn assert_explains(help: &str, text: &str) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(!text.is_empty() && words(help).contains(&words(text)), "{text:?} is missing in\n{help}");
}

/// Every help text, and every version text.
fn all_texts() -> Vec<String> {
    let mut texts = vec![initctl_prints(&["--help"]), initctl_prints(&["help"]), initctl_prints(&["--version"])];
    for command in COMMANDS {
        texts.push(initctl_prints(&[command.name, "--help"]));
        texts.push(prints_as(command.name, "--help"));
        texts.push(prints_as(command.name, "--version"));
    }
    for tool in TOOLS {
        texts.push(prints_as(tool.name, "--help"));
        texts.push(prints_as(tool.name, "--version"));
    }
    texts
}

#[test]
fn initctl_shows_every_command_option_and_tool() {
    let (help, list) = (initctl_prints(&["--help"]), initctl_prints(&["help"]));
    assert_eq!(shown_options(&help), heads(&[SUPERVISOR, COMMON]));
    for command in COMMANDS {
        for text in [&help, &list] {
            assert_explains(text, &format!("{} {}", command.name, command.description.summary));
        }
    }
    for (_, heading) in Group::ALL {
        assert!(list.contains(&format!("\n{heading}:\n")), "{list}");
    }
    for tool in TOOLS {
        assert_explains(&help, &format!("{} {}", tool.name, tool.description.summary));
    }
    for option in SUPERVISOR.iter().chain(COMMON) {
        assert_explains(&help, option.help);
    }
}

#[test]
fn a_command_shows_its_arguments_its_options_and_its_description() {
    for command in COMMANDS {
        let help = initctl_prints(&[command.name, "--help"]);
        let usage = format!("Usage: initctl {} [OPTION]... {}", command.name, command.arguments);
        assert_eq!(help.lines().next(), Some(usage.trim_end()));
        assert_eq!(shown_options(&help), heads(&[command.options, SUPERVISOR, COMMON]), "{help}");
        for text in [command.description.summary].iter().chain(command.description.details) {
            assert_explains(&help, text);
        }
        for option in command.options {
            assert_explains(&help, &format!("{} {}", head(option), option.help));
        }
        assert_eq!(initctl_prints(&["help", command.name]), help);
        assert_eq!(initctl_prints(&[command.name, "-h"]), help);
        let as_a_link = prints_as(command.name, "--help");
        assert_eq!(as_a_link, help.replacen("Usage: initctl ", "Usage: ", 1));
    }
    let unknown = "initctl: invalid command: frobnicate\nTry `initctl --help' for more information.\n";
    assert_eq!(run(initctl(INITCTL).args(["help", "frobnicate"])), ran("", unknown, 1));
}

#[test]
fn a_tool_shows_its_arguments_its_options_and_its_description() {
    for tool in TOOLS {
        let help = prints_as(tool.name, "--help");
        let usage = format!("Usage: {} [OPTION]... {}", tool.name, tool.arguments);
        assert_eq!(help.lines().next(), Some(usage.trim_end()));
        assert_eq!(shown_options(&help), heads(&[tool.options, tool.common]), "{help}");
        for text in [tool.description.summary].iter().chain(tool.description.details) {
            assert_explains(&help, text);
        }
        for option in tool.options.iter().chain(tool.common) {
            assert_explains(&help, &format!("{} {}", head(option), option.help));
        }
    }
    assert_eq!(prints_as("telinit", "-h"), prints_as("telinit", "--help"));
}

#[test]
fn options_are_unambiguous() {
    let commands = COMMANDS.iter().map(|command| (command.name, vec![command.options, SUPERVISOR, COMMON]));
    let tools = TOOLS.iter().map(|tool| (tool.name, vec![tool.options, tool.common]));
    for (name, tables) in commands.chain(tools) {
        let all: Vec<&OptionSpec> = tables.into_iter().flatten().collect();
        for (place, option) in all.iter().enumerate() {
            let clash = |other: &&OptionSpec| {
                other.long == option.long || (option.short.is_some() && other.short == option.short)
            };
            assert!(!all.iter().skip(place + 1).copied().any(|other| clash(&other)), "{name}: {}", head(option));
        }
    }
}

#[test]
fn log_priority_names_every_priority() {
    assert_explains(&initctl_prints(&["log-priority", "--help"]), "debug, info, message, warn, error and fatal");
}

#[test]
fn versions_name_what_programs_look_for_and_what_this_is() {
    let uphold = format!("Uphold {}\n", env!("CARGO_PKG_VERSION"));
    let licence = "Licence: MIT OR Apache-2.0, as you prefer. There is no warranty.\n";
    let version = |name: &str| format!("{name} (upstart 1.13.2)\n{uphold}{licence}");
    assert_eq!(initctl_prints(&["--version"]), version("initctl"));
    assert_eq!(initctl_prints(&["start", "--version"]), version("initctl"));
    for name in ["start", "stop", "restart", "reload", "status"].into_iter().chain(TOOLS.iter().map(|tool| tool.name)) {
        assert_eq!(prints_as(name, "--version"), version(name));
    }
}

#[test]
fn texts_fit_the_screen_and_are_our_own() {
    for text in all_texts() {
        for line in text.lines() {
            assert!(line.chars().count() <= 79 && line.trim_end() == line, "{line:?}");
        }
        for foreign in ["Canonical", "Scott James Remnant", "upstart-devel", "@", "://", "Copyright"] {
            assert!(!text.contains(foreign), "{foreign} in\n{text}");
        }
    }
}
