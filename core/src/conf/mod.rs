//! Job files: the language of init(5).
//!
//! A file is read one stanza at a time, according to the table in [`stanza`]; the only state is the position in the
//! file. `parser` moves from line to line, `token` reads words and script blocks, `condition` reads the conditions of
//! `start on` and `stop on`, and `value` reads numbers and keywords. [`expand`](expand()) and [`glob`](glob()) are used
//! later: for the name of an instance when a job is started, and for the arguments of a condition when an event is
//! matched.

mod condition;
mod error;
mod expand;
mod glob;
mod parser;
pub mod stanza;
mod token;
mod value;

pub use error::{ConfError, ErrorKind};
pub use expand::{ExpandError, expand};
pub use glob::glob;
pub use parser::Parser;
pub use stanza::{ConditionText, Console, Expect, Operator, Role, Row, Stanza, rows};
