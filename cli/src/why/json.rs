//! `status` and `why` as JSON.

use std::borrow::Cow;
use std::io::{Result, Write};

use serde::Serialize;
use uphold_core::State;
use uphold_core::control::why::{Definition, Record, Tenths, Why};

use super::chain::Chain;
use super::reasons;
use crate::condition::Condition;
use crate::failure::Failure;
use crate::json::{self, End, Happened, Tree, Wait, milliseconds, text};

/// A job as it is.
#[derive(Serialize)]
struct Explained<'a> {
    #[serde(flatten)]
    job: json::Job<'a>,
    runs: bool,
    status_text: Option<Cow<'a, str>>,
    in_state_ms: Option<u64>,
    waits: Option<Wait<'a>>,
    started_by: Vec<Cow<'a, str>>,
    last_end: Option<LastEnd>,
    failure: Option<Happening>,
    lesson: Option<Lesson>,
    slow_loop_runs: Option<u8>,
    start_on: Option<StartOn>,
    definition: &'static str,
    log: Option<Cow<'a, str>>,
    reasons: Vec<String>,
}

/// The last end of a main process.
#[derive(Serialize)]
struct LastEnd {
    ago_ms: u64,
    lived_ms: u64,
    #[serde(flatten)]
    end: End,
}

#[derive(Serialize)]
struct Happening {
    ago_ms: u64,
    #[serde(flatten)]
    what: Happened,
}

#[derive(Serialize)]
struct Lesson {
    expect: String,
    right: Option<String>,
}

/// `start on`: the condition as text, and its events in the order of the file.
#[derive(Serialize)]
struct StartOn {
    condition: String,
    events: Vec<Wanted>,
}

#[derive(Serialize)]
struct Wanted {
    event: String,
    happened: bool,
}

/// The whole of `why`.
#[derive(Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    job: Explained<'a>,
    start_on_tree: Option<Tree<'a>>,
    history: Vec<Happening>,
    forgotten: bool,
    chain: Vec<Link<'a>>,
    circle: bool,
}

/// A job in the chain of waits.
#[derive(Serialize)]
struct Link<'a> {
    #[serde(flatten)]
    job: json::Job<'a>,
    text: String,
}

/// A text, unless it is empty.
fn some(bytes: &[u8]) -> Option<Cow<'_, str>> {
    (!bytes.is_empty()).then(|| text(bytes))
}

impl<'a> Explained<'a> {
    fn of(why: &Why<'a>, status_text: &'a [u8], condition: Option<&Condition>) -> Self {
        let ago = |then| ago(why, then);
        let failure = |Record { at, what }| Happening { ago_ms: ago(at), what: what.into() };
        let owned = |bytes: Vec<u8>| text(&bytes).into_owned();
        let start_on = |condition: &Condition| StartOn {
            condition: owned(condition.infix()),
            events: (condition.events().into_iter().enumerate())
                .map(|(at, event)| Wanted { event: owned(event.text()), happened: why.has_happened(at) })
                .collect(),
        };
        let events = why.started_by.split(|&byte| byte == b' ').filter(|name| !name.is_empty());
        Explained {
            job: json::Job::from(&why.status),
            runs: why.status.state == State::Running,
            status_text: some(status_text),
            in_state_ms: why.past.since.map(ago),
            waits: Wait::of(why.cause),
            started_by: events.map(text).collect(),
            last_end: why.past.end.map(|end| LastEnd {
                ago_ms: ago(end.at),
                lived_ms: milliseconds(end.lived),
                end: end.exit.into(),
            }),
            failure: why.past.failure.map(failure),
            lesson: why
                .past
                .lesson
                .map(|(expect, right)| Lesson { expect: expect.to_string(), right: right.map(|it| it.to_string()) }),
            slow_loop_runs: why.loop_runs,
            start_on: condition.map(start_on),
            definition: match why.definition {
                Definition::Current => "current",
                Definition::Replaced => "replaced",
                Definition::Deleted => "deleted",
            },
            log: some(why.log),
            reasons: reasons::of(why),
        }
    }
}

/// Prints `status`. `status_text` is that of the job's main process.
pub(super) fn status(out: &mut dyn Write, why: &Why<'_>, status_text: &[u8]) -> Result<()> {
    let condition = Condition::read(why.start_on).flatten();
    json::print(out, Explained::of(why, status_text, condition.as_ref()))
}

/// Prints `why`, with the chain of jobs that the job waits for.
pub(super) fn why(out: &mut dyn Write, why: &Why<'_>, chain: &Chain) -> std::result::Result<(), Failure> {
    let condition = Condition::read(why.start_on).flatten();
    let happening = |Record { at, what }| Happening { ago_ms: ago(why, at), what: what.into() };
    let mut links = vec![];
    for link in chain.links() {
        let (why, text) = link?;
        links.push(Link { job: json::Job::from(&why.status), text });
    }
    let whole = Whole {
        job: Explained::of(why, b"", condition.as_ref()),
        start_on_tree: condition.as_ref().map(Tree::from),
        history: why.history().map(happening).collect(),
        forgotten: why.forgotten,
        chain: links,
        circle: chain.is_circle,
    };
    Ok(json::print(out, whole)?)
}

/// The milliseconds that have passed since then.
fn ago(why: &Why<'_>, then: Tenths) -> u64 {
    milliseconds(Tenths(why.now.0.saturating_sub(then.0)))
}
