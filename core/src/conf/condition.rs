//! The conditions of `start on` and `stop on` (init(5), "Event definition").
//!
//! `and` and `or` have the same precedence and associate to the left, so only one pending operator per level has to be
//! remembered, and the postfix form can be written over the infix form while that is being read. It always fits. An
//! event grows by three bytes, less the one that separates it from the preceding word. An operator shrinks from at
//! least three bytes (with the byte before it) to one, and a condition has one operator fewer than it has events. The
//! postfix form is therefore at most two bytes longer, and the words `stop on` leave room for seven.

use super::error::{ConfError, ErrorKind};
use super::stanza::{ConditionText, EMPTY_WORD, Operator};
use super::token::{Quotes, Scanner, Until};
use crate::bytes::Strings;
use crate::limits::NESTING;

/// The last item that was read, which determines what may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing, `(`, `and` or `or`: an event or `(` must follow.
    Opening,
    /// An event, with or without arguments.
    Event {
        /// Whether an argument had a name: if so, those after it must have one too.
        named: bool,
        /// Whether an operator is missing before the event. As in Upstart this is an error at the end of the event
        /// only, so that errors in its arguments come first.
        misplaced: bool,
    },
    /// `)`.
    Group,
}

struct Reader<'s, 't> {
    scanner: &'s mut Scanner<'t>,
    last: Last,
    /// The operator on this level whose right operand has not been read yet.
    waiting: Option<u8>,
    /// The pending operators of the enclosing levels, outermost first.
    outer: heapless::Vec<Option<u8>, NESTING>,
    /// The line of the last word or parenthesis; an error about something missing after it reports this line.
    line: u32,
}

/// Reads the condition at the scanner's position, and leaves its postfix form in the scanner.
pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<(), ConfError> {
    if scanner.at_line_end() {
        return Err(scanner.error(ErrorKind::ExpectedToken));
    }
    let line = scanner.line();
    let mut reader = Reader { scanner, last: Last::Opening, waiting: None, outer: heapless::Vec::new(), line };
    while reader.goes_on() {
        reader.step()?;
    }
    reader.finish()
}

impl Reader<'_, '_> {
    /// Moves to the next word; false at the end of the condition. Within parentheses the word may be on the next line,
    /// but not on one further down: a line without a word is an error.
    fn goes_on(&mut self) -> bool {
        if !self.scanner.at_line_end() {
            return true;
        }
        if self.outer.is_empty() {
            return false;
        }
        self.scanner.skip_line();
        let more = self.scanner.peek().is_some();
        self.scanner.skip_blanks();
        more
    }

    fn step(&mut self) -> Result<(), ConfError> {
        self.line = self.scanner.line();
        match self.scanner.peek() {
            Some(b'(') => self.open(),
            Some(b')') => self.close(),
            _ => self.word(),
        }
    }

    fn open(&mut self) -> Result<(), ConfError> {
        if self.last != Last::Opening {
            return Err(self.scanner.error(ErrorKind::ExpectedOperator));
        }
        if self.outer.push(self.waiting.take()).is_err() {
            return Err(self.scanner.error(ErrorKind::NestedTooDeep));
        }
        self.scanner.step();
        self.scanner.skip_blanks();
        Ok(())
    }

    fn close(&mut self) -> Result<(), ConfError> {
        if self.last == Last::Opening {
            return Err(self.scanner.error(ErrorKind::ExpectedEvent));
        }
        self.end_event()?;
        let Some(waiting) = self.outer.pop() else {
            return Err(self.scanner.error(ErrorKind::MismatchedParentheses));
        };
        self.scanner.step();
        self.scanner.skip_blanks();
        self.waiting = waiting;
        self.last = Last::Group;
        self.apply()
    }

    fn word(&mut self) -> Result<(), ConfError> {
        // Where the line ends the token is empty, which `unquote` refuses.
        let token = self.scanner.token(Until::Parenthesis)?;
        let operators: [(&[u8], u8); 2] = [(b"and", b'&'), (b"or", b'|')];
        let operator = operators.into_iter().find(|(word, _)| self.scanner.is_written(&token, word));
        match (operator, self.last) {
            (Some(_), Last::Opening) => Err(token.error(ErrorKind::ExpectedEvent)),
            (Some((_, operator)), _) => {
                self.end_event()?;
                self.waiting = Some(operator);
                self.last = Last::Opening;
                Ok(())
            }
            (None, Last::Opening | Last::Group) => {
                self.scanner.put_before(token.raw.start, b'e')?;
                self.scanner.unquote(&token, Quotes::Remove)?;
                self.last = Last::Event { named: false, misplaced: self.last == Last::Group };
                self.scanner.put(0)
            }
            (None, Last::Event { named: before, misplaced }) => {
                let word = self.scanner.unquote(&token, Quotes::Remove)?;
                if word.place.is_empty() {
                    EMPTY_WORD.iter().try_for_each(|&byte| self.scanner.put(byte))?;
                }
                let named = self.scanner.text(word.place).contains(&b'=');
                if before && !named {
                    return Err(self.scanner.error(ErrorKind::ExpectedVariable));
                }
                self.last = Last::Event { named, misplaced };
                self.scanner.put(0)
            }
        }
    }

    /// Ends the arguments of an event, if an event was read last.
    fn end_event(&mut self) -> Result<(), ConfError> {
        match self.last {
            Last::Event { misplaced: true, .. } => Err(ConfError::at(self.line, ErrorKind::ExpectedOperator)),
            Last::Event { .. } => {
                self.scanner.put(0)?;
                self.apply()
            }
            _ => Ok(()),
        }
    }

    /// Writes the pending operator after its right operand, which has just been written.
    fn apply(&mut self) -> Result<(), ConfError> {
        // The next operand has another operator before it, so this one is not read again.
        self.waiting.map_or(Ok(()), |operator| self.scanner.put(operator))
    }

    fn finish(mut self) -> Result<(), ConfError> {
        if self.last == Last::Opening {
            return Err(ConfError::at(self.line, ErrorKind::ExpectedEvent));
        }
        self.end_event()?;
        if !self.outer.is_empty() {
            return Err(self.scanner.error(ErrorKind::MismatchedParentheses));
        }
        Ok(())
    }
}

impl<'t> ConditionText<'t> {
    /// The operators in postfix order, up to the first byte that is not an operator.
    pub fn operators(self) -> impl Iterator<Item = Operator<'t>> + Clone {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (&tag, after) = rest.split_first()?;
            let (operator, after) = match tag {
                b'&' => (Operator::And, after),
                b'|' => (Operator::Or, after),
                b'e' => event(after)?,
                _ => return None,
            };
            rest = after;
            Some(operator)
        })
    }

    /// Whether the text is a whole condition, or empty: every operator has its operands, and nothing follows.
    pub(crate) fn is_well_formed(self) -> bool {
        let (mut values, mut read): (usize, usize) = (0, 0);
        for operator in self.operators() {
            let (taken, length) = match operator {
                Operator::And | Operator::Or => (2, 1),
                Operator::Event(name, Strings(arguments)) => {
                    (0, name.len().saturating_add(arguments.len()).saturating_add("e\0\0".len()))
                }
            };
            let Some(left) = values.checked_sub(taken) else { return false };
            (values, read) = (left.saturating_add(1), read.saturating_add(length));
        }
        values == usize::from(!self.0.is_empty()) && read == self.0.len()
    }
}

/// Splits an event, `NAME NUL (ARGUMENT NUL)* NUL`, from the text that follows it.
fn event(text: &[u8]) -> Option<(Operator<'_>, &[u8])> {
    let (name, list) = text.split_at_checked(text.iter().position(|&byte| byte == 0)?)?;
    let list = list.get(1..)?;
    // An empty entry ends the list: at its very start, or after the NUL of the last argument.
    let end = match list.first()? {
        0 => 0,
        _ => list.windows(2).position(|pair| pair == [0, 0])?.saturating_add(1),
    };
    let (arguments, rest) = list.split_at_checked(end)?;
    Some((Operator::Event(name, Strings(arguments)), rest.get(1..)?))
}
