//! Limits of open files, and of their size.

use std::fs;
use std::process::Command;

use super::{Launch, programs};

/// A supervisor with a limit of open files, until this is dropped.
pub struct Limited {
    pid: u32,
    before: String,
}

impl Limited {
    /// A limit so low that no file can be opened any more, not even with the reserve: only the standard descriptors are
    /// below it.
    pub fn all_taken(pid: u32) -> Limited {
        Limited::to(pid, 3)
    }

    /// This limit. The hard limit, which not every root may raise again, stays.
    pub fn to(pid: u32, count: usize) -> Limited {
        let before = prlimit(pid, &["--noheadings", "--output=SOFT,HARD", "--nofile"]);
        let words: Vec<&str> = before.split_whitespace().collect();
        let before = words.join(":");
        prlimit(pid, &[&format!("--nofile={count}:")]);
        Limited { pid, before }
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        prlimit(self.pid, &[&format!("--nofile={}", self.before)]);
    }
}

/// No file can grow beyond this size any more by what a process writes, as on a full disk.
pub fn no_room_beyond(pid: u32, size: u64) {
    prlimit(pid, &[&format!("--fsize={size}:")]);
}

fn prlimit(pid: u32, arguments: &[&str]) -> String {
    let output = Command::new("prlimit").arg("--pid").arg(pid.to_string()).args(arguments).output();
    let output = output.expect("prlimit runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The numbers of the descriptors that a process has open.
pub fn descriptors(pid: u32) -> Vec<u32> {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs").flatten();
    open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// A launch of a supervisor with this limit of open files, above which it cannot raise it.
pub fn limited(launch: Launch, count: usize) -> Launch {
    let init = programs::built().init.display();
    let script = format!("#!/bin/sh\nulimit -n {count}\nexec {init} \"$@\"\n");
    let script = launch.folder().script("limited", &script);
    launch.program(&script)
}
