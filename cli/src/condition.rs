//! Conditions (`start on`, `stop on`), for `show-config` and `check-config`.

use uphold_core::bytes::Strings;
use uphold_core::conf::{ConditionText, Operator};

/// A condition as a tree. The events are in the order of the file.
pub enum Condition {
    /// An event.
    Event(Event),
    /// Two conditions and the operator between them.
    Binary(Box<Condition>, Connective, Box<Condition>),
}

/// The operator between two conditions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Connective {
    /// `and`
    And,
    /// `or`
    Or,
}

/// An event of a condition.
pub struct Event {
    /// The name of the event.
    pub name: Vec<u8>,
    /// The arguments after the name.
    pub arguments: Vec<Vec<u8>>,
}

impl Event {
    fn new(name: &[u8], arguments: Strings<'_>) -> Self {
        Event { name: name.to_vec(), arguments: arguments.iter().map(<[u8]>::to_vec).collect() }
    }

    /// Whether the event is one of the four of a job: starting, started, stopping, stopped.
    pub fn is_of_a_job(&self) -> bool {
        matches!(&self.name[..], b"starting" | b"started" | b"stopping" | b"stopped")
    }

    /// The job that emits the event, if it is an event of a job, and the other arguments. The job is the first
    /// argument, if that is a bare name, or any argument `JOB=NAME`.
    pub fn job(&self) -> (Option<&[u8]>, Vec<&[u8]>) {
        let mut rest: Vec<&[u8]> = self.arguments.iter().map(Vec::as_slice).collect();
        let named = |word: &&[u8]| word.starts_with(b"JOB=");
        let at = match rest.first().filter(|_| self.is_of_a_job()) {
            Some(first) if !first.contains(&b'=') => Some(0),
            Some(_) => rest.iter().position(named),
            None => None,
        };
        let job = at.map(|at| rest.remove(at));
        (job.map(|word| word.strip_prefix(b"JOB=").unwrap_or(word)), rest)
    }

    /// The form of a job file.
    pub fn text(&self) -> Vec<u8> {
        let mut text = self.name.clone();
        append(&mut text, self.arguments.iter().map(Vec::as_slice));
        text
    }

    /// The form of `show-config --enumerate`: `NAME (job: JOB, env: ARGUMENTS)`.
    pub fn enumerated(&self) -> Vec<u8> {
        let (job, arguments) = self.job();
        let mut text = self.name.clone();
        text.extend_from_slice(b" (job:");
        if let Some(word) = job {
            text.push(b' ');
            text.extend_from_slice(word);
        }
        text.extend_from_slice(b", env:");
        append(&mut text, arguments);
        text.push(b')');
        text
    }
}

impl Condition {
    /// Decodes the postfix form of the control protocol. The inner `None` stands for no condition, the outer one for
    /// bytes that cannot be decoded.
    pub fn read(text: &[u8]) -> Option<Option<Self>> {
        let mut stack = Vec::new();
        for operator in ConditionText(text).operators() {
            let connective = match operator {
                Operator::Event(name, arguments) => {
                    stack.push(Condition::Event(Event::new(name, arguments)));
                    continue;
                }
                Operator::And => Connective::And,
                Operator::Or => Connective::Or,
            };
            let right = Box::new(stack.pop()?);
            let left = Box::new(stack.pop()?);
            stack.push(Condition::Binary(left, connective, right));
        }
        match stack.len() {
            // The iterator ends at bytes that are not an operator, so text may be left.
            0 if text.is_empty() => Some(None),
            1 => Some(stack.pop()),
            _ => None,
        }
    }

    /// The form of a job file, with parentheses around each `and` and `or`.
    pub fn infix(&self) -> Vec<u8> {
        let mut text = Vec::new();
        self.write(&mut text);
        text
    }

    fn write(&self, text: &mut Vec<u8>) {
        match self {
            Condition::Event(event) => text.extend_from_slice(&event.text()),
            Condition::Binary(left, connective, right) => {
                text.push(b'(');
                left.write(text);
                text.extend_from_slice(if *connective == Connective::And { b" and " } else { b" or " });
                right.write(text);
                text.push(b')');
            }
        }
    }

    /// The events, in the order of the file.
    pub fn events(&self) -> Vec<&Event> {
        match self {
            Condition::Event(event) => vec![event],
            Condition::Binary(left, _, right) => [left.events(), right.events()].concat(),
        }
    }
}

fn append<'a>(text: &mut Vec<u8>, words: impl IntoIterator<Item = &'a [u8]>) {
    for word in words {
        text.push(b' ');
        text.extend_from_slice(word);
    }
}
