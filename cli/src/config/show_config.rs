//! `initctl show-config`: the events that jobs emit, and their conditions.

use crate::condition::Condition;
use crate::connection::Connection;
use crate::context::Context;
use crate::failure::Failure;
use crate::json::{self, Tree, text};
use serde::Serialize;
use std::borrow::Cow;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use uphold_core::control::{Refusal, Reply, Request};

/// The events that a job emits, and its conditions.
pub struct Config {
    /// The events of the stanza `emits`.
    pub emits: Vec<Vec<u8>>,
    /// The condition of `start on`.
    pub start_on: Option<Condition>,
    /// The condition of `stop on`.
    pub stop_on: Option<Condition>,
}

impl Config {
    /// Fetches the configuration of a job; `None` if the job does not exist.
    ///
    /// # Errors
    /// The supervisor cannot be reached or refuses the request.
    pub fn ask(connection: &mut Connection, job: &[u8]) -> Result<Option<Self>, Failure> {
        let (emits, start_on, stop_on) = match connection.ask(&Request::ShowConfig { job })? {
            Reply::Config { emits, start_on, stop_on } => (emits, start_on, stop_on),
            Reply::Error(Refusal::UnknownJob(_)) => return Ok(None),
            other => return Err(Failure::of(&other)),
        };
        let read = |text| {
            Condition::read(text).ok_or_else(|| Failure::new("The supervisor sent a condition that cannot be read"))
        };
        let emits = emits.iter().map(<[u8]>::to_vec).collect();
        Ok(Some(Config { emits, start_on: read(start_on)?, stop_on: read(stop_on)? }))
    }

    /// Fetches the configurations of all jobs, each with the job's name.
    ///
    /// # Errors
    /// The supervisor cannot be reached or refuses a request.
    pub fn all(connection: &mut Connection) -> Result<Vec<(Vec<u8>, Config)>, Failure> {
        let mut jobs = Vec::new();
        for name in connection.jobs()? {
            // A job may have been removed since the list was made.
            if let Some(config) = Config::ask(connection, &name)? {
                jobs.push((name, config));
            }
        }
        Ok(jobs)
    }

    /// The conditions, each with the word before `on`.
    pub fn conditions(&self) -> impl Iterator<Item = (&'static str, &Condition)> {
        let start = self.start_on.iter().map(|condition| ("start", condition));
        start.chain(self.stop_on.iter().map(|condition| ("stop", condition)))
    }

    fn print(&self, out: &mut dyn Write, enumerate: bool) -> io::Result<()> {
        for event in &self.emits {
            crate::print::line(out, b"  emits ", event)?;
        }
        for (word, condition) in self.conditions() {
            let lines = match enumerate {
                true => condition.events().iter().map(|event| event.enumerated()).collect(),
                false => vec![condition.infix()],
            };
            for line in lines {
                crate::print::line(out, format!("  {word} on ").as_bytes(), &line)?;
            }
        }
        Ok(())
    }
}

/// The output of `--json`.
#[derive(Serialize)]
struct Configurations<'a> {
    jobs: Vec<Configuration<'a>>,
}

#[derive(Serialize)]
struct Configuration<'a> {
    job: Cow<'a, str>,
    emits: Vec<Cow<'a, str>>,
    start_on: Option<Tree<'a>>,
    stop_on: Option<Tree<'a>>,
}

impl<'a> Configuration<'a> {
    fn of((job, config): &'a (Vec<u8>, Config)) -> Self {
        Configuration {
            job: text(job),
            emits: config.emits.iter().map(|event| text(event)).collect(),
            start_on: config.start_on.as_ref().map(Tree::from),
            stop_on: config.stop_on.as_ref().map(Tree::from),
        }
    }
}

/// `show-config`
///
/// # Errors
/// The supervisor cannot be reached or refuses the request.
pub fn show(context: &mut Context<'_>) -> Result<(), Failure> {
    let mut connection = context.connect()?;
    let jobs = match context.invocation.first() {
        Some(job) => vec![job.as_bytes().to_vec()],
        None => connection.jobs()?,
    };
    let mut all = vec![];
    for job in jobs {
        let Some(config) = Config::ask(&mut connection, &job)? else {
            match context.invocation.first() {
                Some(_) => return Err(Failure::new(Refusal::UnknownJob(&job))),
                // The job was removed after the list was made.
                None => continue,
            }
        };
        match context.options.json {
            true => all.push((job, config)),
            false if context.options.quiet => {}
            false => {
                crate::print::line(context.out, b"", &job)?;
                config.print(context.out, context.options.enumerate)?;
            }
        }
    }
    if context.options.json {
        json::print(context.out, Configurations { jobs: all.iter().map(Configuration::of).collect() })?;
    }
    Ok(())
}
