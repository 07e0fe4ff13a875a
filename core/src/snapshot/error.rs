//! Why no image is written, or an image cannot be restored.

use core::fmt;

use crate::control::frame::FrameError;
use crate::limits::Full;

/// The reason for which no image is written.
#[derive(Debug)]
pub enum Unsaved<E> {
    /// Work is pending: every effect must be polled first.
    Busy,
    /// The image would be refused for that reason. Something is under way between the embedder and the machine: a
    /// class was begun and is neither committed nor abandoned, a spawn or a survey has no answer yet, or the end was
    /// reported.
    Unsound(&'static str),
    /// The image could not be written.
    Frame(FrameError<E>),
}

/// The reason for which an image cannot be restored.
#[derive(Debug)]
pub enum Unreadable<E> {
    /// The image could not be read, ends too early, or does not consist of records.
    Frame(FrameError<E>),
    /// The bytes are not an image.
    NoImage,
    /// Another version of the program wrote the image.
    OtherVersion,
    /// The image does not fit.
    Full(Full),
    /// The records contradict each other.
    Unsound(&'static str),
    /// The image was changed after it was written.
    Checksum,
}

impl<E> From<FrameError<E>> for Unsaved<E> {
    fn from(error: FrameError<E>) -> Self {
        Unsaved::Frame(error)
    }
}

impl<E> From<FrameError<E>> for Unreadable<E> {
    fn from(error: FrameError<E>) -> Self {
        Unreadable::Frame(error)
    }
}

impl<E> From<Full> for Unreadable<E> {
    fn from(full: Full) -> Self {
        Unreadable::Full(full)
    }
}

/// A defect of an image that was read.
pub(crate) enum Defect {
    /// It does not fit.
    Full(Full),
    /// The records contradict each other.
    Unsound(&'static str),
}

impl From<Full> for Defect {
    fn from(full: Full) -> Self {
        Defect::Full(full)
    }
}

impl<E> From<Defect> for Unreadable<E> {
    fn from(defect: Defect) -> Self {
        match defect {
            Defect::Full(full) => Unreadable::Full(full),
            Defect::Unsound(what) => Unreadable::Unsound(what),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Unsaved<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsaved::Busy => f.write_str("not everything is done yet"),
            Unsaved::Unsound(what) => write!(f, "something is under way: {what}"),
            Unsaved::Frame(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for Unreadable<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreadable::Frame(error) => error.fmt(f),
            Unreadable::NoImage => f.write_str("it is no state of a supervisor"),
            Unreadable::OtherVersion => f.write_str("another version of the supervisor wrote it"),
            Unreadable::Full(full) => full.fmt(f),
            Unreadable::Unsound(what) => write!(f, "it contradicts itself: {what}"),
            Unreadable::Checksum => f.write_str("wrong checksum"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Unsaved<E> {}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Unreadable<E> {}
