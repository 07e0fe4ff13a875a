//! News as JSON.

use std::borrow::Cow;
use std::io::{Result, Write};

use serde::Serialize;
use uphold_core::control::JobName;
use uphold_core::control::news::News;
use uphold_core::control::why::Tenths;

use crate::environment::priority_name;
use crate::json::{self, Happened, milliseconds, text};

/// News, which name themselves in `news`.
#[derive(Serialize)]
struct Line<'a> {
    at_ms: Option<u64>,
    #[serde(flatten)]
    news: Named<'a>,
}

#[derive(Serialize)]
#[serde(tag = "news", rename_all = "snake_case")]
enum Named<'a> {
    Job {
        job: Cow<'a, str>,
        instance: Cow<'a, str>,
        #[serde(flatten)]
        what: Happened,
    },
    Event {
        event: Cow<'a, str>,
        failed: bool,
        environment: Vec<Cow<'a, str>>,
    },
    Message {
        priority: &'static str,
        text: Cow<'a, str>,
    },
    Lost {
        count: u32,
    },
    /// The connection has ended, and is made again.
    Interrupted,
}

impl<'a> Line<'a> {
    fn of(at: Tenths, news: &News<'a>) -> Self {
        let news = match *news {
            News::Job { job: JobName(job, instance), what } => {
                Named::Job { job: text(job), instance: text(instance), what: what.into() }
            }
            News::Event { event, of_failure, environment } => Named::Event {
                event: text(event),
                failed: of_failure,
                environment: environment.iter().map(text).collect(),
            },
            News::Message { priority, text: message } => {
                Named::Message { priority: priority_name(priority), text: text(message) }
            }
            News::Lost(count) => Named::Lost { count },
        };
        Line { at_ms: Some(milliseconds(at)), news }
    }
}

/// Prints news.
pub(super) fn print(out: &mut dyn Write, at: Tenths, news: &News<'_>) -> Result<()> {
    json::print(out, Line::of(at, news))
}

/// Prints that the connection has ended.
pub(super) fn print_interruption(out: &mut dyn Write) -> Result<()> {
    json::print(out, Line { at_ms: None, news: Named::Interrupted })
}
