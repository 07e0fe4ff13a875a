//! The parser: finds the row of each stanza, and reads the arguments according to the row's shape.

use core::ops::Range;

use super::condition;
use super::error::{ConfError, ErrorKind};
use super::stanza::{ConditionText, Stanza};
use super::table::{Shape, StanzaRow, stanza_rows};
use super::token::{Quotes, Scanner, Until};
use super::value::{Refusal, Value};
use crate::bytes::Strings;

/// Reads a job file, one stanza at a time (init(5), "Configuration file format").
///
/// A lending iterator: each stanza borrows its text from the file, and is rewritten there, so it must be used before
/// the next one is read.
pub struct Parser<'t> {
    scanner: Scanner<'t>,
    /// The line of the first zero byte, which no text file has.
    zero_byte: Option<u32>,
    /// The row of a stanza that may have more values on this line; each value is returned as a stanza of its own.
    more: Option<&'static StanzaRow>,
    /// Whether an error was found. Upstart gives up at the first one.
    done: bool,
}

impl<'t> Parser<'t> {
    /// A parser at the beginning of `text`, which is the whole file. Parsing overwrites it: words are unquoted in
    /// place.
    pub fn new(text: &'t mut [u8]) -> Self {
        let scanner = Scanner::new(text);
        Parser { zero_byte: scanner.zero_byte(), scanner, more: None, done: false }
    }

    /// The next stanza, the error that ends the parsing, or `None` at the end of the file. After an error the result is
    /// `None`.
    ///
    /// # Errors
    /// The file breaks a rule of init(5); the error says which, and on which line.
    #[allow(clippy::should_implement_trait)] // It lends, which no `Iterator` can.
    pub fn next(&mut self) -> Option<Result<Stanza<'_>, ConfError>> {
        if self.done {
            return None;
        }
        let stanza = match self.advance() {
            Ok(row) => read(&mut self.scanner, row?),
            Err(error) => Err(error),
        };
        self.done = stanza.is_err();
        Some(stanza)
    }

    /// Moves to the next stanza, and past the words that name it.
    fn advance(&mut self) -> Result<Option<&'static StanzaRow>, ConfError> {
        if let Some(line) = self.zero_byte {
            return Err(ConfError::at(line, ErrorKind::ZeroByte));
        }
        if let Some(row) = self.more.filter(|_| !self.scanner.at_line_end()) {
            return Ok(Some(row));
        }
        self.scanner.skip_indent();
        while self.scanner.at_line_end() {
            if self.scanner.peek().is_none() {
                return Ok(None);
            }
            self.scanner.skip_line();
            self.scanner.skip_indent();
        }
        self.scanner.begin();
        let row = find_row(&mut self.scanner)?;
        self.more = matches!(row.shape, Shape::Values(_)).then_some(row);
        Ok(Some(row))
    }
}

/// Reads the word that names the stanza, and the second one where several stanzas share the first.
fn find_row(scanner: &mut Scanner<'_>) -> Result<&'static StanzaRow, ConfError> {
    let first = scanner.token(Until::Blank)?;
    let named = stanza_rows().map(|row| row.words().0).find(|name| scanner.is_written(&first, name.as_bytes()));
    let Some(family) = named else { return Err(scanner.error(ErrorKind::UnknownStanza)) };
    let family = stanza_rows().filter(|row| row.words().0 == family);
    let alone = family.clone().find(|row| row.words().1.is_none());
    let pairs = family.filter_map(|row| Some((row.words().1?.as_bytes(), row)));
    match alone {
        Some(row) if pairs.clone().next().is_none() || scanner.at_line_end() => return Ok(row),
        None if scanner.at_line_end() => return Err(scanner.error(ErrorKind::ExpectedToken)),
        _ => {}
    }
    let mark = scanner.mark();
    let second = scanner.token(Until::Blank)?;
    // `oom 5`: where the first word alone takes an argument, the second word is read as one.
    let argument = alone.filter(|row| !matches!(row.shape, Shape::Nothing(_)));
    for (word, row) in pairs {
        let found = if argument.is_some() { scanner.means(&second, word) } else { scanner.is_written(&second, word) };
        // `instance limit`: a stanza of ours takes no line that Upstart accepts.
        let is_argument = argument.is_some() && row.is_ours() && scanner.at_line_end();
        if found && !is_argument {
            return Ok(row);
        }
    }
    let Some(row) = argument else { return Err(second.error(ErrorKind::UnknownStanza)) };
    scanner.go_back(mark);
    Ok(row)
}

/// Reads the arguments, to the end of the line or block. The next stanza is on a later line, so a reader may leave the
/// end of its line to be read.
fn read<'s>(scanner: &'s mut Scanner<'_>, row: &StanzaRow) -> Result<Stanza<'s>, ConfError> {
    match row.shape {
        Shape::Command(process) => {
            let place = command(scanner)?;
            Ok(Stanza::Exec(process, scanner.text(place)))
        }
        Shape::Script(process) => {
            scanner.end_line()?;
            let place = scanner.block()?;
            Ok(Stanza::Script(process, scanner.text(place)))
        }
        Shape::Condition(make) => {
            condition::read(scanner)?;
            Ok(make(ConditionText(scanner.rewritten())))
        }
        Shape::Word(make) => {
            let word = scanner.word()?;
            scanner.end_line()?;
            Ok(make(scanner.text(word.place)))
        }
        Shape::Words(most, make) => {
            words(scanner, most)?;
            scanner.end_line()?;
            Ok(make(Strings(scanner.rewritten())))
        }
        Shape::Value(value) => {
            let stanza = valued(scanner, value)?;
            scanner.end_line()?;
            Ok(stanza)
        }
        Shape::Tuple(read) => {
            let stanza = read(scanner)?;
            scanner.end_line()?;
            Ok(stanza)
        }
        Shape::Nothing(stanza) => scanner.end_line().map(|()| stanza),
        // The next call reads the rest of the line, or its end.
        Shape::Values(value) => valued(scanner, value),
        Shape::Unchecked(stanza) => Ok(stanza),
    }
}

/// Reads a command line. Quotes and backslashes stay, because the shell reads the line again.
fn command(scanner: &mut Scanner<'_>) -> Result<Range<usize>, ConfError> {
    let token = scanner.token(Until::LineEnd)?;
    Ok(scanner.unquote(&token, Quotes::Keep)?.place)
}

/// Reads words up to the end of the line, and ends each with a NUL. There is room for it: each word was preceded by a
/// blank.
fn words(scanner: &mut Scanner<'_>, most: usize) -> Result<(), ConfError> {
    for _ in 0..most {
        scanner.word()?;
        scanner.put(0)?;
        if scanner.at_line_end() {
            break;
        }
    }
    Ok(())
}

/// Reads one word and converts it with `value`.
fn valued(scanner: &mut Scanner<'_>, value: fn(&[u8]) -> Value) -> Result<Stanza<'static>, ConfError> {
    let word = scanner.word()?;
    value(scanner.text(word.place.clone())).map_err(|refusal| match refusal {
        Refusal::AtOnce(kind) => word.error(kind),
        Refusal::AtLineEnd(kind) => scanner.end_line().err().unwrap_or(word.error(kind)),
    })
}
