//! The job, the instance or the environment that a request concerns.

use serde::{Deserialize, Serialize};

use crate::bytes::Strings;

/// The environment that a request concerns (initctl(8), set-env).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum EnvTable<'a> {
    /// The environment that every job begins with.
    Global,
    /// The environment of a running job.
    Job {
        /// The job's name; may not be empty.
        job: &'a [u8],
        /// The instance's name.
        instance: &'a [u8],
    },
}

/// An instance of a job.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Target<'a> {
    /// The job's name.
    pub job: &'a [u8],
    /// The selection of the instance.
    #[serde(borrow)]
    pub select: Select<'a>,
}

impl<'a> Target<'a> {
    /// The only instance of the job of this name, or the one whose name the `instance` stanza gives without variables.
    pub const fn named(job: &'a [u8]) -> Self {
        Target { job, select: Select::Environment(Strings::EMPTY) }
    }
}

/// The ways to select an instance.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Select<'a> {
    /// The instance whose name the `instance` stanza gives with these variables (`KEY=VALUE` each).
    #[serde(borrow)]
    Environment(Strings<'a>),
    /// The instance of this name. A job's own processes select it so (`UPSTART_INSTANCE`).
    Name(&'a [u8]),
}
