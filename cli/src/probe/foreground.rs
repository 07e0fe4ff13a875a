//! An option to stay in the foreground, found in the help of a program.

use crate::probe::observer::{Observer, Program};
use std::path::Path;
use std::time::Duration;

/// The most time for the help.
const PATIENCE: Duration = Duration::from_secs(3);

/// Words in the description of such an option.
#[rustfmt::skip]
const WORDS: [&str; 16] = [
    "foreground", "nofork", "no-fork", "not fork", "n't fork", "nodaemon", "no-daemon", "not daemon", "n't daemon",
    "not become a daemon", "not detach", "n't detach", "no-detach", "nodetach", "not background", "not put itself in",
];

/// The line of the help that describes the option. Help is asked for in namespaces only: a program that takes `--help`
/// for something else may do it.
pub fn option(program: &Path, isolated: bool) -> Option<String> {
    if !isolated {
        return None;
    }
    let help = Program { path: program.into(), arguments: vec!["--help".into()], variables: vec![] };
    find(&Observer::output_of(&help, PATIENCE))
}

fn find(lines: &[String]) -> Option<String> {
    let describes = |line: &str, word: &str| line.trim_start().starts_with('-') && line.to_lowercase().contains(word);
    // The first word is the surest: others may describe a mode for debugging.
    let line = WORDS.iter().find_map(|word| lines.iter().find(|line| describes(line, word)))?;
    Some(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn the_line_of_the_option_is_found() {
        let found = |text: &str| find(&text.lines().map(str::to_owned).collect::<Vec<_>>());
        let help = "usage: d [OPTION]\nRuns in the foreground or not.\n  -c FILE   settings\n  -n, --nofork   stay in the   foreground\n";
        assert_eq!(found(help), Some("-n, --nofork stay in the foreground".into()));
        assert_eq!(found("  -f   don't fork\n"), Some("-f don't fork".into()));
        assert_eq!(found("  -d   become a daemon\n"), None);
    }
}
