//! The job file that a probe writes.

use crate::probe::facts::End;
use crate::probe::findings::Findings;
use crate::probe::judge::{Expect, Verdict};
use crate::probe::strace::CUT;
use crate::probe::words::{name, seconds};
use crate::signals;
use std::io::{self, Write};
use std::path::Path;

/// Whether no parser and no shell takes a word for more than itself.
fn is_plain(word: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_@%+=:,./-".contains(letter);
    !word.is_empty() && word.chars().all(is_plain)
}

/// Prints the job file.
///
/// # Errors
/// Writing fails.
pub fn print(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    let program = found.seen.command.first().map_or(String::new(), |program| name(program));
    writeln!(out, "# Written by `initctl probe'. Change when it starts, and where its output goes, as you need it.")?;
    writeln!(out, "description \"{}\"\n", program.replace(['"', '\\'], " "))?;
    writeln!(out, "start on runlevel [2345]\nstop on runlevel [!2345]\n")?;
    match &found.judgement.verdict {
        Verdict::Upstart(Expect::None) | Verdict::Failed(_) => writeln!(out, "respawn")?,
        Verdict::Upstart(expect) => writeln!(out, "respawn\nexpect {}", expect.name())?,
        Verdict::Notify => writeln!(out, "respawn\n{OURS}expect notify")?,
        Verdict::Auto => writeln!(out, "respawn\n{OURS}expect auto")?,
        Verdict::Task => writeln!(out, "task")?,
    }
    if let Some(seconds) = found.kill_timeout() {
        writeln!(out, "kill timeout {seconds}")?;
    }
    if let Some((after, end)) = found.ending.as_ref().and_then(|ending| ending.end) {
        let status = match end {
            End::Status(status) => status.to_string(),
            End::Signal(signal) => signal_word(signal),
        };
        let after = seconds(after);
        writeln!(
            out,
            "# After SIGTERM it ended in {after}. To leave it ended when it was told to by others than init:"
        )?;
        writeln!(out, "#normal exit {status}")?;
    }
    if found.asks_for_parent() {
        writeln!(
            out,
            "# It asks for its parent before it forks. If it does not fork below process 1, leave `expect' out."
        )?;
    }
    environment(out, found)?;
    let leftovers = leftovers(found);
    if !leftovers.is_empty() {
        writeln!(out, "\n# Left behind by a daemon that was killed.")?;
        writeln!(out, "{}", command("pre-start ", &[vec!["rm".into(), "-f".into(), "--".into()], leftovers].concat()))?;
    }
    if found.log.is_some() && found.seen.command.iter().any(|word| word.ends_with(CUT)) {
        writeln!(out, "\n# The log cuts long arguments. Complete them, or use `strace -s 4096'.")?;
    }
    writeln!(out, "\n{}", command("", &found.seen.command))
}

const OURS: &str = "# No expect of Upstart is right. This one is Uphold's; Upstart refuses it.\n";

fn signal_word(signal: i32) -> String {
    signals::name(signal).trim_start_matches("SIG").to_owned()
}

/// The variables and the directory with which the program was run.
fn environment(out: &mut dyn Write, found: &Findings) -> io::Result<()> {
    for variable in &found.variables {
        writeln!(
            out,
            "env {}",
            variable.split_once('=').map_or(variable.clone(), |(key, value)| format!("{key}={}", word(value)))
        )?;
    }
    match found.directory.as_deref().filter(|directory| is_needed(directory, &found.seen.command)) {
        Some(directory) => writeln!(out, "chdir {}", word(directory)),
        None => Ok(()),
    }
}

/// Whether a word of the command names a file in the directory.
fn is_needed(directory: &str, command: &[String]) -> bool {
    let is_there = |word: &&String| !word.starts_with('/') && Path::new(directory).join(word).exists();
    directory != "/" && command.iter().skip(1).filter(|word| !word.is_empty()).any(|word| is_there(&word))
}

/// A word of a stanza.
fn word(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")) }
}

/// The pid file and the sockets in the file system that the daemon made.
fn leftovers(found: &Findings) -> Vec<String> {
    let files = found.pid_file().map(|file| file.path.to_owned());
    let sockets = found.sockets().into_iter().filter_map(|(address, ..)| address.strip_prefix("unix /"));
    files.into_iter().chain(sockets.map(|path| format!("/{path}"))).collect()
}

/// The stanza that runs a command: `exec`, or a script if a word needs quoting.
fn command(hook: &str, words: &[String]) -> String {
    if words.iter().all(|word| is_plain(word)) {
        return format!("{hook}exec {}", words.join(" "));
    }
    let quote = |word: &String| match is_plain(word) {
        true => word.clone(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    };
    let line = words.iter().map(quote).collect::<Vec<_>>().join(" ");
    format!("{hook}script\n    exec {line}\nend script")
}
