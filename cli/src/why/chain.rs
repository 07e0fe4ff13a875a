//! The chain of jobs that a job waits for.

use std::io::Write;

use uphold_core::control::why::Why;
use uphold_core::control::{Cause, Holder, Waiting};
use uphold_core::{Select, Target};

use super::answer::{ask, decode};
use crate::connection::Connection;
use crate::failure::Failure;

/// The longest chain that is followed. A longer one has no other cause.
const LONGEST: usize = 32;

/// A chain of waits: each job waits for the next one.
pub(super) struct Chain {
    /// The supervisor's answers about the jobs, without the first one.
    answers: Vec<Vec<u8>>,
    /// Whether the last job waits for one before it.
    pub(super) is_circle: bool,
}

impl Chain {
    /// Asks about each job for which another one waits.
    pub(super) fn of(connection: &mut Connection, first: &Why<'_>) -> Result<Chain, Failure> {
        let mut seen = vec![(first.status.job.to_vec(), first.status.instance.to_vec())];
        let mut chain = Chain { answers: vec![], is_circle: false };
        let mut next = holder(first);
        while let Some(job) = next.take().filter(|_| seen.len() <= LONGEST) {
            if seen.contains(&job) {
                chain.is_circle = true;
                break;
            }
            let answer = ask(connection, Target { job: &job.0, select: Select::Name(&job.1) })?;
            next = holder(&decode(&answer)?);
            chain.answers.push(answer);
            seen.push(job);
        }
        Ok(chain)
    }

    /// The jobs, each with its wait in words.
    pub(super) fn links(&self) -> impl Iterator<Item = Result<(Why<'_>, String), Failure>> {
        self.answers.iter().map(|answer| {
            let why = decode(answer)?;
            let wait = Waiting { job: None, cause: why.cause }.to_string();
            Ok((why, wait))
        })
    }

    pub(super) fn print(&self, out: &mut dyn Write) -> Result<(), Failure> {
        for link in self.links() {
            let (why, wait) = link?;
            writeln!(out, "{}", why.status)?;
            writeln!(out, "  It is {wait}.")?;
        }
        if self.is_circle {
            writeln!(out, "The chain of waits is a circle. `initctl stop --force' on one of its jobs ends it.")?;
        }
        Ok(())
    }
}

/// The job that holds the event for which a job waits: its name and its instance's.
fn holder(why: &Why<'_>) -> Option<(Vec<u8>, Vec<u8>)> {
    match why.cause {
        Cause::Event { holder: Holder::Job { job, instance }, .. } => Some((job.to_vec(), instance.to_vec())),
        _ => None,
    }
}
