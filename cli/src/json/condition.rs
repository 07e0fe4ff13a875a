//! Conditions (`start on`, `stop on`).

use std::borrow::Cow;

use serde::Serialize;

use super::text;
use crate::condition::{Condition, Connective, Event};

/// A condition: an event, or two conditions and their operator.
#[derive(Serialize)]
#[serde(untagged)]
#[allow(missing_docs)] // The schema describes each.
pub enum Tree<'a> {
    Event { event: Cow<'a, str>, arguments: Vec<Cow<'a, str>> },
    Operator { operator: &'static str, left: Box<Tree<'a>>, right: Box<Tree<'a>> },
}

impl<'a> From<&'a Condition> for Tree<'a> {
    fn from(condition: &'a Condition) -> Self {
        match condition {
            Condition::Event(Event { name, arguments }) => {
                Tree::Event { event: text(name), arguments: arguments.iter().map(|argument| text(argument)).collect() }
            }
            Condition::Binary(left, connective, right) => Tree::Operator {
                operator: match connective {
                    Connective::And => "and",
                    Connective::Or => "or",
                },
                left: Box::new(Tree::from(&**left)),
                right: Box::new(Tree::from(&**right)),
            },
        }
    }
}
