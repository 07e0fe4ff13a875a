//! Files of `/proc/PID`, and what they say of a process beside [`Stat`]. Nothing here allocates.

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;
use std::io::Write;
use std::os::fd::OwnedFd;
use uphold_core::process::Pid;

use crate::containment::Stat;

/// More than the longest line: 52 numbers, and a name of 64 bytes at most.
const LINE: usize = 1536;

/// The parent of a process; `None` if there is no such process, or no `/proc`.
pub(crate) fn parent_of(pid: Pid) -> Option<Pid> {
    Pid::new(Stat::of(pid)?.parent)
}

/// How a process ended that nobody has reaped yet, as wait(2) has it; `None` also if that is none of our business.
pub(crate) fn exit_code_of(pid: Pid) -> Option<i32> {
    let mut line = [0; LINE];
    let line = fill(&open_file(pid, "stat")?, &mut line)?;
    let code = field(line, 52).filter(|_| field(line, 3) == Some("Z"))?.parse().ok()?;
    // Who may not look into the process is shown a zero. This link may be followed by those who may.
    (code != 0 || open_file(pid, "ns/user").is_some()).then_some(code)
}

/// Whether somebody traces the process; `None` if there is no such process, or no `/proc`.
pub(crate) fn is_traced(pid: Pid) -> Option<bool> {
    /// Which comes early in the text.
    const TRACER: &str = "TracerPid:\t";
    let mut text = [0; LINE];
    let mut lines = fill(&open_file(pid, "status")?, &mut text)?.split(|&byte| byte == b'\n');
    let tracer = lines.find_map(|line| line.strip_prefix(TRACER.as_bytes()))?;
    Some(tracer != b"0")
}

/// Opens a file that says something of a process.
pub(crate) fn open_file(pid: Pid, name: &str) -> Option<OwnedFd> {
    let mut path = [0u8; 32];
    write!(&mut path[..], "/proc/{pid}/{name}").ok()?;
    let length = path.iter().position(|&byte| byte == 0)?;
    open(&path[..length], OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Reads a file to its end, or as much as there is room for.
pub(crate) fn fill<'r>(file: &OwnedFd, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let mut used = 0;
    while let Some(space) = room.get_mut(used..).filter(|space| !space.is_empty()) {
        match read(file, space) {
            Ok(0) => break,
            Ok(count) => used += count,
            Err(Errno::EINTR) => {}
            Err(_) => return None,
        }
    }
    room.get(..used)
}

/// A field by its number in proc(5), which is 3 or more.
fn field(line: &[u8], number: usize) -> Option<&str> {
    // `PID (NAME) STATE PPID ...`, and the name may hold anything.
    let name_end = line.iter().rposition(|&byte| byte == b')')?;
    let word = line.get(name_end..)?.split(|&byte| byte == b' ').nth(number - 2)?;
    std::str::from_utf8(word.trim_ascii_end()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_read_from_proc() {
        let pid = |number| Pid::new(number).unwrap();
        assert_eq!(parent_of(pid(std::process::id())), Pid::new(std::os::unix::process::parent_id()));
        assert_eq!(parent_of(pid(1_000_000_002)), None);
        assert_eq!(is_traced(pid(1_000_000_002)), None);
        assert_eq!(is_traced(pid(std::process::id())), Some(false));
    }

    #[test]
    fn an_exit_code_is_read_from_proc_before_the_reaping() {
        let mut command = std::process::Command::new("sh");
        command.args(["-c", "read line; exit 3"]).stdin(std::process::Stdio::piped());
        let mut child = command.spawn().unwrap();
        let pid = Pid::new(child.id()).unwrap();
        assert_eq!(exit_code_of(pid), None);
        drop(child.stdin.take());
        while exit_code_of(pid).is_none() {
            std::thread::yield_now();
        }
        assert_eq!(exit_code_of(pid), Some(3 << 8));
        child.wait().unwrap();
        assert_eq!(exit_code_of(pid), None);
    }
}
