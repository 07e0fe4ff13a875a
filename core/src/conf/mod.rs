//! Job files: the language of init(5).
//!
//! A file is read one stanza at a time, by the table of [`rows`]; nothing is kept but the place where the reading
//! stands. `parser` goes from line to line, `token` reads words and script blocks, `condition` what follows `start on` and
//! `stop on`, `value` numbers and the like. [`expand`](expand()) and [`glob`](glob()) are for later: for the name of an
//! instance when a job is started, and for the arguments of a condition when an event is matched.

mod condition;
mod error;
mod expand;
mod glob;
mod parser;
mod stanza;
mod table;
mod token;
mod value;

pub use error::{ConfError, ErrorKind};
pub use expand::{ExpandError, expand};
pub use glob::glob;
pub use parser::Parser;
pub use stanza::{ConditionText, Console, Operator, Stanza};
pub use table::{Role, Row, rows};
