//! Error numbers as text.

use nix::errno::Errno;

/// The text of an error number, as strerror(3) gives it.
pub fn explain(code: i32) -> &'static str {
    Errno::from_raw(code).desc()
}

/// The error number of an error of the standard library; 5 (`EIO`) if it has none.
pub fn number(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::EIO as i32)
}

/// The text of an error of the standard library, as strerror(3) gives it.
pub fn words(error: &std::io::Error) -> &'static str {
    explain(number(error))
}
