//! Stanzas as a job file writes them.

use std::fmt::Display;

use uphold_core::Process;
use uphold_core::bytes::Strings;
use uphold_core::conf::{Console, EMPTY_WORD, KillScope, Operator, Stanza};
use uphold_core::{Expect, Resource};

/// The line or lines that mean a stanza; none if no text of words can.
pub(super) fn written(stanza: &Stanza<'_>) -> Option<Vec<u8>> {
    let number = |name: &str, number: &dyn Display| Some(format!("{name} {number}\n").into_bytes());
    let word = |name: &str, text: &[u8]| line(name, [text]);
    let words = |name: &str, all: Strings<'_>| line(name, all.iter());
    let plain = |text: &str| Some([text.as_bytes(), b"\n"].concat());
    match stanza {
        Stanza::Exec(process, command) => Some([hook(*process), b"exec ", *command, b"\n"].concat()),
        Stanza::Script(process, lines) => Some([hook(*process), b"script\n", *lines, b"end script\n"].concat()),
        Stanza::StartOn(condition) => condition_line("start on", condition.operators()),
        Stanza::StopOn(condition) => condition_line("stop on", condition.operators()),
        Stanza::Manual => plain("manual"),
        Stanza::Env(text) => word("env", text),
        Stanza::Export(all) => words("export", *all),
        Stanza::Import(all) => words("import", *all),
        Stanza::Tmpfiles(all) => words("tmpfiles", *all),
        Stanza::Emits(all) => words("emits", *all),
        Stanza::Instance(text) => word("instance", text),
        Stanza::InstanceLimit(count) => number("instance limit", count),
        Stanza::Task => plain("task"),
        Stanza::Respawn => plain("respawn"),
        Stanza::RespawnDelay { least, most } => number("respawn delay", &format!("{least} {most}")),
        Stanza::RespawnRetry(seconds) => number("respawn retry", seconds),
        Stanza::RespawnLimit { count, interval } => number("respawn limit", &format!("{count} {interval}")),
        Stanza::NormalExit(status) => number("normal exit", status),
        Stanza::Expect(Expect::Descriptor | Expect::PidFile) => None,
        Stanza::Expect(expect) => number("expect", expect),
        Stanza::ReadyDescriptor(descriptor) => number("expect fd", descriptor),
        Stanza::PidFile(text) => word("pid file", text),
        Stanza::StartTimeout(seconds) => number("start timeout", seconds),
        Stanza::HookTimeout(seconds) => number("hook timeout", seconds),
        Stanza::Watchdog(seconds) => number("watchdog", seconds),
        Stanza::KillSignal(signal) => number("kill signal", &signal.0),
        Stanza::ReloadSignal(signal) => number("reload signal", &signal.0),
        Stanza::KillScope(KillScope::Group) => plain("kill scope group"),
        Stanza::KillScope(KillScope::Job) => plain("kill scope job"),
        Stanza::KillTimeout(seconds) => number("kill timeout", seconds),
        Stanza::Description(text) => word("description", text),
        Stanza::Author(text) => word("author", text),
        Stanza::Version(text) => word("version", text),
        Stanza::Usage(text) => word("usage", text),
        Stanza::Console(console) => plain(match console {
            Console::None => "console none",
            Console::Output => "console output",
            Console::Owner => "console owner",
            Console::Log => "console log",
        }),
        Stanza::Umask(mask) => number("umask", &format!("{mask:o}")),
        Stanza::Nice(nice) => number("nice", nice),
        Stanza::OomScore(score) => number("oom score", score),
        Stanza::Limit(resource, soft, hard) => limit(*resource, [*soft, *hard]),
        Stanza::Chroot(text) => word("chroot", text),
        Stanza::Chdir(text) => word("chdir", text),
        Stanza::Setuid(text) => word("setuid", text),
        Stanza::Setgid(text) => word("setgid", text),
        Stanza::Cgroup(all) => words("cgroup", *all),
        Stanza::ApparmorLoad(text) => word("apparmor load", text),
        Stanza::ApparmorSwitch(text) => word("apparmor switch", text),
        Stanza::Debug => plain("debug"),
    }
}

const fn hook(process: Process) -> &'static [u8] {
    match process {
        Process::PreStart => b"pre-start ",
        Process::PostStart => b"post-start ",
        Process::PreStop => b"pre-stop ",
        Process::PostStop => b"post-stop ",
        _ => b"",
    }
}

fn limit(resource: Resource, bounds: [Option<u64>; 2]) -> Option<Vec<u8>> {
    let name = Resource::TABLE.iter().find(|row| row.1 == resource)?.0;
    let [soft, hard] = bounds.map(|bound| bound.map_or("unlimited".to_owned(), |number| number.to_string()));
    Some(format!("limit {name} {soft} {hard}\n").into_bytes())
}

fn line<'t>(name: &str, words: impl IntoIterator<Item = &'t [u8]>) -> Option<Vec<u8>> {
    let mut line = name.as_bytes().to_vec();
    for word in words {
        line.push(b' ');
        line.extend(quoted(word)?);
    }
    line.push(b'\n');
    Some(line)
}

/// A word in quotes. An empty one is refused in most places, and a backslash may be an escape, which does not come
/// back.
fn quoted(word: &[u8]) -> Option<Vec<u8>> {
    let quote = [b'"', b'\''].into_iter().find(|quote| !word.contains(quote))?;
    let plain = !word.is_empty() && !word.iter().any(|byte| b"\\\n".contains(byte));
    plain.then(|| [&[quote], word, &[quote]].concat())
}

/// The condition with parentheses around each operation.
fn condition_line<'t>(name: &str, operators: impl Iterator<Item = Operator<'t>>) -> Option<Vec<u8>> {
    let mut stack: Vec<Vec<u8>> = Vec::new();
    for operator in operators {
        let (Operator::And | Operator::Or) = operator else {
            let Operator::Event(name, arguments) = operator else { return None };
            let mut event = quoted(name)?;
            for argument in arguments.iter() {
                event.push(b' ');
                event.extend(quoted(argument).filter(|_| argument != EMPTY_WORD)?);
            }
            stack.push(event);
            continue;
        };
        let word: &[u8] = if operator == Operator::And { b" and " } else { b" or " };
        let (right, left) = (stack.pop()?, stack.pop()?);
        stack.push([b"(", &left[..], word, &right[..], b")"].concat());
    }
    let whole = stack.pop().filter(|_| stack.is_empty())?;
    Some([name.as_bytes(), b" ", &whole, b"\n"].concat())
}
