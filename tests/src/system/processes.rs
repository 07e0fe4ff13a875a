//! Processes in `/proc`.

use std::fs;

use nix::sys::signal::kill;
use nix::unistd::Pid;

pub use nix::sys::signal::Signal;

/// A process. Its start time distinguishes it from a later process with the same id.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// The name of its program.
    pub name: String,
    parent: u32,
    zombie: bool,
    stopped: bool,
    began: u64,
}

impl Process {
    /// The process with an id.
    pub fn of(pid: u32) -> Option<Process> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // `PID (NAME) STATE PPID ...`; the name may contain any character.
        let (head, tail) = text.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<&str> = tail.split_ascii_whitespace().collect();
        let field = |at: usize| fields.get(at)?.parse().ok();
        let zombie = matches!(*fields.first()?, "Z" | "X");
        let stopped = *fields.first()? == "T";
        Some(Process { pid, name, parent: field(1)? as u32, zombie, stopped, began: field(19)? })
    }

    /// Whether the process still runs.
    pub fn is_alive(&self) -> bool {
        Process::of(self.pid).is_some_and(|now| now.began == self.began && !now.zombie)
    }
}

/// Whether a process with this id runs. A zombie does not.
pub fn is_running(pid: u32) -> bool {
    Process::of(pid).is_some_and(|process| !process.zombie)
}

/// Whether a process with this id is stopped by a signal.
pub fn stands_still(pid: u32) -> bool {
    Process::of(pid).is_some_and(|process| process.stopped)
}

/// Whether a process with this id is stopped, by a signal or by its tracer.
pub fn is_held(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

fn all() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").expect("/proc is mounted");
    entries.flatten().filter_map(|entry| Process::of(entry.file_name().to_str()?.parse().ok()?))
}

/// The descendants of a process, without zombies.
pub fn descendants(of: u32) -> Vec<Process> {
    let all: Vec<Process> = all().collect();
    let mut family = vec![of];
    let mut at = 0;
    while let Some(&parent) = family.get(at) {
        family.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.pid));
        at += 1;
    }
    all.into_iter().filter(|process| !process.zombie && process.pid != of && family.contains(&process.pid)).collect()
}

/// The processes with a value of an environment variable.
pub fn marked(name: &str, value: &str) -> Vec<Process> {
    let entry = format!("{name}={value}").into_bytes();
    let has = |process: &Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        !process.zombie && environment.split(|&byte| byte == 0).any(|variable| variable == entry)
    };
    all().filter(has).collect()
}

/// The processes with these values of environment variables, each `NAME=VALUE`.
pub fn marked_with(entries: &[String]) -> Vec<Process> {
    let has = |process: &Process| {
        let environment = fs::read(format!("/proc/{}/environ", process.pid)).unwrap_or_default();
        let variables = || environment.split(|&byte| byte == 0);
        entries.iter().all(|entry| variables().any(|variable| variable == entry.as_bytes()))
    };
    all().filter(|process| !process.zombie && has(process)).collect()
}

/// Every live process with its command line and its environment, as far as they can be read. Each string in them ends
/// in a NUL.
pub fn with_texts() -> impl Iterator<Item = (u32, Vec<u8>, Vec<u8>)> {
    let text = |pid: u32, file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let live = all().filter(|process| !process.zombie);
    live.map(move |process| (process.pid, text(process.pid, "cmdline"), text(process.pid, "environ")))
}

/// The number in a field of `/proc/PID/status`.
pub fn number_in_status(pid: u32, field: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

/// Sends a signal. Does nothing if the process has exited.
pub fn send(pid: u32, signal: Signal) {
    assert!(pid > 1, "a process of ours");
    kill(Pid::from_raw(pid as i32), signal).unwrap_or_default();
}
