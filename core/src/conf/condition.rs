//! The conditions of `start on` and `stop on` (init(5), "Event definition").
//!
//! `and` and `or` bind equally and from the left, so one waiting operator a level is all that must be remembered, and the
//! postfix form can be written over the infix form while that is being read. It always fits: an event grows by three bytes,
//! less the one that separates it from the word before; an operator shrinks from at least three (with the byte before it)
//! to one, and a condition has one operator less than events. Two bytes more, that is, and `stop on` leaves seven.

use super::error::{ConfError, ErrorKind};
use super::stanza::{ConditionText, Operator};
use super::token::{Quotes, Scanner, Until};
use crate::bytes::Strings;
use crate::limits::NESTING;

/// What the condition has just had, and so what may follow.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Last {
    /// Nothing, `(`, `and` or `or`: an event or `(` must follow.
    Opening,
    /// An event, with or without arguments.
    Event {
        /// An argument had a name, so those after it must have one too.
        named: bool,
    },
    /// `)`.
    Group,
}

struct Reader<'s, 't> {
    scanner: &'s mut Scanner<'t>,
    last: Last,
    /// The operator that waits for what follows it, on this level.
    waiting: Option<u8>,
    /// The same for the levels around, outermost first.
    outer: heapless::Vec<Option<u8>, NESTING>,
    /// The line of the last word or parenthesis: one that misses something after it is named by it.
    line: u32,
}

/// Reads the condition that starts here; the scanner then holds its postfix form.
pub(super) fn read(scanner: &mut Scanner<'_>) -> Result<(), ConfError> {
    scanner.skip_blanks();
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
    /// Goes to the next word. Within parentheses that may be on the next line, but not on one further down: a line without
    /// a word misses one.
    fn goes_on(&mut self) -> bool {
        self.scanner.skip_blanks();
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
        self.waiting = waiting;
        self.last = Last::Group;
        self.apply()
    }

    fn word(&mut self) -> Result<(), ConfError> {
        if self.scanner.at_line_end() {
            return Err(self.scanner.error(ErrorKind::ExpectedToken));
        }
        let token = self.scanner.token(Until::Parenthesis)?;
        // Operators are recognised as they stand: `"and"` and `an\d` are events.
        let operator = match self.scanner.text(token.raw.clone()) {
            b"and" => Some(b'&'),
            b"or" => Some(b'|'),
            _ => None,
        };
        match (operator, self.last) {
            (Some(_), Last::Opening) => Err(token.error(ErrorKind::ExpectedEvent)),
            (Some(operator), _) => {
                self.end_event()?;
                self.waiting = Some(operator);
                self.last = Last::Opening;
                Ok(())
            }
            (None, Last::Group) => Err(token.error(ErrorKind::ExpectedOperator)),
            (None, Last::Opening) => {
                self.scanner.put_before(token.raw.start, b'e')?;
                self.scanner.unquote(&token, Quotes::Remove)?;
                self.last = Last::Event { named: false };
                self.scanner.put(0)
            }
            (None, Last::Event { named: before }) => {
                let word = self.scanner.unquote(&token, Quotes::Remove)?;
                let named = self.scanner.text(word.place).contains(&b'=');
                if before && !named {
                    return Err(token.error(ErrorKind::ExpectedVariable));
                }
                self.last = Last::Event { named };
                self.scanner.put(0)
            }
        }
    }

    /// Where an event has been read: its arguments are complete.
    fn end_event(&mut self) -> Result<(), ConfError> {
        if !matches!(self.last, Last::Event { .. }) {
            return Ok(());
        }
        self.scanner.put(0)?;
        self.apply()
    }

    /// Writes the operator that waited for what has just been written.
    fn apply(&mut self) -> Result<(), ConfError> {
        match self.waiting.take() {
            Some(operator) => self.scanner.put(operator),
            None => Ok(()),
        }
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
    /// The operators in postfix order; stops at the first byte that is no operator.
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
}

/// An event and what follows it: `NAME NUL (ARGUMENT NUL)* NUL`.
fn event(text: &[u8]) -> Option<(Operator<'_>, &[u8])> {
    let (name, list) = text.split_at_checked(text.iter().position(|&byte| byte == 0)?)?;
    let list = list.get(1..)?;
    // The list ends with an empty entry: at its very start, or behind the NUL of the last argument.
    let end = match list.first()? {
        0 => 0,
        _ => list.windows(2).position(|pair| pair == [0, 0])? + 1,
    };
    let (arguments, rest) = list.split_at_checked(end)?;
    Some((Operator::Event(name, Strings(arguments)), rest.get(1..)?))
}
