//! Conditions: `start on` and `stop on`.

use std::fmt;

use super::glob;
use super::variables::Variables;

/// A condition: an event, or two conditions joined by `and` or `or`.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Condition {
    Event(Leaf),
    And(Box<Condition>, Box<Condition>),
    Or(Box<Condition>, Box<Condition>),
}

/// An event in a condition.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Leaf {
    pub event: &'static str,
    pub arguments: Vec<Argument>,
    /// The number of the event that made it true.
    pub held: Option<u32>,
}

/// A value that an event must have: of the variable in this place, or of the named one.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub struct Argument {
    pub key: Option<&'static str>,
    /// Whether the value must not match.
    pub unlike: bool,
    /// A pattern, or `$KEY` for a variable of the instance.
    pub value: &'static str,
}

impl Leaf {
    /// An event without arguments.
    pub fn new(event: &'static str) -> Leaf {
        Leaf { event, arguments: Vec::new(), held: None }
    }

    /// Whether an event of this name and with these variables is meant. `own` are the instance's variables.
    pub(super) fn matches(&self, name: &str, variables: &Variables, own: &Variables) -> bool {
        if self.event != name {
            return false;
        }
        let mut place = 0;
        for argument in &self.arguments {
            if let Some(key) = argument.key {
                place = variables.0.iter().position(|(known, _)| known == key).unwrap_or(usize::MAX);
            }
            let (Some((_, found)), Some(wanted)) = (variables.0.get(place), own.expand(argument.value)) else {
                return false;
            };
            if glob::matches(&wanted, found) == argument.unlike {
                return false;
            }
            place += 1;
        }
        true
    }
}

impl Condition {
    /// Whether it is true.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Condition::Event(leaf) => leaf.held.is_some(),
            Condition::And(left, right) => left.is_true() && right.is_true(),
            Condition::Or(left, right) => left.is_true() || right.is_true(),
        }
    }

    /// Its events, from left to right.
    pub(super) fn leaves(&mut self) -> Vec<&mut Leaf> {
        match self {
            Condition::Event(leaf) => vec![leaf],
            Condition::And(left, right) | Condition::Or(left, right) => {
                let mut all = left.leaves();
                all.extend(right.leaves());
                all
            }
        }
    }

    /// The numbers of the events that make it true, from left to right: those that hold no true part up are not among
    /// them.
    pub(super) fn causes(&self) -> Vec<u32> {
        match self {
            _ if !self.is_true() => Vec::new(),
            Condition::Event(leaf) => leaf.held.into_iter().collect(),
            Condition::And(left, right) | Condition::Or(left, right) => [left.causes(), right.causes()].concat(),
        }
    }
}

impl fmt::Display for Condition {
    /// `and` and `or` bind alike, from left to right.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (word, left, right) = match self {
            Condition::Event(leaf) => return leaf.fmt(f),
            Condition::And(left, right) => ("and", left, right),
            Condition::Or(left, right) => ("or", left, right),
        };
        match **right {
            Condition::Event(_) => write!(f, "{left} {word} {right}"),
            _ => write!(f, "{left} {word} ({right})"),
        }
    }
}

impl fmt::Display for Leaf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.event)?;
        for Argument { key, unlike, value } in &self.arguments {
            match (key, unlike) {
                (Some(key), false) => write!(f, " {key}={value}")?,
                (Some(key), true) => write!(f, " {key}!={value}")?,
                (None, _) => write!(f, " {value}")?,
            }
        }
        Ok(())
    }
}
