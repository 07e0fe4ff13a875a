//! Arguments that are numbers or keywords (init(5)).
//!
//! Numbers are read as strtol(3) reads them: white space and a sign may precede them, and nothing may follow.

use core::ops::RangeInclusive;

use super::error::{ConfError, ErrorKind};
use super::stanza::{Console, KillScope, Stanza};
use super::token::Scanner;
use crate::expect::Expect;
use crate::signal::Signal;
use crate::spawn::Resource;

/// The stanza with its value, or the error in the word.
pub(super) type Value = Result<Stanza<'static>, Refusal>;

/// The error in a word, and when it is reported.
#[derive(Clone, Copy)]
pub(super) enum Refusal {
    /// Before the next word is read.
    AtOnce(ErrorKind),
    /// After every error on the line that Upstart reports, because Upstart accepts the word (see [`int`]).
    AtLineEnd(ErrorKind),
}

impl From<ErrorKind> for Refusal {
    fn from(kind: ErrorKind) -> Self {
        Refusal::AtOnce(kind)
    }
}

/// The largest number where Upstart stores an `int`.
const INT_MAX: i64 = i32::MAX as i64;

/// Sign (true if negative) and magnitude of a whole number. An empty word is 0, as in strtol(3).
fn number(word: &[u8], radix: u32) -> Option<(bool, u64)> {
    if word.is_empty() {
        return Some((false, 0));
    }
    let blanks = word.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
    let word = word.get(blanks..)?;
    let (negative, digits) = match word.split_first()? {
        (b'-', digits) => (true, digits),
        (b'+', digits) => (false, digits),
        _ => (false, word),
    };
    if digits.is_empty() {
        return None;
    }
    let magnitude = digits.iter().try_fold(0u64, |sum, &byte| {
        let digit = char::from(byte).to_digit(radix)?;
        sum.checked_mul(u64::from(radix))?.checked_add(u64::from(digit))
    })?;
    Some((negative, magnitude))
}

/// A whole number within a range.
fn within(word: &[u8], radix: u32, range: RangeInclusive<i64>) -> Option<i64> {
    let (negative, magnitude) = number(word, radix)?;
    let magnitude = i64::try_from(magnitude).ok()?;
    let value = if negative { magnitude.saturating_neg() } else { magnitude };
    range.contains(&value).then_some(value)
}

/// Like [`within`], in decimal, as any type of integer that can hold the range.
fn whole<T: TryFrom<i64>>(word: &[u8], range: RangeInclusive<i64>, otherwise: ErrorKind) -> Result<T, ErrorKind> {
    within(word, 10, range).and_then(|value| T::try_from(value).ok()).ok_or(otherwise)
}

/// A number in the place of an `int` of Upstart's, of which that keeps the lower 32 bits: `nice 4294967296` is 0 there.
/// Uphold refuses such a number.
fn int(kept: i32, is_whole: bool, range: RangeInclusive<i32>, otherwise: ErrorKind) -> Result<i32, Refusal> {
    match range.contains(&kept) {
        true if is_whole => Ok(kept),
        true => Err(Refusal::AtLineEnd(otherwise)),
        false => Err(Refusal::AtOnce(otherwise)),
    }
}

/// An [`int`] in decimal.
fn decimal(word: &[u8], range: RangeInclusive<i32>, otherwise: ErrorKind) -> Result<i32, Refusal> {
    let all = within(word, 10, i64::MIN..=i64::MAX).ok_or(otherwise)?;
    let kept = all as i32;
    int(kept, i64::from(kept) == all, range, otherwise)
}

/// `console none|output|owner|log`.
pub(super) fn console(word: &[u8]) -> Value {
    Ok(Stanza::Console(match word {
        b"none" => Console::None,
        b"output" => Console::Output,
        b"owner" => Console::Owner,
        b"log" => Console::Log,
        _ => return Err(ErrorKind::UnknownStanza.into()),
    }))
}

/// A number of seconds. As in Upstart it has up to 63 bits. A number of more than 32 stands for 136 years, which no
/// machine outlives.
fn seconds(word: &[u8]) -> Result<u32, ErrorKind> {
    let seconds: i64 = whole(word, 0..=i64::MAX, ErrorKind::IllegalInterval)?;
    Ok(u32::try_from(seconds).unwrap_or(u32::MAX))
}

/// `kill scope group|job`.
pub(super) fn kill_scope(word: &[u8]) -> Value {
    match word {
        b"group" => Ok(Stanza::KillScope(KillScope::Group)),
        b"job" => Ok(Stanza::KillScope(KillScope::Job)),
        _ => Err(ErrorKind::UnknownStanza.into()),
    }
}

/// `kill timeout SECONDS`.
pub(super) fn kill_timeout(word: &[u8]) -> Value {
    Ok(Stanza::KillTimeout(seconds(word)?))
}

/// `start timeout SECONDS`.
pub(super) fn start_timeout(word: &[u8]) -> Value {
    Ok(Stanza::StartTimeout(seconds(word)?))
}

/// `hook timeout SECONDS`.
pub(super) fn hook_timeout(word: &[u8]) -> Value {
    Ok(Stanza::HookTimeout(seconds(word)?))
}

/// `watchdog SECONDS`.
pub(super) fn watchdog(word: &[u8]) -> Value {
    Ok(Stanza::Watchdog(seconds(word)?))
}

/// `respawn retry SECONDS`.
pub(super) fn respawn_retry(word: &[u8]) -> Value {
    Ok(Stanza::RespawnRetry(seconds(word)?))
}

/// `instance limit COUNT`.
pub(super) fn instance_limit(word: &[u8]) -> Value {
    Ok(Stanza::InstanceLimit(whole(word, 1..=INT_MAX, ErrorKind::IllegalLimit)?))
}

/// A signal by name or number. As in Upstart, any number is accepted here, 0 too, and an invalid one fails when the
/// signal is sent. A number that is too large for a signal becomes 255, which no kernel knows.
fn signal(word: &[u8]) -> Result<Signal, ErrorKind> {
    if let Some(signal) = Signal::by_name(word) {
        return Ok(signal);
    }
    let number: i64 = whole(word, 0..=INT_MAX, ErrorKind::IllegalSignal)?;
    Ok(Signal(u8::try_from(number).unwrap_or(u8::MAX)))
}

/// `kill signal SIGNAL`.
pub(super) fn kill_signal(word: &[u8]) -> Value {
    Ok(Stanza::KillSignal(signal(word)?))
}

/// `reload signal SIGNAL`.
pub(super) fn reload_signal(word: &[u8]) -> Value {
    Ok(Stanza::ReloadSignal(signal(word)?))
}

/// One argument of `normal exit`: the name of a signal stands for the signal's number times 256, a number for an exit
/// status.
pub(super) fn normal_exit(word: &[u8]) -> Value {
    if let Some(Signal(number)) = Signal::by_name(word) {
        return Ok(Stanza::NormalExit(i32::from(number) << 8));
    }
    Ok(Stanza::NormalExit(whole(word, 0..=INT_MAX, ErrorKind::IllegalExit)?))
}

/// `umask MODE`, in octal.
pub(super) fn umask(word: &[u8]) -> Value {
    let (negative, magnitude) = number(word, 8).ok_or(ErrorKind::IllegalUmask)?;
    // As in strtoul(3), a sign counts down from the largest number.
    let all = if negative { magnitude.wrapping_neg() } else { magnitude };
    let mode = int(all as i32, i32::try_from(all).is_ok(), 0..=0o777, ErrorKind::IllegalUmask)?;
    u16::try_from(mode).map(Stanza::Umask).map_err(|_| ErrorKind::IllegalUmask.into())
}

/// `nice PRIORITY`.
pub(super) fn nice(word: &[u8]) -> Value {
    let nice = decimal(word, -20..=19, ErrorKind::IllegalNice)?;
    i8::try_from(nice).map(Stanza::Nice).map_err(|_| ErrorKind::IllegalNice.into())
}

/// `oom ADJUSTMENT|never`: the kernel's old scale of -17 to 15, converted to the new one (measured on Upstart 1.13.2).
pub(super) fn oom(word: &[u8]) -> Value {
    if word == b"never" {
        return Ok(Stanza::OomScore(-1000));
    }
    let old = decimal(word, -17..=15, ErrorKind::IllegalOom)?;
    let scaled = old.saturating_mul(1000);
    let new = if old < 0 { scaled / 17 } else { scaled / 15 };
    i16::try_from(new).map(Stanza::OomScore).map_err(|_| ErrorKind::IllegalOom.into())
}

/// `oom score SCORE|never`.
pub(super) fn oom_score(word: &[u8]) -> Value {
    if word == b"never" {
        return Ok(Stanza::OomScore(-1000));
    }
    let score = decimal(word, -1000..=1000, ErrorKind::IllegalOomScore)?;
    i16::try_from(score).map(Stanza::OomScore).map_err(|_| ErrorKind::IllegalOomScore.into())
}

/// Reads one argument and converts it to a value.
fn argument<T>(scanner: &mut Scanner<'_>, read: impl Fn(&[u8]) -> Result<T, ErrorKind>) -> Result<T, ConfError> {
    let word = scanner.word()?;
    read(scanner.text(word.place.clone())).map_err(|kind| word.error(kind))
}

/// `expect none|stop|fork|daemon|notify|auto`, or `expect fd NUMBER`.
pub(super) fn expect(scanner: &mut Scanner<'_>) -> Result<Stanza<'static>, ConfError> {
    let expect = argument(scanner, |word| {
        Ok(match word {
            b"none" => Expect::None,
            b"stop" => Expect::Stop,
            b"fork" => Expect::Fork,
            b"daemon" => Expect::Daemon,
            b"notify" => Expect::Notify,
            b"auto" => Expect::Auto,
            b"fd" => Expect::Descriptor,
            _ => return Err(ErrorKind::UnknownStanza),
        })
    })?;
    if expect != Expect::Descriptor {
        return Ok(Stanza::Expect(expect));
    }
    // Descriptors 0 to 2 are the standard ones; 1023 is the largest that a process may have by default (getrlimit(2)).
    argument(scanner, |word| whole(word, 3..=1023, ErrorKind::IllegalLimit)).map(Stanza::ReadyDescriptor)
}

/// `respawn limit COUNT INTERVAL` or `respawn limit unlimited`.
pub(super) fn respawn_limit(scanner: &mut Scanner<'_>) -> Result<Stanza<'static>, ConfError> {
    let line = scanner.line();
    let count = argument(scanner, |word| match word {
        b"unlimited" => Ok(None),
        _ => match decimal(word, 0..=i32::MAX, ErrorKind::IllegalLimit) {
            Ok(count) => Ok(Some(u32::try_from(count).map_err(|_| ErrorKind::IllegalLimit))),
            Err(Refusal::AtLineEnd(kind)) => Ok(Some(Err(kind))),
            Err(Refusal::AtOnce(kind)) => Err(kind),
        },
    })?;
    let Some(count) = count else { return Ok(Stanza::RespawnLimit { count: 0, interval: 0 }) };
    let interval = argument(scanner, seconds)?;
    match count {
        Ok(count) => Ok(Stanza::RespawnLimit { count, interval }),
        Err(kind) => Err(scanner.end_line().err().unwrap_or(ConfError::at(line, kind))),
    }
}

/// `respawn delay MIN [MAX]`: without MAX it does not grow.
pub(super) fn respawn_delay(scanner: &mut Scanner<'_>) -> Result<Stanza<'static>, ConfError> {
    let least = argument(scanner, seconds)?;
    if scanner.at_line_end() {
        return Ok(Stanza::RespawnDelay { least, most: least });
    }
    let most = argument(scanner, |word| match seconds(word)? {
        most if most < least => Err(ErrorKind::IllegalInterval),
        most => Ok(most),
    })?;
    Ok(Stanza::RespawnDelay { least, most })
}

/// `limit RESOURCE SOFT HARD`.
pub(super) fn limit(scanner: &mut Scanner<'_>) -> Result<Stanza<'static>, ConfError> {
    let resource = argument(scanner, |word| {
        let row = Resource::TABLE.iter().find(|(name, _)| name.as_bytes() == word);
        row.map(|&(_, resource)| resource).ok_or(ErrorKind::UnknownStanza)
    })?;
    let soft = argument(scanner, resource_limit)?;
    let hard = argument(scanner, resource_limit)?;
    Ok(Stanza::Limit(resource, soft, hard))
}

/// As in strtoul(3), -1 is the largest number, which means `unlimited` to the kernel.
fn resource_limit(word: &[u8]) -> Result<Option<u64>, ErrorKind> {
    if word == b"unlimited" {
        return Ok(None);
    }
    let (negative, magnitude) = number(word, 10).ok_or(ErrorKind::IllegalLimit)?;
    let value = if negative { magnitude.wrapping_neg() } else { magnitude };
    Ok((value != u64::MAX).then_some(value))
}
