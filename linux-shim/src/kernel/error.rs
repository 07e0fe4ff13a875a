//! Error numbers as text.

use nix::errno::Errno;

/// The texts of strerror(3) where nix has others.
const TEXTS: [(Errno, &str); 5] = [
    (Errno::EAGAIN, "Resource temporarily unavailable"),
    (Errno::ENOMEM, "Cannot allocate memory"),
    (Errno::ENFILE, "Too many open files in system"),
    (Errno::EIO, "Input/output error"),
    (Errno::ELOOP, "Too many levels of symbolic links"),
];

/// The text of an error number, as strerror(3) gives it.
pub fn explain(code: i32) -> &'static str {
    let errno = Errno::from_raw(code);
    TEXTS.iter().find(|text| text.0 == errno).map_or(errno.desc(), |text| text.1)
}

/// The meaning of an error number for the thing in question.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Meaning {
    /// It is not there, or this supervisor may not see it, which lasts.
    Absent,
    /// Nothing: the kernel had no descriptor, no memory or no disk for an answer, and may have one later. That is
    /// neither a yes nor a no, so nothing is decided on it, and nothing of it is kept.
    NotNow,
    /// Something else. It is a fact where a file or a setting is concerned; where the life of a process is concerned,
    /// it shows nothing.
    Other,
}

/// The three kinds of answers, in one table.
const fn meaning(errno: Errno) -> Meaning {
    use Errno::{EACCES, ENODEV, ENOENT, EPERM, ESRCH};
    use Errno::{EAGAIN, EINTR, EIO, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSPC, EREMOTEIO, ESTALE, ETIMEDOUT, EUSERS};
    match errno {
        ENOENT | ESRCH | ENODEV | EACCES | EPERM => Meaning::Absent,
        EAGAIN | EINTR | EIO | EMFILE | ENFILE | ENOBUFS | ENOMEM | ENOSPC => Meaning::NotNow,
        EREMOTEIO | ESTALE | ETIMEDOUT | EUSERS => Meaning::NotNow,
        _ => Meaning::Other,
    }
}

/// Whether an error says nothing of the thing in question, and may pass.
pub const fn may_pass(errno: Errno) -> bool {
    matches!(meaning(errno), Meaning::NotNow)
}

/// Whether an error says that the thing in question is not there.
pub(crate) const fn is_absence(errno: Errno) -> bool {
    matches!(meaning(errno), Meaning::Absent)
}

/// The error number of an error of the standard library; 5 (`EIO`) if it has none.
pub fn number(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::EIO as i32)
}

/// The error number of an error of the standard library, by name.
pub fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(number(error))
}

/// The text of an error of the standard library, as strerror(3) gives it.
pub fn words(error: &std::io::Error) -> &'static str {
    explain(number(error))
}

/// The answer of a call, if it is a yes or a no.
///
/// # Errors
/// The kernel cannot tell now ([`may_pass`]).
pub fn settled<T>(called: std::io::Result<T>) -> Result<std::io::Result<T>, Errno> {
    match called.as_ref().map_err(errno) {
        Err(errno) if may_pass(errno) => Err(errno),
        _ => Ok(called),
    }
}
