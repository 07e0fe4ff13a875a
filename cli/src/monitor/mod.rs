//! `monitor`: what happens to jobs, and which events there are, as it happens.

mod json;

use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::Duration;

use uphold_core::bytes::{Printable, Show};
use uphold_core::control::news::{News, Told};
use uphold_core::control::why::Tenths;
use uphold_core::control::{Refusal, Reply, Request, frame};
use uphold_core::{Select, Target};

use crate::connection::{Connection, Endpoint};
use crate::context::Context;
use crate::failure::{Failure, unreadable_answer};
use crate::why::history::happening;
use crate::why::words::stamp;

/// How often it is tried to connect again: for ten seconds, which is longer than a re-exec takes.
const ATTEMPTS: usize = 100;
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);

/// `monitor`
///
/// # Errors
/// The supervisor cannot be reached or refuses the request, or the output cannot be written.
pub fn monitor(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut connection = context.connect()?;
    let job = context.invocation.first().map(|job| job.as_bytes().to_vec());
    if let Some(job) = &job {
        check(&mut connection, job)?;
    }
    loop {
        connection.ask_done(&Request::Monitor)?;
        // The reply to a script that has to know from when on it misses nothing.
        context.out.flush()?;
        let endpoint = connection.endpoint().clone();
        while let Ok(reply) = connection.receive() {
            let Reply::Told(bytes) = reply else { return Err(Failure::of(&reply)) };
            let Told { at, news } = frame::decode(bytes).map_err(unreadable_answer)?;
            if job.as_ref().is_none_or(|job| is_about(&news, job)) {
                if context.options.json {
                    json::print(context.out, at, &news)?;
                } else {
                    writeln!(context.out, "{}", line(at, &news))?;
                }
                context.out.flush()?;
            }
        }
        if context.options.json {
            json::print_interruption(context.out)?;
        } else {
            writeln!(context.out, "The connection has ended: the supervisor is executed again, or has gone.")?;
        }
        context.out.flush()?;
        connection = again(&endpoint)?;
    }
}

/// Fails if there is no such job.
fn check(connection: &mut Connection, job: &[u8]) -> Result<(), Failure> {
    let target = Target { job, select: Select::Name(b"") };
    match connection.ask(&Request::Status { target })? {
        Reply::Error(refusal @ (Refusal::UnknownJob(_) | Refusal::EmptyName)) => Err(Failure::new(refusal)),
        _ => Ok(()),
    }
}

fn again(endpoint: &Endpoint) -> Result<Connection, Failure> {
    for _ in 1..ATTEMPTS {
        if let Ok(connection) = endpoint.connect_for_long() {
            return Ok(connection);
        }
        thread::sleep(PAUSE);
    }
    endpoint.connect_for_long()
}

/// Whether news are about a job: about itself, its events, or events and messages that name it.
fn is_about(news: &News<'_>, job: &[u8]) -> bool {
    match news {
        News::Job { job: name, .. } => name.0 == job,
        News::Event { environment, .. } => environment.iter().any(|entry| entry.strip_prefix(b"JOB=") == Some(job)),
        News::Message { text, .. } => text.split(|&byte| byte == b' ' || byte == b':').any(|word| word == job),
        News::Lost(_) => true,
    }
}

/// A line: the time of the kernel's clock in seconds, and the news.
fn line(at: Tenths, news: &News<'_>) -> String {
    let text = match *news {
        News::Job { job, what } => format!("{job}: {}", happening(what, b"")),
        News::Event { event, of_failure, environment } => {
            let rest = if of_failure { "/failed" } else { "" };
            let variables = environment.iter().map(|entry| format!(" {}", Show(entry)));
            format!("event {}{rest}{}", Show(event), variables.collect::<String>())
        }
        News::Message { text, .. } => Show(text).to_string(),
        News::Lost(count) => format!("{count} more were lost: this program did not read them in time"),
    };
    format!("{} {}", stamp(at), Printable(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use uphold_core::bytes::Strings;
    use uphold_core::control::JobName;
    use uphold_core::control::why::Happening;
    use uphold_core::{Goal, Priority};

    #[test]
    fn each_kind_has_its_line() {
        let job = News::Job { job: JobName(b"net", b"eth0"), what: Happening::Goal(Goal::Start) };
        assert_eq!(line(Tenths(1234), &job), "[    123.4] net (eth0): goal start");
        let environment = Strings(b"JOB=net\0INSTANCE=eth0\0");
        let event = News::Event { event: b"stopped", of_failure: true, environment };
        assert_eq!(line(Tenths(0), &event), "[      0.0] event stopped/failed JOB=net INSTANCE=eth0");
        let message = News::Message { priority: Priority::Warn, text: b"net: a\x1b[1mb" };
        assert_eq!(line(Tenths(5), &message), "[      0.5] net: a\u{fffd}[1mb");
        assert!([job, event, message, News::Lost(3)].iter().all(|news| is_about(news, b"net")));
        assert!([job, event, message].iter().all(|news| !is_about(news, b"eth0")));
    }
}
