//! `initctl log`: the output of a job, wherever its file is; without a job, the messages of the supervisor.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use super::answer::{ask, decode};
use super::messages;
use super::output::{BLOCK, start_of_last};
use crate::context::Context;
use crate::failure::{Failure, error_text};

/// The lines that are printed without `--lines`.
const LINES: usize = 10;

/// The pause between two looks at the file.
const PAUSE: Duration = Duration::from_millis(200);

/// `log`: prints the end of a job's output, or the supervisor's last messages, and with `--follow` what comes.
///
/// # Errors
/// The supervisor cannot be reached or refuses the request, or the output is in no file that can be read.
pub fn log(context: &mut Context<'_>) -> Result<(), Failure> {
    let lines = match &context.options.lines {
        None => LINES,
        Some(text) => text
            .to_str()
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| context.usage_error(format_args!("not a number of lines: {}", text.to_string_lossy())))?,
    };
    if context.invocation.first().or(context.invocation.own_job()).is_none() {
        return messages::print(context, lines);
    }
    let (target, _) = context.invocation.target(context.options).map_err(|missing| context.usage_error(missing))?;
    let bytes = ask(&mut context.connect()?, target)?;
    let why = decode(&bytes)?;
    let job = uphold_core::bytes::Show(why.status.job);
    if why.log.is_empty() {
        let why = format!("{job} has no log: {job}.conf needs `console log', or the supervisor runs with --no-log");
        return Err(Failure::new(why));
    }
    let path = Path::new(OsStr::from_bytes(why.log));
    let unreadable = |error: io::Error| Failure::new(format_args!("{}: {}", path.display(), error_text(&error)));
    match File::open(path) {
        Ok(file) => {
            let from = start_of_last(&file, lines, u64::MAX).map_err(unreadable)?;
            let to = print_from(&file, from, context.out)?;
            if context.options.follow { follow(path, file, to, context.out) } else { Ok(()) }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound && !context.options.follow => {
            Err(Failure::new(format_args!("{job} has written nothing yet: there is no {}", path.display())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => follow(path, await_file(path), 0, context.out),
        Err(error) => Err(unreadable(error)),
    }
}

/// Prints a file from a place on. Returns the place of its end.
fn print_from(mut file: &File, from: u64, out: &mut dyn Write) -> Result<u64, Failure> {
    file.seek(SeekFrom::Start(from))?;
    let mut block = [0; BLOCK];
    let mut at = from;
    loop {
        match file.read(&mut block)? {
            0 => break,
            count => {
                out.write_all(&block[..count])?;
                at += count as u64;
            }
        }
    }
    out.flush()?;
    Ok(at)
}

/// Prints what is appended to a file, until the output is closed. A file that takes its place, as after a rotation, is
/// printed from its beginning; so is one that was emptied.
fn follow(path: &Path, mut file: File, mut at: u64, out: &mut dyn Write) -> Result<(), Failure> {
    loop {
        at = print_from(&file, at, out)?;
        sleep(PAUSE);
        let own = file.metadata()?;
        match std::fs::metadata(path) {
            Ok(now) if (now.dev(), now.ino()) != (own.dev(), own.ino()) => {
                // The last lines of the former file come first.
                print_from(&file, at, out)?;
                (file, at) = (await_file(path), 0);
            }
            _ if own.len() < at => at = 0,
            _ => {}
        }
    }
}

fn await_file(path: &Path) -> File {
    loop {
        match File::open(path) {
            Ok(file) => return file,
            Err(_) => sleep(PAUSE),
        }
    }
}
