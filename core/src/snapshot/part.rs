//! An image in parts, for a client that gets one part with each reply.

use embedded_io::{ErrorKind, ErrorType, Write};

use super::error::Unsaved;
use crate::control::frame::FrameError;
use crate::machine::Supervisor;

/// The part of all written bytes that begins at a place. Bytes before it are dropped, and the byte after it ends the
/// writing.
struct Window<'p> {
    before: usize,
    part: &'p mut [u8],
    is_full: bool,
}

impl ErrorType for Window<'_> {
    type Error = ErrorKind;
}

impl Write for Window<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        let dropped = self.before.min(bytes.len());
        self.before = self.before.saturating_sub(dropped);
        let rest = bytes.get(dropped..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(bytes.len());
        }
        match self.part.write(rest) {
            Ok(0) | Err(_) => {
                self.is_full = true;
                Err(ErrorKind::OutOfMemory)
            }
            Ok(written) => Ok(dropped.saturating_add(written)),
        }
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Supervisor<'_> {
    /// Writes the part of the [image](Self::save) that begins at byte `from`, as much of it as fits. Returns the number
    /// of bytes, and whether more follow.
    ///
    /// The parts of one image belong together only if the supervisor got no input between them. Otherwise their
    /// checksum is wrong, and [`restore`](Self::restore) says so.
    ///
    /// # Errors
    /// Some effects have not been polled or answered.
    // Not inlined: the frames of its callers stay small.
    #[inline(never)]
    pub fn save_part(&self, from: usize, part: &mut [u8]) -> Result<(usize, bool), Unsaved<ErrorKind>> {
        let room = part.len();
        let mut window = Window { before: from, part, is_full: false };
        match self.save(&mut window) {
            Err(Unsaved::Frame(FrameError::Io(_))) if window.is_full => Ok((room, true)),
            Err(error) => Err(error),
            Ok(()) => Ok((room.saturating_sub(window.part.len()), false)),
        }
    }
}
