//! The origin of a kept state: the program and the process that wrote it, and where.

use std::fs::{self, File};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};
use uphold_core::snapshot::{SHAPE, VERSION};
use uphold_core::{Fnv, Pid};

use super::program;
use crate::watch::proc_stat::Stat;

/// The version of the file. Raised when the meaning of a record changes.
const FORMAT: u32 = 1;

/// The most bytes of an origin.
const MOST: usize = 512;

const MAGIC: [u8; 8] = *b"uph-kept";

/// The process that keeps its state in a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Origin {
    /// Of the format, of the core's snapshot, and the shape of its records.
    versions: [u32; 3],
    /// The process id.
    pub pid: u32,
    /// The start time of the process, in ticks since boot.
    pub start: u64,
    /// A hash of the boot's id, and the pid namespace: in another of them a process id means nothing.
    place: (u32, u64),
    /// A hash of the command line.
    arguments: u32,
    /// The address of the session, which the environment of its processes names.
    pub session: String,
}

impl Origin {
    /// This very process.
    pub fn own(session: &str) -> Origin {
        let pid = std::process::id();
        let stat = Pid::new(pid).and_then(|pid| Stat::of(pid).ok().flatten());
        let boot = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let namespace = fs::metadata("/proc/self/ns/pid").map_or(0, |found| found.ino());
        // A program that was executed again has words that say so.
        let words = program::arguments(std::env::args_os(), &[]);
        let arguments = words.iter().skip(1).fold(Fnv::new(), |sum, word| sum.with(word.as_bytes()).with(&[0])).value();
        Origin {
            versions: [FORMAT, VERSION, SHAPE],
            pid,
            start: stat.map_or(0, |stat| stat.start),
            place: (Fnv::new().with(&boot).value(), namespace),
            arguments,
            session: session.to_owned(),
        }
    }

    /// Whether the other is of the same boot and pid namespace.
    pub fn is_of_this_world(&self, own: &Origin) -> bool {
        self.place == own.place
    }

    /// Whether the other is of the same version of the program.
    pub fn is_of_this_version(&self, own: &Origin) -> bool {
        self.versions == own.versions
    }

    /// Whether the other was started with the same arguments.
    pub fn has_same_arguments(&self, own: &Origin) -> bool {
        self.arguments == own.arguments
    }

    /// Writes the origin to a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, file: &File) -> Result<()> {
        let mut room = [0; MOST];
        let (head, body) = room.split_at_mut(16);
        let length = postcard::to_slice(self, body).map_err(|error| Error::other(error.to_string()))?.len();
        head[..8].copy_from_slice(&MAGIC);
        head[8..12].copy_from_slice(&(length as u32).to_le_bytes());
        let sum = Fnv::new().with(&head[..12]).with(&body[..length]).value();
        head[12..].copy_from_slice(&sum.to_le_bytes());
        file.write_all_at(&room[..16 + length], 0)
    }

    /// Whether a file begins as one with a kept state.
    pub fn is_there(file: &File) -> bool {
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0).is_ok() && magic == MAGIC
    }

    /// Reads the origin from a file.
    ///
    /// # Errors
    /// There is none that is whole.
    pub fn read(file: &File) -> Result<Origin> {
        let mut room = [0; MOST];
        let read = file.read_at(&mut room, 0)?;
        let bytes = &room[..read];
        let broken = || Error::new(ErrorKind::InvalidData, "it has no head");
        let (head, body) = bytes.split_first_chunk::<16>().ok_or_else(broken)?;
        let [.., a, b, c, d, _, _, _, _] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let body = body.get(..length).ok_or_else(broken)?;
        let sum = Fnv::new().with(&head[..12]).with(body).value();
        if head[..8] != MAGIC || head[12..] != sum.to_le_bytes() {
            return Err(broken());
        }
        postcard::from_bytes(body).map_err(|_| broken())
    }
}
