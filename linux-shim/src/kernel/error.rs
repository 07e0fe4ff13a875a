//! The kernel's numbers in words.

use nix::errno::Errno;

/// What strerror(3) says of an error number.
pub fn explain(code: i32) -> &'static str {
    Errno::from_raw(code).desc()
}

/// The kernel's number in an error of the standard library; 5 (`EIO`) where it has none.
pub fn number(error: &std::io::Error) -> i32 {
    error.raw_os_error().unwrap_or(Errno::EIO as i32)
}

/// What strerror(3) says of an error of the standard library.
pub fn words(error: &std::io::Error) -> &'static str {
    explain(number(error))
}
