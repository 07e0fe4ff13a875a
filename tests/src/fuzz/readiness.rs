//! The messages of daemons: notifications and pid files.

use uphold_linux::readiness::message::{NotifyMessage, decimal};

use super::outcome::{Trait, of};

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let texts = ["READY=1", "READY=1\nSTATUS=up\nMAINPID=4711\n", "WATCHDOG=1\nSTOPPING=1", "STATUS=\u{20ac}\u{1b}[0m"];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(super) fn check(message: &[u8]) -> Trait {
    let read = NotifyMessage::read(message);
    let shown = read.status.as_ref().map(|status| std::str::from_utf8(status).expect("a status is UTF-8"));
    assert!(shown.is_none_or(|shown| !shown.chars().any(char::is_control)), "{shown:?}");
    // Lines that are not known change nothing.
    let more = NotifyMessage::read(&[message, b"\nUNKNOWN=1\nnonsense"].concat());
    assert_eq!(format!("{read:?}"), format!("{more:?}"));
    of((read.main.is_some(), shown.map(str::len).map(|length| length.min(4)), read.ready, read.alive, read.stopping))
}

pub(super) fn pid_seeds() -> Vec<Vec<u8>> {
    ["4711\n", " 12 \n", "0", "-1", "2147483648", "+7"].map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(super) fn check_pid(text: &[u8]) -> Trait {
    let pid = decimal(text.trim_ascii());
    let number =
        std::str::from_utf8(text.trim_ascii()).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.and_then(|text| text.parse::<i32>().ok()).filter(|&number| number > 1);
    assert_eq!(pid.map(|pid| i64::from(pid.get())), number.map(i64::from));
    of((pid.is_some(), text.len().min(12)))
}
