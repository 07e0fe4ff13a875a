//! A line of a log of strace(1), divided into its parts.

/// The time at the beginning of a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Time {
    /// Microseconds of the day (`-t`, `-tt`) or since 1970 (`-ttt`).
    Since(u64),
    /// Microseconds since the line before (`-r`).
    After(u64),
}

/// A line.
#[derive(PartialEq, Eq, Debug)]
pub struct Line<'a> {
    /// The thread; `None` in a log of one process (`-ff`, or before the first fork).
    pub thread: Option<u32>,
    /// The time, if there is one.
    pub time: Option<Time>,
    /// The rest.
    pub event: Event<'a>,
}

/// The event that a line reports.
#[derive(PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// A call that has returned: its name, its arguments, and the text of its result.
    Call(&'a str, &'a str, &'a str),
    /// A call that goes on: its name and its arguments so far.
    Unfinished(&'a str, &'a str),
    /// The rest of a call that went on: its name, the rest of its arguments, and its result.
    Resumed(&'a str, &'a str, &'a str),
    /// A signal: its name, and what strace knows of it.
    Signal(&'a str, &'a str),
    /// The thread exited with this status.
    Exited(i32),
    /// A signal killed it.
    Killed(&'a str),
}

impl<'a> Line<'a> {
    /// Divides a line. `None`: it reports nothing that is known.
    pub fn parse(text: &'a str) -> Option<Line<'a>> {
        let (thread, rest) = thread(text.trim());
        let (time, rest) = time(rest);
        Some(Line { thread, time, event: event(decoration(rest))? })
    }
}

/// `1234 `, `[pid  1234] `.
fn thread(text: &str) -> (Option<u32>, &str) {
    let bracket = text.strip_prefix("[pid").and_then(|rest| rest.split_once(']'));
    let plain = || text.split_once(char::is_whitespace);
    match bracket.or_else(plain) {
        Some((id, rest)) => match id.trim().parse() {
            Ok(id) => (Some(id), rest.trim_start()),
            Err(_) => (None, text),
        },
        None => (None, text),
    }
}

/// `12:34:56`, `12:34:56.789`, `1700000000.123456`, `0.000123`, and `(+ 0.000123)` of newer versions.
fn time(text: &str) -> (Option<Time>, &str) {
    if let Some((span, rest)) = text.strip_prefix("(+").and_then(|rest| rest.split_once(')')) {
        return (micros(span.trim()).map(Time::After), rest.trim_start());
    }
    let Some((word, rest)) = text.split_once(char::is_whitespace) else { return (None, text) };
    let is_time = word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.');
    let mut parts = word.rsplit(':');
    let seconds = parts.next().and_then(micros);
    let mut whole = || parts.next().map(|part| part.parse::<u64>().ok());
    let time = match (is_time, seconds, whole(), whole()) {
        (true, Some(seconds), Some(Some(minutes)), Some(Some(hours))) => {
            Time::Since((hours * 3600 + minutes * 60) * 1_000_000 + seconds)
        }
        (true, Some(seconds), None, None) if seconds > YEARS => Time::Since(seconds),
        (true, Some(seconds), None, None) => Time::After(seconds),
        _ => return (None, text),
    };
    (Some(time), rest.trim_start())
}

/// Three years in microseconds: a larger number counts from 1970.
const YEARS: u64 = 100_000_000_000_000;

/// The microseconds of `SECONDS` or `SECONDS.FRACTION`.
fn micros(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000000".chars()).take(6).collect();
    Some(whole.parse::<u64>().ok()? * 1_000_000 + digits.parse::<u64>().ok()?)
}

/// Without the address (`-i`) or the number (`-n`) before a call.
fn decoration(text: &str) -> &str {
    let inner = text.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    match inner {
        Some((inner, rest)) if inner.bytes().all(|byte| byte.is_ascii_hexdigit() || b" ?".contains(&byte)) => rest,
        _ => text,
    }
}

fn event(text: &str) -> Option<Event<'_>> {
    if let Some(end) = text.strip_prefix("+++ ") {
        let end = end.trim_end_matches(" +++");
        if let Some(status) = end.strip_prefix("exited with ") {
            return Some(Event::Exited(status.parse().ok()?));
        }
        return Some(Event::Killed(end.strip_prefix("killed by ")?.split(' ').next()?));
    }
    if let Some(signal) = text.strip_prefix("--- ") {
        let (name, rest) = signal.split_once(' ')?;
        return name.starts_with("SIG").then_some(Event::Signal(name, rest));
    }
    if let Some(resumed) = text.strip_prefix("<... ") {
        let (name, rest) = resumed.split_once(" resumed>")?;
        let (arguments, result) = result(rest)?;
        return Some(Event::Resumed(name, arguments, result));
    }
    let (name, rest) = text.split_once('(')?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
        return None;
    }
    match rest.strip_suffix("<unfinished ...>") {
        Some(arguments) => Some(Event::Unfinished(name, arguments)),
        None => result(rest).map(|(arguments, result)| Event::Call(name, arguments, result)),
    }
}

/// The arguments and the result of `ARGUMENTS) = RESULT`.
fn result(text: &str) -> Option<(&str, &str)> {
    let (arguments, result) = text.rsplit_once(" = ")?;
    Some((arguments.trim_end().trim_end_matches(')'), result.trim()))
}

/// The end of a text that strace cut.
pub const CUT: char = '…';

/// The texts between quotation marks, without escapes: what is written in octal or after a backslash is decoded.
pub fn quoted(text: &str) -> Vec<String> {
    let (mut all, mut letters) = (vec![], text.chars().peekable());
    while let Some(letter) = letters.next() {
        if letter != '"' {
            continue;
        }
        let mut word = String::new();
        while let Some(letter) = letters.next() {
            match letter {
                '"' => {
                    // strace cuts long texts, unless `-s` is given.
                    if letters.clone().take(3).eq("...".chars()) {
                        word.push(CUT);
                    }
                    break;
                }
                '\\' => word.push(escaped(&mut letters)),
                other => word.push(other),
            }
        }
        all.push(word);
    }
    all
}

fn escaped(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> char {
    match letters.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some(digit) if digit.is_digit(8) => {
            let mut code = digit.to_digit(8).unwrap_or(0);
            for _ in 0..2 {
                let Some(next) = letters.peek().and_then(|next| next.to_digit(8)) else { break };
                code = code * 8 + next;
                letters.next();
            }
            char::from_u32(code).unwrap_or(' ')
        }
        Some(other) => other,
        None => '\\',
    }
}

/// The number at the beginning of a text.
pub fn number(text: &str) -> Option<u32> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    text.get(..digits)?.parse().ok()
}

/// The value of `NAME=` in the arguments of a call or in what is known of a signal.
pub fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let start = text.find(&format!("{name}="))? + name.len() + 1;
    let rest = text.get(start..)?;
    rest.get(..rest.find([',', '}', ')']).unwrap_or(rest.len()))
}
