//! The outputs of `--help` and `--version`.

use super::options::TABLE;

/// The output of `--version`. Programs parse the first line.
pub const VERSION_TEXT: &str = concat!(
    "init (upstart 1.13.2)\nUphold ",
    env!("CARGO_PKG_VERSION"),
    "\nLicence: MIT OR Apache-2.0, as you prefer. There is no warranty.\n"
);

/// The output of `--help`.
pub fn help_text() -> String {
    let mut text = String::from(
        "Usage: init [OPTION]...\n\n\
         Supervise the jobs of a system as process 1, or of a session with --user.\n\nOptions:\n",
    );
    for row in TABLE {
        let short = row.short.map_or(String::from("    "), |letter| format!("-{}, ", char::from(letter)));
        let word = if row.word.is_empty() { String::new() } else { format!("={}", row.word) };
        text += &format_option(&format!("  {short}--{}{word}", row.long), row.help);
    }
    text + "\nAny other process without --user becomes telinit, with the same arguments.\n"
}

/// The lines of an option: its explanation begins in column 28 and is wrapped before column 80.
fn format_option(head: &str, help: &str) -> String {
    const COLUMN: usize = 28;
    const WIDTH: usize = 79;
    let mut lines = String::new();
    let mut line = format!("{head:<COLUMN$}");
    if head.len() + 2 > COLUMN {
        lines = format!("{head}\n");
        line = " ".repeat(COLUMN);
    }
    for word in help.split(' ') {
        if line.len() > COLUMN && line.len() + 1 + word.len() > WIDTH {
            lines += &format!("{line}\n");
            line = " ".repeat(COLUMN);
        }
        line += if line.len() > COLUMN { " " } else { "" };
        line += word;
    }
    lines + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::options::OptionRow;

    #[test]
    fn help_shows_every_option_and_fits_the_screen() {
        let text = help_text();
        let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for OptionRow { short, long, word, help, .. } in TABLE {
            let letter = short.map_or(String::new(), |letter| format!("-{}, ", char::from(letter)));
            let word = if word.is_empty() { String::new() } else { format!("={word}") };
            assert!(!help.is_empty() && folded.contains(&format!("{letter}--{long}{word} {help}")), "--{long}\n{text}");
        }
        assert!(text.lines().all(|line| line.len() <= 79 && line.trim_end() == line), "{text}");
    }

    #[test]
    fn version_and_help_are_our_own() {
        let version = format!("init (upstart 1.13.2)\nUphold {}\n", env!("CARGO_PKG_VERSION"));
        assert!(VERSION_TEXT.starts_with(&version), "{VERSION_TEXT}");
        let text = help_text() + VERSION_TEXT;
        for foreign in ["Canonical", "Scott James Remnant", "upstart-devel", "@", "://", "Copyright"] {
            assert!(!text.contains(foreign), "{foreign} in\n{text}");
        }
    }
}
