//! How replies are printed.

use crate::failure::{Failure, unreadable_list};
use std::io::{self, Write};
use uphold_core::bytes::Show;
use uphold_core::control::frame::PageReader;
use uphold_core::control::{Refusal, Reply};

/// The reply that a command expects, and its format in the output.
#[derive(Clone, Copy)]
pub enum ReplyFormat {
    /// No output.
    Nothing,
    /// The status of a job.
    Status,
    /// The statuses of all jobs, one page after the other.
    List,
    /// A text, unchanged.
    Text,
    /// The usage text of a job, after `Usage: `.
    Usage,
}

/// The text printed after an error message.
#[derive(Clone, Copy)]
pub enum ErrorHint {
    /// The usage text of the job, if a parameter is missing and there is such a text.
    ShowUsage,
    /// Nothing.
    Without,
}

/// Prints a reply. Returns the start of the next page, if there is one.
///
/// # Errors
/// The reply is a refusal, does not fit the request, or cannot be written.
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
        (_, other) => return Err(Failure::of(other)),
    }
    Ok(None)
}

/// The failure for a request that the supervisor refused.
pub fn refused(refusal: &Refusal<'_>, hint: ErrorHint) -> Failure {
    let hint = match (hint, refusal) {
        (ErrorHint::ShowUsage, Refusal::UnknownParameter { usage, .. }) if !usage.is_empty() => {
            Some(format!("Usage: {}", Show(usage)))
        }
        _ => None,
    };
    Failure::Message { text: refusal.to_string(), hint }
}

/// Prints a line without interpreting its bytes.
///
/// # Errors
/// Writing fails.
pub fn line(out: &mut dyn Write, before: &[u8], text: &[u8]) -> io::Result<()> {
    out.write_all(before)?;
    out.write_all(text)?;
    out.write_all(b"\n")
}
