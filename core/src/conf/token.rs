//! Words, lines and script blocks of a job file (init(5), "Configuration file format").
//!
//! A word has two readings, and both are Upstart's (measured on 1.13.2). As it is written, quotes and all, it is
//! compared with the names that the language knows: stanzas, their second words, `and` and `or`. Unquoted it is an
//! argument. Behind each word the scanner moves on, over blanks and escaped line ends, to the next word or to the end
//! of the line. An error about a stanza's name, or about a word that is missing or out of place, is on the line that
//! was reached then. An error about a second word or a value is on the line on which that word starts.
//!
//! Everything is rewritten in place. A stanza never needs more room than its text in the file, so its words are
//! unquoted to the left, over the stanza's own beginning, and the stanza borrows them from there.

use core::ops::Range;

use super::error::{ConfError, ErrorKind};

/// The bytes that end a word outside quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// A blank, a comment or the end of the line (for arguments).
    Blank,
    /// As `Blank`, or a parenthesis (for conditions).
    Parenthesis,
    /// A comment or the end of the line (for command lines).
    LineEnd,
}

impl Until {
    fn stops(self, byte: u8) -> bool {
        match byte {
            b'#' | b'\n' => true,
            b'(' | b')' => self == Until::Parenthesis,
            _ => self != Until::LineEnd && is_blank(byte),
        }
    }
}

/// Whether quotes and backslashes stay in a word. As in Upstart they do in command lines, which the shell reads again.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Quotes {
    Keep,
    Remove,
}

/// Whether the byte is a blank. A carriage return is one, so files with DOS line ends work.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

/// A word as it is in the file, and the line on which it starts.
pub(super) struct Token {
    pub(super) raw: Range<usize>,
    pub(super) line: u32,
    /// Whether it contains an escaped line end, or is followed by one at once. A word of nothing but quotes counts as
    /// missing without one, and as an empty word with one (measured on Upstart 1.13.2).
    escaped_end: bool,
}

impl Token {
    pub(super) fn error(&self, kind: ErrorKind) -> ConfError {
        ConfError::at(self.line, kind)
    }
}

/// A word after unquoting: its place in the rewritten text, and its line in the file.
pub(super) struct Word {
    pub(super) place: Range<usize>,
    line: u32,
}

impl Word {
    pub(super) fn error(&self, kind: ErrorKind) -> ConfError {
        ConfError::at(self.line, kind)
    }
}

/// A reading position to return to.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    at: usize,
    line: u32,
}

/// The file, the reading position, and the extent of the rewritten text.
pub(super) struct Scanner<'t> {
    bytes: &'t mut [u8],
    at: usize,
    line: u32,
    /// The start of the current stanza's rewritten text.
    begun: usize,
    /// The end of that text so far; never beyond `at`.
    written: usize,
}

impl<'t> Scanner<'t> {
    pub(super) fn new(bytes: &'t mut [u8]) -> Self {
        Scanner { bytes, at: 0, line: 1, begun: 0, written: 0 }
    }

    pub(super) fn error(&self, kind: ErrorKind) -> ConfError {
        ConfError::at(self.line, kind)
    }

    /// The current line, counted from 1.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// A piece of the file, or of the rewritten text.
    pub(super) fn text(&self, place: Range<usize>) -> &[u8] {
        self.bytes.get(place).unwrap_or_default()
    }

    /// The line of the first zero byte.
    pub(super) fn zero_byte(&self) -> Option<u32> {
        let at = self.bytes.iter().position(|&byte| byte == 0)?;
        let lines = self.text(0..at).iter().filter(|&&byte| byte == b'\n').count();
        Some(u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1))
    }

    /// Moves past one byte of any kind.
    pub(super) fn step(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line = self.line.saturating_add(1);
        }
        self.at = self.at.saturating_add(1).min(self.bytes.len());
    }

    fn is_continuation(&self, at: usize) -> bool {
        self.byte(at) == Some(b'\\') && self.byte(at.saturating_add(1)) == Some(b'\n')
    }

    /// Skips the blanks at the start of a line. An escaped line end is not skipped there: it is the start of a word.
    pub(super) fn skip_indent(&mut self) {
        self.at = self.blanks_from(self.at).end;
    }

    /// Skips blanks and escaped line ends.
    pub(super) fn skip_blanks(&mut self) {
        loop {
            if self.is_continuation(self.at) {
                self.step();
            } else if !self.peek().is_some_and(is_blank) {
                return;
            }
            self.step();
        }
    }

    /// Whether nothing but a comment follows on this line.
    pub(super) fn at_line_end(&self) -> bool {
        matches!(self.peek(), None | Some(b'#' | b'\n'))
    }

    /// Moves to the next line. It is an error if anything but a comment is left on this one.
    pub(super) fn end_line(&mut self) -> Result<(), ConfError> {
        if !self.at_line_end() {
            return Err(self.error(ErrorKind::UnexpectedToken));
        }
        self.skip_line();
        Ok(())
    }

    /// Moves to the next line, and ignores the rest of this one.
    pub(super) fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.step();
        }
        self.step();
    }

    /// Starts a stanza: its text is rewritten from here on.
    pub(super) fn begin(&mut self) {
        self.begun = self.at;
        self.written = self.at;
    }

    /// The rewritten text of the current stanza.
    pub(super) fn rewritten(&self) -> &[u8] {
        self.text(self.begun..self.written)
    }

    /// The reading position, for [`Scanner::go_back`].
    pub(super) fn mark(&self) -> Mark {
        Mark { at: self.at, line: self.line }
    }

    pub(super) fn go_back(&mut self, mark: Mark) {
        self.at = mark.at;
        self.line = mark.line;
    }

    /// Reads the word that starts here without unquoting it, and moves on to what follows it. Trailing blanks and
    /// escaped line ends are not part of it.
    pub(super) fn token(&mut self, until: Until) -> Result<Token, ConfError> {
        let (mut raw, line, mut escaped_end) = (self.at..self.at, self.line, false);
        let mut quote = None;
        while let Some(byte) = self.peek() {
            let mut solid = quote.is_some() || !is_blank(byte);
            match byte {
                b'\\' if self.is_continuation(self.at) => {
                    self.step();
                    (solid, escaped_end) = (false, true);
                }
                b'\\' => self.step(),
                b'"' | b'\'' if quote.is_none() => quote = Some(byte),
                _ if quote == Some(byte) => quote = None,
                _ if quote.is_none() && until.stops(byte) => break,
                _ => {}
            }
            if self.peek().is_none() {
                return Err(self.error(ErrorKind::TrailingSlash));
            }
            self.step();
            if solid {
                raw.end = self.at;
            }
        }
        if quote.is_some() {
            return Err(self.error(ErrorKind::UnterminatedQuote));
        }
        self.skip_blanks();
        Ok(Token { raw, line, escaped_end })
    }

    /// Whether the token, as it is written, equals the word.
    pub(super) fn is_written(&self, token: &Token, word: &[u8]) -> bool {
        self.text(token.raw.clone()) == word
    }

    /// Whether the token, unquoted, equals the word.
    pub(super) fn means(&self, token: &Token, word: &[u8]) -> bool {
        let mut unquote = Unquote::new(token, Quotes::Remove);
        word.iter().all(|&byte| unquote.next(self.bytes) == Some(byte)) && unquote.next(self.bytes).is_none()
    }

    /// Appends the unquoted word to the rewritten text. A word that consists of nothing but quotes counts as missing
    /// (but see [`Token`]).
    pub(super) fn unquote(&mut self, token: &Token, quotes: Quotes) -> Result<Word, ConfError> {
        let start = self.written;
        let mut unquote = Unquote::new(token, quotes);
        while let Some(byte) = unquote.next(self.bytes) {
            self.put_before(unquote.at, byte)?;
        }
        if self.written == start && !token.escaped_end {
            return Err(self.error(ErrorKind::ExpectedToken));
        }
        Ok(Word { place: start..self.written, line: token.line })
    }

    /// Reads the next argument of the line, and unquotes it. At the end of the line there is an empty one, which is an
    /// error.
    pub(super) fn word(&mut self) -> Result<Word, ConfError> {
        let token = self.token(Until::Blank)?;
        self.unquote(&token, Quotes::Remove)
    }

    /// Appends one byte to the rewritten text.
    pub(super) fn put(&mut self, byte: u8) -> Result<(), ConfError> {
        self.put_before(self.at, byte)
    }

    /// Appends one byte to the rewritten text, which must stay before `limit`: the bytes up to there have been read.
    pub(super) fn put_before(&mut self, limit: usize, byte: u8) -> Result<(), ConfError> {
        let room = self.bytes.get_mut(self.written..limit).and_then(<[u8]>::first_mut);
        let Some(place) = room else { return Err(self.error(ErrorKind::NoRoom)) };
        *place = byte;
        self.written = self.written.saturating_add(1);
        Ok(())
    }

    /// Reads the lines up to `end script`, and removes the leading white space that all of them share.
    ///
    /// Quotes have no meaning here. A line without text is compared like any other, so an empty line leaves no shared
    /// white space.
    pub(super) fn block(&mut self) -> Result<Range<usize>, ConfError> {
        let body = self.at;
        let mut indent: Option<Range<usize>> = None;
        while !self.at_block_end() {
            if self.peek().is_none() {
                return Err(self.error(ErrorKind::UnterminatedBlock));
            }
            let blanks = self.blanks_from(self.at);
            indent = Some(match indent {
                None => blanks,
                Some(common) => self.common(common, blanks),
            });
            self.skip_line();
        }
        let end = self.at;
        self.skip_line();
        self.outdent(body..end, indent.unwrap_or_default().len())
    }

    fn outdent(&mut self, body: Range<usize>, indent: usize) -> Result<Range<usize>, ConfError> {
        let start = self.written;
        let mut from = body.start;
        while from < body.end {
            from = from.saturating_add(self.blanks_from(from).len().min(indent));
            while let Some(byte) = self.byte(from) {
                from = from.saturating_add(1);
                self.put_before(from, byte)?;
                if byte == b'\n' {
                    break;
                }
            }
        }
        Ok(start..self.written)
    }

    fn blanks_from(&self, at: usize) -> Range<usize> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        at..at.saturating_add(rest.iter().take_while(|&&byte| is_blank(byte)).count())
    }

    /// The common prefix of `first` and `second`, as a part of `first`.
    fn common(&self, first: Range<usize>, second: Range<usize>) -> Range<usize> {
        let pairs = self.text(first.clone()).iter().zip(self.text(second));
        first.start..first.start.saturating_add(pairs.take_while(|(a, b)| a == b).count())
    }

    /// Whether this line is `end script`, apart from a comment.
    fn at_block_end(&self) -> bool {
        let line = self.bytes.get(self.blanks_from(self.at).end..).unwrap_or_default();
        let [b'e', b'n', b'd', rest @ ..] = line else { return false };
        let gap = rest.iter().take_while(|&&byte| is_blank(byte)).count();
        let Some([b's', b'c', b'r', b'i', b'p', b't', rest @ ..]) = rest.get(gap..) else { return false };
        gap > 0 && matches!(rest.iter().find(|&&byte| !is_blank(byte)), None | Some(b'#' | b'\n'))
    }
}

/// Yields the bytes of a word one by one, without quotes and without the backslashes that precede backslashes or
/// blanks. A line break becomes one space, together with the white space around it.
struct Unquote {
    at: usize,
    end: usize,
    quotes: Quotes,
    open: Option<u8>,
    escaped: bool,
    /// The end of the white space that is known to contain no line break.
    unbroken: usize,
}

impl Unquote {
    fn new(token: &Token, quotes: Quotes) -> Self {
        Unquote { at: token.raw.start, end: token.raw.end, quotes, open: None, escaped: false, unbroken: 0 }
    }

    fn next(&mut self, bytes: &[u8]) -> Option<u8> {
        let bytes = bytes.get(..self.end)?;
        loop {
            let byte = *bytes.get(self.at)?;
            if !self.escaped && self.at >= self.unbroken {
                let (end, broken) = white_space(bytes, self.at);
                if broken {
                    self.at = end;
                    return Some(b' ');
                }
                self.unbroken = end;
            }
            self.at = self.at.saturating_add(1);
            let mark = !self.escaped && self.is_mark(byte);
            self.escaped = mark && byte == b'\\';
            // A backslash removes the special meaning of the next byte. It is itself removed only before another one or
            // a blank.
            let stays = self.escaped && !bytes.get(self.at).is_some_and(|&next| next == b'\\' || is_blank(next));
            if !mark || stays || self.quotes == Quotes::Keep {
                return Some(byte);
            }
        }
    }

    /// Whether this byte is a backslash, or opens or closes quotes; keeps track of the open quotes.
    fn is_mark(&mut self, byte: u8) -> bool {
        match (byte, self.open) {
            (b'\\', _) => true,
            (b'"' | b'\'', None) => {
                self.open = Some(byte);
                true
            }
            (_, Some(open)) if open == byte => {
                self.open = None;
                true
            }
            _ => false,
        }
    }
}

/// The end of the white space that starts at `at`, and whether it contains a line break.
fn white_space(bytes: &[u8], mut at: usize) -> (usize, bool) {
    let mut broken = false;
    loop {
        match bytes.get(at..) {
            Some([b'\\', b'\n', ..]) => at = at.saturating_add(2),
            Some([b'\n', ..]) => at = at.saturating_add(1),
            Some([byte, ..]) if is_blank(*byte) => {
                at = at.saturating_add(1);
                continue;
            }
            _ => return (at, broken),
        }
        broken = true;
    }
}
