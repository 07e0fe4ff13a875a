//! Job files: the language of init(5).
//!
//! A file is read one stanza at a time, according to the table of [`stanza_rows`]; the only state is the position in
//! the file. `parser` moves from line to line, `token` reads words and script blocks, `condition` reads the conditions
//! of `start on` and `stop on`, and `value` reads numbers and keywords. [`expand`](expand()) and [`glob`](glob()) are
//! used later: for the name of an instance when a job is started, and for the arguments of a condition when an event is
//! matched.

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
pub use stanza::{ConditionText, Console, EMPTY_WORD, KillScope, Operator, Stanza};
pub use table::{Role, StanzaRow, stanza_rows};
