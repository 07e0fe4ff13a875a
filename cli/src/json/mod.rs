//! The outputs of `--json`: one object on one line. The page `docs/json.md` lists them, and the schemas in `docs/json`
//! define them. Here are the parts that several commands share.
//!
//! Times are in milliseconds, except those of `probe`. Parts of a text that are not UTF-8 become U+FFFD.

mod condition;
mod happened;
mod job;
mod wait;

use std::borrow::Cow;
use std::io::{self, Write};

use serde::Serialize;
use uphold_core::control::why::Tenths;

pub use condition::Tree;
pub use happened::{End, Happened};
pub use job::Job;
pub use wait::Wait;

/// The version of the schemas. It grows when a field changes its meaning or goes.
const VERSION: u64 = 1;

/// An output with the version before it.
#[derive(Serialize)]
struct Versioned<T> {
    version: u64,
    #[serde(flatten)]
    output: T,
}

/// Prints an object on one line, with `--quiet` too: it was asked for.
///
/// # Errors
/// Writing fails.
pub fn print(out: &mut dyn Write, output: impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Versioned { version: VERSION, output })?;
    out.write_all(b"\n")
}

/// A text of the supervisor.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// A time.
pub fn milliseconds(Tenths(tenths): Tenths) -> u64 {
    u64::from(tenths) * 100
}
