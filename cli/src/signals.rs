//! Signals by name.

use uphold_core::Signal;

/// The name of a signal: `SIGTERM`, or `signal 40`.
pub fn name(signal: i32) -> String {
    let known = u8::try_from(signal).ok().and_then(|number| Signal(number).name());
    known.map_or_else(|| format!("signal {signal}"), |name| format!("SIG{name}"))
}
