//! A dry run as JSON.

use std::borrow::Cow;
use std::io::{Result, Write};

use serde::Serialize;

use super::steps::{Step, Steps};
use crate::json::{self, text};

#[derive(Serialize)]
struct DryRun<'a> {
    steps: Vec<Deed<'a>>,
    not_yet: Vec<Deed<'a>>,
    refused: Option<String>,
    done: bool,
    waiting: Option<&'a str>,
    endless: bool,
}

#[derive(Serialize)]
struct Deed<'a> {
    job: Cow<'a, str>,
    instance: Cow<'a, str>,
    would: &'static str,
    because: Option<&'a str>,
}

impl<'a> From<&'a Step> for Deed<'a> {
    fn from(step: &'a Step) -> Self {
        let Step { job, instance, deed, because } = step;
        Deed { job: text(job), instance: text(instance), would: deed.words().0, because: words(because) }
    }
}

/// A text, unless it is empty.
fn words(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// Prints a dry run.
pub(super) fn print(out: &mut dyn Write, run: &Steps) -> Result<()> {
    json::print(
        out,
        DryRun {
            steps: run.steps.iter().map(Deed::from).collect(),
            not_yet: run.not_yet.iter().map(Deed::from).collect(),
            refused: run.refused.as_ref().and_then(|failure| failure.text()).map(str::to_owned),
            done: run.is_done,
            waiting: words(&run.waiting),
            endless: run.is_endless,
        },
    )
}
