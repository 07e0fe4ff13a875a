//! The environment variables that choose how much a test does.

use std::str::FromStr;

/// A number from the environment; `None` if the variable is not set.
///
/// # Panics
/// The variable is set to something else.
pub fn number<N: FromStr>(name: &str) -> Option<N> {
    let text = std::env::var(name).ok()?;
    let number = text.parse().ok();
    assert!(number.is_some(), "{name}={text} is not a number that this test can take");
    number
}
