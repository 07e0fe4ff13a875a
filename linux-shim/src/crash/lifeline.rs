//! The state that is there when the program crashes: for now, an image of each turn.

use std::os::fd::{AsRawFd, OwnedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};
use uphold_core::Supervisor;

use super::again::{keep, set_aside};
use crate::clients::published_files::PublishedFiles;
use crate::descriptors::essential;
use crate::handover::hand_over::write_image;
use crate::linux::Linux;

/// The latest image.
pub struct Lifeline {
    /// It stays open until there is a newer one.
    image: Option<OwnedFd>,
}

impl Lifeline {
    /// Begins with the state of the previous program, if there is one.
    pub fn begin(before: Option<OwnedFd>) -> Lifeline {
        keep(before.as_ref().map_or(-1, AsRawFd::as_raw_fd));
        Lifeline { image: before }
    }

    /// Sets aside what the next program needs. To be called when numbers of descriptors are still low.
    pub fn set_aside() {
        // Without one, the next program may have one all the same.
        if let Ok(spare) = essential(|| EventFd::from_flags(EfdFlags::EFD_CLOEXEC)) {
            set_aside(spare.into());
        }
    }

    /// Writes the state at the end of a turn. If that is not possible, the one before is kept.
    pub fn note(&mut self, supervisor: &Supervisor<'_>, linux: &mut Linux, files: &PublishedFiles) {
        let is_between = linux.ready.is_empty() && linux.failures.is_empty() && linux.held.is_none();
        if !(supervisor.is_calm() && is_between) {
            return;
        }
        let clients = linux.restart.clone().unwrap_or_default();
        if let Ok(image) = write_image(clients, supervisor, linux, files) {
            keep(image.as_raw_fd());
            self.image = Some(image);
        }
    }
}
