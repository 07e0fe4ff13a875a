//! The text of a message (sd_notify(3)): lines of `NAME=VALUE`, of which the known ones count.

use heapless::Vec;
use uphold_core::Pid;
use uphold_core::limits::STATUS;

/// The notifications of one message, each once: of several lines with one name the last counts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NotifyMessage {
    /// `MAINPID=NUMBER`.
    pub main: Option<Pid>,
    /// `STATUS=TEXT`.
    pub status: Option<Vec<u8, STATUS>>,
    /// `READY=1`.
    pub ready: bool,
    /// `WATCHDOG=1`.
    pub alive: bool,
    /// `STOPPING=1`.
    pub stopping: bool,
}

impl NotifyMessage {
    /// Parses a message. Unknown lines and invalid values are ignored, as the manual page requires.
    pub fn read(message: &[u8]) -> NotifyMessage {
        let mut parsed = NotifyMessage::default();
        for line in message.split(|&byte| byte == b'\n') {
            let Some(at) = line.iter().position(|&byte| byte == b'=') else { continue };
            match (&line[..at], &line[at + 1..]) {
                (b"READY", b"1") => parsed.ready = true,
                (b"STOPPING", b"1") => parsed.stopping = true,
                (b"WATCHDOG", b"1") => parsed.alive = true,
                (b"STATUS", text) => parsed.status = Some(printable(text)),
                (b"MAINPID", number) => parsed.main = decimal(number).or(parsed.main),
                _ => {}
            }
        }
        parsed
    }
}

/// A decimal process id that can be signalled alone, so neither 0 nor 1.
pub fn decimal(text: &[u8]) -> Option<Pid> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    u32::try_from(number).ok().filter(|&number| number > 1).and_then(Pid::new)
}

/// The printable part of a text, as much of it as fits: no parts of characters, and no characters that move a cursor or
/// change the direction of writing.
fn printable(text: &[u8]) -> Vec<u8, STATUS> {
    let mut kept = Vec::new();
    for character in text.utf8_chunks().flat_map(|chunk| chunk.valid().chars()) {
        let moves = matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if !character.is_control()
            && !moves
            && kept.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()).is_err()
        {
            break;
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(text: &str) -> Option<String> {
        let parsed = NotifyMessage::read(&[b"STATUS=", text.as_bytes()].concat());
        parsed.status.map(|status| String::from_utf8(status.to_vec()).unwrap())
    }

    #[test]
    fn known_lines_count_and_unknown_ones_do_not() {
        let parsed =
            NotifyMessage::read(b"READY=1\nSTATUS=up = fine\nMAINPID=4711\nFDSTORE=1\n\nX_Y=\nnonsense\n=\nWATCHDOG=1");
        assert_eq!(parsed.main, Pid::new(4711));
        assert_eq!(parsed.status.as_deref(), Some(&b"up = fine"[..]));
        assert!(parsed.ready && parsed.alive && !parsed.stopping);
        assert!(NotifyMessage::read(b"STOPPING=1\n").stopping);
        for nothing in
            [&b""[..], b"READY=0", b"READY", b"READY=1 ", b" READY=1", b"ready=1", b"STOPPING=", b"\0\xff=\xff"]
        {
            assert_eq!(NotifyMessage::read(nothing), NotifyMessage::default(), "{nothing:?}");
        }
        for bad in [&b"0"[..], b"1", b"", b"-5", b"+5", b" 5", b"5x", b"2147483648", b"99999999999999999999"] {
            assert_eq!(NotifyMessage::read(&[b"MAINPID=", bad].concat()).main, None, "{bad:?}");
        }
        assert_eq!(NotifyMessage::read(b"MAINPID=7\nMAINPID=8\nMAINPID=x").main, Pid::new(8));
    }

    #[test]
    fn a_status_is_cut_at_a_character_and_cleaned() {
        assert_eq!(status("a\tb\u{1b}[31mc\u{7f}\u{202e}d").as_deref(), Some("ab[31mcd"));
        assert_eq!(status("").as_deref(), Some(""));
        assert_eq!(status(&"\u{20ac}".repeat(200)), Some("\u{20ac}".repeat(STATUS / 3)));
        assert_eq!(NotifyMessage::read(b"STATUS=a\xff\xc3b").status.as_deref(), Some(&b"ab"[..]));
    }
}
