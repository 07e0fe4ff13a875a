//! `initctl log` without a job: the last messages of the supervisor.

use std::thread::sleep;
use std::time::Duration;

use uphold_core::bytes::Printable;
use uphold_core::control::news::{News, Told};
use uphold_core::control::{Reply, Request};

use super::words::stamp;
use crate::connection::Connection;
use crate::context::Context;
use crate::failure::Failure;

/// The pause between two questions for later messages.
const PAUSE: Duration = Duration::from_millis(200);

/// Prints the last messages, so many lines, and with `--follow` what comes.
pub(super) fn print(context: &mut Context<'_>, lines: usize) -> Result<(), Failure> {
    let mut connection = context.connect()?;
    let mut all = Messages::default();
    while all.ask(&mut connection)? {}
    if all.forgotten && lines > all.lines.len() {
        writeln!(context.out, "Older messages are forgotten.")?;
    }
    let first = all.lines.len().saturating_sub(lines);
    all.lines.drain(..first);
    loop {
        for line in all.lines.drain(..) {
            writeln!(context.out, "{line}")?;
        }
        context.out.flush()?;
        if !context.options.follow {
            return Ok(());
        }
        sleep(PAUSE);
        while all.ask(&mut connection)? {}
    }
}

/// Messages as lines.
#[derive(Default)]
struct Messages {
    lines: Vec<String>,
    /// Where later ones begin.
    next: u64,
    forgotten: bool,
}

impl Messages {
    /// Asks for later messages. Returns whether there were any.
    fn ask(&mut self, connection: &mut Connection) -> Result<bool, Failure> {
        let reply = connection.ask(&Request::Messages { from: self.next })?;
        let Reply::Messages { next, forgotten, told } = reply else { return Err(Failure::of(&reply)) };
        let mut rest = told;
        while let Some((Told { at, news: News::Message { text, .. } }, after)) = Told::first(rest) {
            self.lines.push(format!("{} {}", stamp(at), Printable(text)));
            rest = after;
        }
        let has_more = next != self.next && !told.is_empty();
        (self.next, self.forgotten) = (next, self.forgotten || forgotten);
        Ok(has_more)
    }
}
