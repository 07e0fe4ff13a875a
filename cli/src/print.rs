//! Replies as lines.

use crate::failure::{Failure, unreadable_list};
use std::io::{self, Write};
use uphold_core::bytes::Show;
use uphold_core::control::frame::PageReader;
use uphold_core::control::{Refusal, Reply};

/// Which reply a command expects, and so how it is printed.
#[derive(Clone, Copy)]
pub enum ReplyFormat {
    /// Nothing to print.
    Nothing,
    /// A job's status.
    Status,
    /// The statuses of all jobs, page by page.
    List,
    /// A text as it is.
    Text,
    /// A job's usage text.
    Usage,
}

/// What follows an error.
#[derive(Clone, Copy)]
pub enum ErrorHint {
    /// When a parameter is missing: the job's usage text, if it has one.
    ShowUsage,
    /// Nothing.
    Without,
}

/// Prints a reply, or makes an error of it. The result is where the next page begins, if there is one.
///
/// # Errors
/// The reply is a refusal, or it cannot be written.
pub fn reply(
    out: &mut dyn Write,
    quiet: bool,
    format: ReplyFormat,
    hint: ErrorHint,
    reply: &Reply<'_>,
) -> Result<Option<u32>, Failure> {
    match (format, reply) {
        (_, Reply::Error(refusal)) => return Err(refused(refusal, hint)),
        (ReplyFormat::Nothing, Reply::Done) => {}
        (ReplyFormat::Status | ReplyFormat::Text | ReplyFormat::Usage, Reply::Job(_) | Reply::Text(_)) if quiet => {}
        (ReplyFormat::Status, Reply::Job(status)) => writeln!(out, "{status}")?,
        (ReplyFormat::Text, Reply::Text(text)) => line(out, b"", text)?,
        (ReplyFormat::Usage, Reply::Text(text)) => line(out, b"Usage: ", text)?,
        (ReplyFormat::List, Reply::Page { next, statuses }) => {
            for status in PageReader::new(statuses) {
                let status = status.map_err(unreadable_list)?;
                if !quiet {
                    writeln!(out, "{status}")?;
                }
            }
            return Ok(*next);
        }
        _ => return Err(Failure::unexpected_reply()),
    }
    Ok(None)
}

/// The supervisor refused.
fn refused(refusal: &Refusal<'_>, hint: ErrorHint) -> Failure {
    let hint = match (hint, refusal) {
        (ErrorHint::ShowUsage, Refusal::UnknownParameter { usage, .. }) if !usage.is_empty() => {
            Some(format!("Usage: {}", Show(usage)))
        }
        _ => None,
    };
    Failure::Message { text: refusal.to_string(), hint }
}

/// A text with its bytes as they are.
///
/// # Errors
/// What is printed cannot be written.
pub fn line(out: &mut dyn Write, before: &[u8], text: &[u8]) -> io::Result<()> {
    out.write_all(before)?;
    out.write_all(text)?;
    out.write_all(b"\n")
}
