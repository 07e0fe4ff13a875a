//! The state of a process, by `/proc/PID/stat` and its neighbours (proc(5)). Nothing here allocates.

use std::fmt::Arguments;

use nix::errno::Errno;
use uphold_core::{Pid, ShortName, Signal};

use crate::kernel;
use crate::kernel::error::is_absence;
use crate::watch::proc_files::{Reading, each_number, fill, number, open_file, open_in_proc};

/// The state of one process, from `/proc/PID/stat` (proc(5)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// The process id.
    pub pid: Pid,
    /// `comm`.
    pub name: ShortName,
    /// The state, as one letter.
    pub state: u8,
    /// Whether all threads have begun to exit. From then until it is a zombie, the process has no program and no
    /// environment any more, and keeps its children.
    pub exits: bool,
    /// The process id of the parent.
    pub parent: u32,
    /// The process group.
    pub group: u32,
    /// The session.
    pub session: u32,
    /// The number of threads.
    pub threads: u32,
    /// The start time in ticks since boot, 100 a second.
    pub start: u64,
}

impl Stat {
    /// The state of that process; `None` if there is none.
    ///
    /// # Errors
    /// The kernel does not tell now.
    pub fn of(pid: Pid) -> Result<Option<Stat>, Errno> {
        let Some(stat) = Stat::read(pid, format_args!("{pid}/stat"))? else { return Ok(None) };
        // The line tells it of the first thread.
        let exits = stat.exits && stat.all_threads(|thread| thread.exits)?;
        Ok(Some(Stat { exits, ..stat }))
    }

    fn read(pid: Pid, place: Arguments<'_>) -> Reading<Stat> {
        let Some(file) = open_in_proc(place)? else { return Ok(None) };
        let mut text = [0; LINE];
        Ok(fill(&file, &mut text)?.and_then(|text| Stat::parse(pid, text)))
    }

    /// `PID (NAME) STATE PPID PGRP SESSION ...`, where the name may contain any byte.
    fn parse(pid: Pid, text: &[u8]) -> Option<Stat> {
        let from = text.iter().position(|&byte| byte == b'(')? + 1;
        let to = text.iter().rposition(|&byte| byte == b')')?;
        let mut fields = text.get(to + 2..)?.split(|&byte| byte == b' ');
        let state = *fields.next()?.first()?;
        let mut next = |skipped: usize| number(fields.nth(skipped)?);
        let (parent, group, session) = (next(0)?, next(0)?, next(0)?);
        let (flags, threads, start) = (next(2)?, next(10)?, next(1)?);
        let name = ShortName::new(text.get(from..to)?);
        let short = |number: u64| u32::try_from(number).unwrap_or(0);
        Some(Stat {
            pid,
            name,
            state,
            exits: flags & EXITING != 0,
            parent: short(parent),
            group: short(group),
            session: short(session),
            threads: short(threads),
            start,
        })
    }

    /// Whether the process is alive. A process whose first thread has exited lives on in the others.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }

    /// Whether a signal has stopped the process.
    pub fn is_stopped(&self) -> bool {
        self.state == b'T'
    }

    /// Whether the process waits with all its threads.
    ///
    /// # Errors
    /// The kernel does not tell now.
    pub fn is_idle(&self) -> Result<bool, Errno> {
        let waits = |thread: &Stat| !matches!(thread.state, b'R' | b'D');
        Ok(self.all_threads(waits)? && waits(self))
    }

    /// Whether something is so of every thread.
    fn all_threads(&self, is_so: impl Fn(&Stat) -> bool) -> Result<bool, Errno> {
        if self.threads <= 1 {
            return Ok(is_so(self));
        }
        let (pid, mut all) = (self.pid, true);
        each_thread(pid, |thread| {
            let stat = Stat::read(thread, format_args!("{pid}/task/{thread}/stat"))?;
            all &= stat.is_none_or(|stat| is_so(&stat));
            Ok(())
        })?;
        Ok(all)
    }
}

/// The children of a process, the oldest first; `threads` is the number of its threads.
///
/// # Errors
/// The kernel does not tell now: there may be more. (A kernel without such lists has none for any process.)
pub(crate) fn each_child(of: Pid, threads: u32, mut take: impl FnMut(Pid)) -> Result<(), Errno> {
    let mut of_thread = |thread: Pid| match open_in_proc(format_args!("{of}/task/{thread}/children"))? {
        Some(file) => each_number(&file, &mut take),
        None => Ok(()),
    };
    if threads <= 1 { of_thread(of) } else { each_thread(of, of_thread) }
}

/// The threads of a process.
///
/// # Errors
/// The kernel does not tell now: there may be more.
pub(crate) fn each_thread(of: Pid, mut take: impl FnMut(Pid) -> Result<(), Errno>) -> Result<(), Errno> {
    let Some(directory) = open_in_proc(format_args!("{of}/task"))? else { return Ok(()) };
    let mut all = Ok(());
    let read = kernel::descriptors::each_entry(&directory, |name, _| {
        let thread = number(name).and_then(|number| u32::try_from(number).ok());
        if let (Some(thread), Ok(())) = (thread.and_then(Pid::new), all) {
            all = take(thread);
        }
    });
    all.and(match read {
        // The process has exited meanwhile.
        Err(errno) if is_absence(errno) => Ok(()),
        read => read,
    })
}

/// `PF_EXITING` among the flags of a thread (proc(5), field 9).
const EXITING: u64 = 4;

/// More than the longest line: 52 numbers, and a name of at most 64 bytes.
const LINE: usize = 1536;

/// The parent of a process; `None` if there is no such process.
pub(crate) fn parent_of(pid: Pid) -> Reading<Pid> {
    Ok(Stat::of(pid)?.and_then(|stat| Pid::new(stat.parent)))
}

/// How a process that is not reaped yet exited, in the form of wait(2). `None` also if the supervisor may not look into
/// the process.
pub(crate) fn exit_code_of(pid: Pid) -> Option<i32> {
    let mut line = [0; LINE];
    let line = fill(&open_file(pid, "stat").ok()??, &mut line).ok()??;
    let code = field(line, 52).filter(|_| field(line, 3) == Some("Z"))?.parse().ok()?;
    // The kernel shows a zero to a program that may not look into the process. Such a program may not follow this link
    // either.
    (code != 0 || open_file(pid, "ns/user").is_ok_and(|there| there.is_some())).then_some(code)
}

/// Whether a signal has stopped the process, as far as the kernel tells.
pub(crate) fn stands_still(pid: Pid) -> bool {
    matches!(Stat::of(pid), Ok(Some(stat)) if stat.is_stopped())
}

/// Whether the process has a controlling terminal; `None` if there is no such process, or the kernel does not tell.
pub(crate) fn has_terminal(pid: Pid) -> Option<bool> {
    let mut line = [0; LINE];
    Some(field(fill(&open_file(pid, "stat").ok()??, &mut line).ok()??, 7)? != "0")
}

/// Whether the process is traced; `None` if there is no such process, or the kernel does not tell.
pub(crate) fn is_traced(pid: Pid) -> Option<bool> {
    of_status(pid, "TracerPid:\t", |tracer| tracer != b"0")
}

/// Whether the first thread was sent a signal that it has not taken yet, as far as the kernel tells.
pub(crate) fn is_pending(pid: Pid, signal: Signal) -> bool {
    of_status(pid, "SigPnd:\t", signals).flatten().is_some_and(|pending| pending >> (signal.0 - 1) & 1 == 1)
}

/// The signals that the first thread blocks, bit 0 for signal 1; `None` if the kernel does not tell.
pub(crate) fn blocked_signals(pid: Pid) -> Option<u64> {
    of_status(pid, "SigBlk:\t", signals).flatten()
}

fn signals(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The value of a line of `/proc/PID/status`. The line must come early in the text.
fn of_status<T>(pid: Pid, line: &str, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
    let mut text = [0; LINE];
    let mut lines = fill(&open_file(pid, "status").ok()??, &mut text).ok()??.split(|&byte| byte == b'\n');
    lines.find_map(|found| found.strip_prefix(line.as_bytes())).map(read)
}

/// A field by its number in proc(5), which is 3 or more.
fn field(line: &[u8], number: usize) -> Option<&str> {
    // `PID (NAME) STATE PPID ...`, where the name may contain any byte.
    let name_end = line.iter().rposition(|&byte| byte == b')')?;
    let word = line.get(name_end..)?.split(|&byte| byte == b' ').nth(number - 2)?;
    std::str::from_utf8(word.trim_ascii_end()).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_parent_is_read_from_proc() {
        let pid = |number| Pid::new(number).unwrap();
        assert_eq!(parent_of(pid(std::process::id())), Ok(Pid::new(std::os::unix::process::parent_id())));
        assert_eq!(parent_of(pid(1_000_000_002)), Ok(None));
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

    #[test]
    fn a_name_may_hold_anything() {
        let text = b"7 (a) Z 1 (x) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 12345 1 2\n";
        let stat = Stat::parse(Pid::MIN, text).unwrap();
        assert_eq!(stat.name, ShortName::new(b"a) Z 1 (x"));
        assert_eq!((stat.state, stat.parent, stat.group, stat.session), (b'S', 3, 4, 5));
        assert_eq!((stat.exits, stat.threads, stat.start), (false, 9, 12345));
        let text = b"7 (a) R 3 4 5 0 -1 4194564 1 2 3 4 5 6 7 8 20 0 9 0 12345 1 2\n";
        assert!(Stat::parse(Pid::MIN, text).unwrap().exits);
        assert_eq!(Stat::parse(Pid::MIN, b"7 (a) S 3"), None);
    }

    #[test]
    fn this_very_process_is_found() {
        let own = Pid::new(std::process::id()).unwrap();
        let stat = Stat::of(own).unwrap().unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(stat.is_alive() && stat.threads > 0 && stat.start > 0);
        assert!(!stat.exits);
    }

    #[test]
    fn a_process_is_not_idle_while_a_thread_of_it_computes() {
        let [begun, over] = [const { AtomicBool::new(false) }; 2];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                begun.store(true, Ordering::Relaxed);
                while !over.load(Ordering::Relaxed) {
                    std::hint::spin_loop()
                }
            });
            // A new thread may sleep before it starts its own work.
            while !begun.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            let own = Stat::of(Pid::new(std::process::id()).unwrap()).unwrap().unwrap();
            let first_thread_waits = Stat { state: b'S', ..own };
            let idle = first_thread_waits.is_idle().unwrap();
            over.store(true, Ordering::Relaxed);
            assert!(own.threads > 1 && !idle);
        });
    }
}
