//! The supervisor's own messages. Logging never blocks and never allocates: messages that cannot be written are
//! counted, and the count is logged later.

use std::ffi::CStr;
use std::fmt::{self, Write as _};
use std::io::{Stderr, Stdout, stderr, stdout};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::stat::{Mode, SFlag, fstat};
use uphold_core::Priority;

use super::message_ring::MessageRing;
use super::syslog::Syslog;
use crate::capacity::MESSAGE;
use crate::clock::{now, tenths};
use crate::kernel::error;

/// Longest record that the kernel log takes in one write.
const KERNEL_RECORD: usize = 976;

/// The log of the supervisor.
pub struct MessageLog {
    threshold: Priority,
    /// The kernel log, once the system's supervisor has opened it. Before that, and in sessions, messages go to the
    /// standard descriptors.
    kernel: Own,
    out: Stdout,
    err: Stderr,
    /// The standard descriptors opened again without blocking, where that is possible.
    own: [Own; 2],
    dropped: u32,
    ring: MessageRing,
    /// The log daemon, for the system's supervisor.
    syslog: Option<Syslog>,
}

impl MessageLog {
    /// Logs messages from this priority up, to the standard descriptors at first.
    pub fn new(threshold: Priority) -> Self {
        let (out, err) = (stdout(), stderr());
        let own = [open_again(out.as_fd(), c"/proc/self/fd/1"), open_again(err.as_fd(), c"/proc/self/fd/2")];
        let ring = MessageRing::new();
        MessageLog { threshold, kernel: Own::None, out, err, own, dropped: 0, ring, syslog: None }
    }

    /// Whether a message of this priority is logged.
    pub fn is_heard(&self, priority: Priority) -> bool {
        priority <= self.threshold
    }

    /// The lowest priority that is logged.
    pub const fn threshold(&self) -> Priority {
        self.threshold
    }

    /// Sets the lowest priority that is logged.
    pub const fn set_threshold(&mut self, threshold: Priority) {
        self.threshold = threshold;
    }

    /// Logs to the kernel log from now on, if there is one.
    pub fn open_kernel_log(&mut self) {
        self.kernel = Own::open(c"/dev/kmsg");
    }

    /// Logs to the system's log daemon too from now on, whenever there is one.
    pub fn use_syslog(&mut self) {
        self.syslog = Some(Syslog::new());
    }

    /// The last messages.
    pub(crate) fn ring(&self) -> &MessageRing {
        &self.ring
    }

    /// The last messages, to which those of another program are added.
    pub(crate) fn ring_mut(&mut self) -> &mut MessageRing {
        &mut self.ring
    }

    /// Whether messages go to the kernel log.
    pub fn has_kernel_log(&self) -> bool {
        self.kernel.get().is_some()
    }

    /// Puts a message into the ring, and sends it to the log daemon.
    fn note(&mut self, priority: Priority, text: fmt::Arguments<'_>) {
        let mut line = Line::new();
        line.format(text);
        let plain = line.bytes().strip_suffix(b"\n").unwrap_or(line.bytes());
        self.ring.note(tenths(now()), priority, plain);
        if let Some(syslog) = &mut self.syslog {
            let mut line = Line::new();
            line.format(format_args!("<{}>init: {text}", Syslog::code(priority)));
            syslog.send(line.bytes().strip_suffix(b"\n").unwrap_or(line.bytes()));
        }
    }

    /// Logs one message.
    pub fn say(&mut self, priority: Priority, text: fmt::Arguments<'_>) {
        if !self.is_heard(priority) {
            return;
        }
        self.kernel.open_later();
        self.own.iter_mut().for_each(Own::open_later);
        if self.dropped > 0 {
            let dropped = self.dropped;
            if self.put(Priority::Warn, format_args!("{dropped} messages were lost")) {
                self.dropped = 0;
            }
        }
        if !self.put(priority, text) {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Logs an error.
    pub fn error(&mut self, text: fmt::Arguments<'_>) {
        self.say(Priority::Error, text);
    }

    /// Logs a warning.
    pub fn warn(&mut self, text: fmt::Arguments<'_>) {
        self.say(Priority::Warn, text);
    }

    /// Logs what happens, for verbose logs.
    pub fn info(&mut self, text: fmt::Arguments<'_>) {
        self.say(Priority::Info, text);
    }

    fn put(&mut self, priority: Priority, text: fmt::Arguments<'_>) -> bool {
        self.note(priority, text);
        let mut line = Line::new();
        match self.kernel.get() {
            Some(kernel) => {
                line.kernel_record(priority, text);
                // A broken kernel log cannot be reported anywhere; the message counts as lost.
                nix::unistd::write(kernel, line.bytes()).is_ok()
            }
            None => {
                line.terminal_line(priority, text);
                let [out, err] = &self.own;
                let (own, shared) =
                    if priority <= Priority::Warn { (err, self.err.as_fd()) } else { (out, self.out.as_fd()) };
                write_if_ready(own.get().map_or(shared, OwnedFd::as_fd), line.bytes())
            }
        }
    }
}

/// A descriptor of the log's own, for writes that do not block.
#[derive(Debug)]
enum Own {
    /// There is none.
    None,
    /// The kernel had none when this file was opened. It is opened again before the next message.
    Later(&'static CStr),
    Open(OwnedFd),
}

impl Own {
    /// Opens a file without blocking.
    fn open(path: &'static CStr) -> Own {
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        match open(path, flags, Mode::empty()) {
            Ok(opened) => Own::Open(opened),
            Err(errno) if error::may_pass(errno) => Own::Later(path),
            Err(_) => Own::None,
        }
    }

    /// Opens the file if that failed before for a reason that may pass.
    fn open_later(&mut self) {
        if let Own::Later(path) = *self {
            *self = Own::open(path);
        }
    }

    fn get(&self) -> Option<&OwnedFd> {
        match self {
            Own::Open(opened) => Some(opened),
            Own::None | Own::Later(_) => None,
        }
    }
}

/// Opens a terminal or a pipe again, so that writes never block here and the shared descriptor stays as it is for
/// others. A terminal with room for one byte reports that it is ready, and then blocks until it has taken the last
/// byte.
fn open_again(shared: BorrowedFd<'_>, path: &'static CStr) -> Own {
    /// The master side of a pseudo-terminal. If opened again, it would be that of another terminal.
    const SCREEN: libc::dev_t = libc::makedev(5, 2);
    let Ok(about) = fstat(shared) else { return Own::None };
    let kind = SFlag::from_bits_truncate(about.st_mode) & SFlag::S_IFMT;
    let blocks = kind == SFlag::S_IFIFO || (kind == SFlag::S_IFCHR && about.st_rdev != SCREEN);
    if blocks { Own::open(path) } else { Own::None }
}

/// Writes to a descriptor that is shared with others, which may rely on its blocking: checks first whether it would
/// block.
fn write_if_ready(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let mut fds = [PollFd::new(fd, PollFlags::POLLOUT)];
        match poll(&mut fds, PollTimeout::ZERO) {
            Ok(1) => {}
            Err(Errno::EINTR) => continue,
            _ => return false,
        }
        match nix::unistd::write(fd, bytes) {
            Ok(0) => return false,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(_) => return false,
        }
    }
    true
}

/// One message, in a buffer of fixed size.
struct Line {
    bytes: [u8; MESSAGE],
    used: usize,
    room: usize,
    cut: bool,
}

impl Line {
    fn new() -> Self {
        Line { bytes: [0; MESSAGE], used: 0, room: MESSAGE - 4, cut: false }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.used).unwrap_or_default()
    }

    /// One record: `<N>init: TEXT`.
    fn kernel_record(&mut self, priority: Priority, text: fmt::Arguments<'_>) {
        self.room = KERNEL_RECORD - 4;
        self.format(format_args!("<{}>init: {text}", priority as u8));
    }

    /// `init: TEXT` for warnings and errors, `TEXT` for the rest. There is no blank if the first word ends in a colon,
    /// as the name of a file with an error does.
    fn terminal_line(&mut self, priority: Priority, text: fmt::Arguments<'_>) {
        if priority > Priority::Warn {
            return self.format(text);
        }
        self.format(format_args!("init:{text}"));
        let message = self.bytes.get(5..self.used).unwrap_or_default();
        let first_word = message.split(|&byte| byte == b' ').next().unwrap_or_default();
        if !first_word.ends_with(b":") && self.used < MESSAGE {
            self.bytes.copy_within(5..self.used, 6);
            self.bytes[5] = b' ';
            self.used += 1;
        }
    }

    fn format(&mut self, text: fmt::Arguments<'_>) {
        // The buffer refuses only text that does not fit, and marks the cut by dots.
        if self.write_fmt(text).is_err() || self.cut {
            self.append(b"...");
        }
        self.append(b"\n");
    }

    fn append(&mut self, end: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.used..self.used + end.len()) {
            room.copy_from_slice(end);
            self.used += end.len();
        }
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut fits = text.len().min(self.room - self.used.min(self.room));
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        self.cut |= fits < text.len();
        self.append(&text.as_bytes()[..fits]);
        if self.cut { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::fcntl::{FcntlArg, fcntl};
    use std::ffi::CString;
    use std::os::fd::AsRawFd;

    fn terminal(priority: Priority, text: &str) -> String {
        let mut line = Line::new();
        line.terminal_line(priority, format_args!("{text}"));
        String::from_utf8_lossy(line.bytes()).into_owned()
    }

    #[test]
    fn what_is_wrong_carries_the_name() {
        assert_eq!(
            terminal(Priority::Warn, "a main process (7) killed by TERM signal"),
            "init: a main process (7) killed by TERM signal\n"
        );
        assert_eq!(
            terminal(Priority::Error, "/etc/init/a.conf:1: Unknown stanza"),
            "init:/etc/init/a.conf:1: Unknown stanza\n"
        );
        assert_eq!(terminal(Priority::Info, "Handling startup event"), "Handling startup event\n");
    }

    #[test]
    fn the_kernel_gets_the_level() {
        let mut line = Line::new();
        line.kernel_record(Priority::Error, format_args!("/a.conf:1: Unknown stanza"));
        assert_eq!(line.bytes(), b"<3>init: /a.conf:1: Unknown stanza\n");
    }

    #[test]
    fn an_unread_terminal_is_not_waited_for_and_keeps_its_mode_for_others() {
        let (_reader, terminal) = crate::kernel::terminal::open_terminal().unwrap();
        let (_other_reader, pipe) = nix::unistd::pipe().unwrap();
        for shared in [terminal, pipe] {
            let path = CString::new(format!("/proc/self/fd/{}", shared.as_raw_fd())).unwrap();
            let own = open_again(shared.as_fd(), Box::leak(path.into_boxed_c_str()));
            // Not a divisor of the buffer's size.
            while write_if_ready(own.get().unwrap().as_fd(), &[b'x'; 97]) {}
            let flags = OFlag::from_bits_retain(fcntl(&shared, FcntlArg::F_GETFL).unwrap());
            assert!(!flags.contains(OFlag::O_NONBLOCK));
        }
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(
            open_again(file.as_fd(), c"/proc/self/stat").get().is_none(),
            "what is written to a file goes where the others' goes"
        );
    }

    #[test]
    fn what_is_too_long_ends_in_dots() {
        let mut line = Line::new();
        line.kernel_record(Priority::Error, format_args!("{}", "\u{e4}".repeat(2000)));
        assert!(line.bytes().len() <= KERNEL_RECORD);
        assert!(line.bytes().ends_with("\u{e4}...\n".as_bytes()));
    }
}
