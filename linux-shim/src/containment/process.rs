//! What `/proc` says of one process, read without asking anybody for memory.

use std::fmt::Arguments;
use std::io::Write;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::unistd::read;
use uphold_core::process::{Pid, ShortName};

use crate::capacity::{GROUP_PATH, NAME_IN_ENVIRONMENT};
use crate::kernel;

/// Bytes read at once: `/proc` gives no more.
const PIECE: usize = 4096;

/// What a process calls its job and its instance.
pub type ClaimedName = [heapless::Vec<u8, NAME_IN_ENVIRONMENT>; 2];

/// The variables that say so.
const NAMES: [&[u8]; 2] = [b"UPSTART_JOB=", b"UPSTART_INSTANCE="];

/// One process, by `/proc/PID/stat` (proc(5)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stat {
    /// Its number.
    pub pid: Pid,
    /// `comm`.
    pub name: ShortName,
    /// One letter.
    pub state: u8,
    /// Its parent's number.
    pub parent: u32,
    /// Its process group's.
    pub group: u32,
    /// Its session's.
    pub session: u32,
    /// How many threads it has.
    pub threads: u32,
    /// When it began: ticks since boot, 100 a second.
    pub start: u64,
}

impl Stat {
    /// What there is to know of that process.
    pub fn of(pid: Pid) -> Option<Stat> {
        Stat::read(pid, format_args!("{pid}/stat"))
    }

    fn read(pid: Pid, place: Arguments<'_>) -> Option<Stat> {
        let file = open_in_proc(place)?;
        let mut text = [0; 1024];
        let length = read(&file, &mut text).ok()?;
        Stat::parse(pid, text.get(..length)?)
    }

    /// `PID (NAME_IN_ENVIRONMENT) STATE PPID PGRP SESSION ...`, and the name may hold anything.
    fn parse(pid: Pid, text: &[u8]) -> Option<Stat> {
        let from = text.iter().position(|&byte| byte == b'(')? + 1;
        let to = text.iter().rposition(|&byte| byte == b')')?;
        let mut fields = text.get(to + 2..)?.split(|&byte| byte == b' ');
        let state = *fields.next()?.first()?;
        let mut next = |skipped: usize| number(fields.nth(skipped)?);
        let (parent, group, session) = (next(0)?, next(0)?, next(0)?);
        let (threads, start) = (next(13)?, next(1)?);
        let name = ShortName::new(text.get(from..to)?);
        let short = |number: u64| u32::try_from(number).unwrap_or(0);
        Some(Stat {
            pid,
            name,
            state,
            parent: short(parent),
            group: short(group),
            session: short(session),
            threads: short(threads),
            start,
        })
    }

    /// Whether it runs. A process whose first thread has ended lives on in the others.
    pub fn is_alive(&self) -> bool {
        !matches!(self.state, b'Z' | b'X' | b'x') || self.threads > 1
    }

    /// Whether it waits for something to happen, with all its threads.
    pub fn is_idle(&self) -> bool {
        let pid = self.pid;
        let waits = |state| !matches!(state, b'R' | b'D');
        let mut idle = waits(self.state);
        if self.threads > 1 {
            each_thread(pid, |thread| {
                let stat = Stat::read(thread, format_args!("{pid}/task/{thread}/stat"));
                idle &= stat.is_none_or(|stat| waits(stat.state));
            });
        }
        idle
    }
}

fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn open_in_proc(place: Arguments<'_>) -> Option<OwnedFd> {
    let mut path = [0u8; 64];
    write!(&mut path[..], "/proc/{place}").ok()?;
    let length = path.iter().position(|&byte| byte == 0)?;
    open(&path[..length], OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).ok()
}

/// Reads a file to its end, piece by piece.
pub fn each_piece(file: &OwnedFd, mut take: impl FnMut(&[u8])) {
    let mut piece = [0; PIECE];
    loop {
        match read(file, &mut piece) {
            Ok(0) => return,
            Ok(length) => take(piece.get(..length).unwrap_or_default()),
            Err(Errno::EINTR) => {}
            // It has ended meanwhile.
            Err(_) => return,
        }
    }
}

/// Reads numbers with blanks or line ends between them, none of them zero.
pub fn each_number(file: &OwnedFd, mut take: impl FnMut(Pid)) {
    let mut number: u32 = 0;
    let mut done = |number: &mut u32| {
        Pid::new(std::mem::take(number)).into_iter().for_each(&mut take);
    };
    each_piece(file, |piece| {
        for &byte in piece {
            match byte {
                b'0'..=b'9' => number = number.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')),
                _ => done(&mut number),
            }
        }
    });
    done(&mut number);
}

/// The children of a process, those that came first first; `threads` is how many threads it has.
pub fn each_child(of: Pid, threads: u32, mut take: impl FnMut(Pid)) {
    let mut of_thread = |thread: Pid| {
        if let Some(file) = open_in_proc(format_args!("{of}/task/{thread}/children")) {
            each_number(&file, &mut take);
        }
    };
    if threads <= 1 { of_thread(of) } else { each_thread(of, of_thread) }
}

fn each_thread(of: Pid, mut take: impl FnMut(Pid)) {
    let Some(directory) = open_in_proc(format_args!("{of}/task")) else { return };
    kernel::descriptors::each_entry(&directory, |name, _| {
        let thread = number(name).and_then(|number| u32::try_from(number).ok());
        thread.and_then(Pid::new).into_iter().for_each(&mut take);
    });
}

/// What the environment that a process began with says of its job. Nothing if it has overwritten it.
pub fn named(pid: Pid) -> Option<ClaimedName> {
    let mut found: [Option<heapless::Vec<u8, NAME_IN_ENVIRONMENT>>; 2] = [None, None];
    each_variable(pid, |entry| {
        for (name, place) in NAMES.iter().zip(&mut found) {
            if let Some(value) = entry.strip_prefix(*name) {
                *place = heapless::Vec::from_slice(value).ok();
            }
        }
    });
    let [job, instance] = found;
    Some([job?, instance.unwrap_or_default()])
}

/// Whether a process has a whole environment that names no job: it is not one of a job's, unless a program has given it
/// another. One that has overwritten it, or has none, says nothing.
pub fn is_foreign(pid: Pid) -> bool {
    let (mut some, mut whole, mut named) = (false, true, false);
    each_variable(pid, |entry| {
        let name = entry.split(|&byte| byte == b'=').next().filter(|name| name.len() < entry.len());
        some = true;
        whole &= name.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic));
        named |= entry.starts_with(NAMES[0]);
    });
    some && whole && !named
}

/// The variables in the environment that a process began with; of longer ones the beginning.
fn each_variable(pid: Pid, mut take: impl FnMut(&[u8])) {
    let Some(file) = open_in_proc(format_args!("{pid}/environ")) else { return };
    let mut entry = heapless::Vec::<u8, { NAME_IN_ENVIRONMENT + 17 }>::new();
    each_piece(&file, |piece| {
        for &byte in piece {
            if byte != 0 {
                // Nothing longer is looked for.
                entry.push(byte).unwrap_or_default();
                continue;
            }
            take(&entry);
            entry.clear();
        }
    });
}

/// Where a process is in the one hierarchy of control groups (cgroups(7)).
fn group_of(pid: impl std::fmt::Display) -> Option<heapless::Vec<u8, GROUP_PATH>> {
    let file = open_in_proc(format_args!("{pid}/cgroup"))?;
    let (mut line, mut found) = (heapless::Vec::<u8, { GROUP_PATH + 4 }>::new(), None);
    each_piece(&file, |piece| {
        for &byte in piece {
            if byte != b'\n' {
                // A longer one is not compared.
                line.push(byte).unwrap_or_default();
                continue;
            }
            found = found.take().or_else(|| heapless::Vec::from_slice(line.strip_prefix(b"0::")?).ok());
            line.clear();
        }
    });
    found
}

/// Whether a process is in the control group that we are in, as far as can be told.
pub fn is_in_our_group(pid: Pid) -> bool {
    let (own, other) = (group_of("self"), group_of(pid));
    own.is_none() || other.is_none() || own == other
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = b"7 (a) Z 1 (x) S 3 4 5 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 9 0 12345 1 2\n";
        let stat = Stat::parse(Pid::MIN, text).unwrap();
        assert_eq!(stat.name, ShortName::new(b"a) Z 1 (x"));
        assert_eq!((stat.state, stat.parent, stat.group, stat.session), (b'S', 3, 4, 5));
        assert_eq!((stat.threads, stat.start), (9, 12345));
        assert_eq!(Stat::parse(Pid::MIN, b"7 (a) S 3"), None);
    }

    #[test]
    fn this_very_process_is_found() {
        let own = Pid::new(std::process::id()).unwrap();
        let stat = Stat::of(own).unwrap();
        assert_eq!(stat.parent, std::os::unix::process::parent_id());
        assert!(stat.is_alive() && stat.threads > 0 && stat.start > 0);
        assert_eq!(named(own), None);
        assert!(is_foreign(own));
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
            // A new thread may sleep before it comes to its own work.
            while !begun.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            let own = Stat::of(Pid::new(std::process::id()).unwrap()).unwrap();
            let first_thread_waits = Stat { state: b'S', ..own };
            let idle = first_thread_waits.is_idle();
            over.store(true, Ordering::Relaxed);
            assert!(own.threads > 1 && !idle);
        });
    }
}
