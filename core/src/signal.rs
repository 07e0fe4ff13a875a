//! Signals by name, as signal(7) numbers them on Linux (x86 and ARM).

use core::fmt;
use core::hash::Hash;

/// A signal number, 1 to 64.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Signal(pub u8);

impl Signal {
    /// Hang-up: the default `reload signal`.
    pub const HUP: Signal = Signal(1);
    /// Kill: cannot be caught; follows when a `kill timeout` has passed.
    pub const KILL: Signal = Signal(9);
    /// Termination request: the default `kill signal`.
    pub const TERM: Signal = Signal(15);
    /// Continue a stopped process.
    pub const CONT: Signal = Signal(18);
    /// Stop: a daemon of `expect stop` raises it when it is ready.
    pub const STOP: Signal = Signal(19);
    /// Abort: a process that misses its watchdog gets it, so that a core dump can show where the process hung.
    pub const ABRT: Signal = Signal(6);
    /// Trap: a traced process stops with it after exec.
    pub const TRAP: Signal = Signal(5);

    /// The largest signal number.
    pub const MAX: u8 = 64;

    /// Names without `SIG`; position is the number less one. Real-time signals have none.
    const NAMES: [&'static str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ];

    /// The name without `SIG`, where it has one.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMES.get(usize::from(self.0).wrapping_sub(1)).copied()
    }

    /// The signal of that name, with or without `SIG`, in capitals (init(5), `kill signal`).
    pub fn by_name(name: &[u8]) -> Option<Signal> {
        let bare = if let [b'S', b'I', b'G', bare @ ..] = name { bare } else { name };
        let position = match bare {
            b"IOT" => return Some(Signal(6)),
            b"CLD" => return Some(Signal(17)),
            b"POLL" => return Some(Signal(29)),
            _ => Self::NAMES.iter().position(|known| known.as_bytes() == bare)?,
        };
        u8::try_from(position.saturating_add(1)).ok().map(Signal)
    }
}

impl fmt::Display for Signal {
    /// The name, or the number where there is no name: the form of the variable `EXIT_SIGNAL` in stopped(7).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::ToString;

    use super::Signal;

    #[test]
    fn signals_have_the_numbers_of_linux() {
        let known: [(&[u8], u8); 12] = [
            (b"HUP", 1),
            (b"SIGTRAP", 5),
            (b"ABRT", 6),
            (b"SIGIOT", 6),
            (b"KILL", 9),
            (b"TERM", 15),
            (b"CHLD", 17),
            (b"CLD", 17),
            (b"CONT", 18),
            (b"IO", 29),
            (b"SIGPOLL", 29),
            (b"SYS", 31),
        ];
        for (name, number) in known {
            assert_eq!(Signal::by_name(name), Some(Signal(number)));
        }
        for name in [&b"term"[..], b"", b"SIG", b"SIGSIGHUP", b"9"] {
            assert_eq!(Signal::by_name(name), None);
        }
        assert_eq!(
            [0, 1, 31, 32, 64].map(|number| Signal(number).name()),
            [None, Some("HUP"), Some("SYS"), None, None]
        );
        assert_eq!((Signal(2).to_string().as_str(), Signal(34).to_string().as_str()), ("INT", "34"));
    }
}
