//! The shim's own record in the image, and the form of paths and errors in it.

use std::ffi::OsString;
use std::io::{Error, Result};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use uphold_core::{ClientId, Priority};

use crate::capacity::TRACEES;
use crate::containment::left_behind::Carried;
use crate::containment::record::ContainmentRecord;
use crate::image::Reader;
use crate::kernel::error;
use crate::launch::slots::SLOTS;
use crate::watch::trace::Tracer;

/// The beginning of the image. The number is raised when the meaning of a record changes; a change of the number of
/// records or of their fields is noticed while reading.
pub(super) const HEAD: (&str, u32) = ("uphold", 7);

/// The descriptors without which nothing can be supervised: the next program needs no new ones.
#[derive(Serialize, Deserialize)]
pub(super) struct EssentialRecord {
    /// The epoll, and the descriptor of the signals.
    pub(super) wait: [i32; 2],
    /// The epoll of the output of jobs.
    pub(super) outputs: Option<i32>,
    pub(super) slots: [i32; SLOTS],
    /// Whether the first slot leads to the null device.
    pub(super) has_null: bool,
}

impl EssentialRecord {
    /// All of them.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = i32> {
        self.wait.into_iter().chain(self.outputs).chain(self.slots)
    }
}

/// The shim's state, without the parts that occur many times. Each field is a record, or several.
pub(super) struct Own {
    /// The clients that asked for the re-exec, and get their reply from the new program.
    pub(super) clients: Vec<ClientId>,
    pub(super) essentials: EssentialRecord,
    pub(super) threshold: Priority,
    /// The last messages: the place of the first one, and their bytes.
    pub(super) messages: (u64, Vec<Vec<u8>>),
    pub(super) tracer: Tracer<TRACEES>,
    pub(super) listeners: Vec<i32>,
    pub(super) files: [Vec<Vec<u8>>; 2],
    pub(super) containment: ContainmentRecord,
    pub(super) left_behind: Carried,
    pub(super) groups: Vec<Vec<u8>>,
}

impl Own {
    /// Reads the records.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Own> {
        Ok(Own {
            clients: reader.get()?,
            essentials: reader.get()?,
            threshold: reader.get()?,
            messages: (reader.get()?, reader.get_all()?),
            tracer: reader.get()?,
            listeners: reader.get_all()?,
            files: [reader.get_all()?, reader.get_all()?],
            containment: ContainmentRecord::read(reader)?,
            left_behind: (reader.get_all()?, reader.get_all()?),
            groups: reader.get_all()?,
        })
    }
}

/// Paths in the form of the image: they need not be text.
pub(super) fn carry_paths<'p>(
    paths: impl IntoIterator<Item = &'p PathBuf, IntoIter: Clone>,
) -> impl Iterator<Item = &'p [u8]> + Clone {
    paths.into_iter().map(|path| path.as_os_str().as_bytes())
}

/// Paths from the image.
pub(super) fn paths(carried: Vec<Vec<u8>>) -> impl Iterator<Item = PathBuf> {
    carried.into_iter().map(|path| OsString::from_vec(path).into())
}

pub(super) fn error_words(problem: &Error) -> String {
    match problem.raw_os_error() {
        Some(number) => error::explain(number).to_owned(),
        None => problem.to_string(),
    }
}
