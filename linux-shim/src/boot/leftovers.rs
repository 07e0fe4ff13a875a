//! Ending the processes that remain when a supervisor ends.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::capacity::{LEFTOVER_LOOKS, LEFTOVER_PAUSE};
use crate::watch::reap::next_change;

/// Ends the remaining processes of a session: those that outlived their parents have become children of this process.
/// SIGTERM comes first.
pub fn end_leftovers() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for round in 0..LEFTOVER_LOOKS {
            while next_change().is_some() {}
            let children = children();
            if children.is_empty() {
                return;
            }
            for child in children.into_iter().filter(|_| round == 0 || signal == Signal::SIGKILL) {
                // Some have exited by now.
                kill(child, signal).and_then(|()| kill(child, Signal::SIGCONT)).unwrap_or_default();
            }
            std::thread::sleep(LEFTOVER_PAUSE);
        }
    }
}

fn children() -> Vec<Pid> {
    let path = format!("/proc/self/task/{}/children", nix::unistd::gettid());
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|word| word.parse().ok()).map(Pid::from_raw).collect()
}
