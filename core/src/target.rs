//! Which job, which instance, which environment a client means.

use serde::{Deserialize, Serialize};

use crate::bytes::Strings;

/// Which environment (initctl(8) set-env).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Table<'a> {
    /// The one that every job begins with.
    Global,
    /// A running job's.
    Job {
        /// The job's name; may not be empty.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
}

/// Which instance of which job.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Target<'a> {
    /// The job's name.
    pub job: &'a [u8],
    /// Which of its instances.
    #[serde(borrow)]
    pub select: Select<'a>,
}

/// How an instance is chosen.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub enum Select<'a> {
    /// The one whose name these variables (`KEY=VALUE` each) give by the `instance` stanza.
    #[serde(borrow)]
    Environment(Strings<'a>),
    /// The one of this name: what a job's own processes use (`UPSTART_INSTANCE`).
    Name(&'a [u8]),
}
