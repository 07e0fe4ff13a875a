//! Ending the processes that remain when a supervisor ends.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::capacity::{LEFTOVER_LOOKS, LEFTOVER_PAUSE};
use crate::descriptors::essential;
use crate::kernel::process::{has_children, is_child};
use crate::watch::reap::next_change;

/// The greatest process id that Linux gives (PID_MAX_LIMIT).
const GREATEST_PID: i32 = 1 << 22;

/// Ends the remaining processes of a session: those that outlived their parents have become children of this process.
/// SIGTERM comes first. The kernel says whether any are left, also where nothing can be read in `/proc`.
pub fn end_leftovers() {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        for round in 0..LEFTOVER_LOOKS {
            while next_change().is_some() {}
            if !has_children() {
                return;
            }
            if round == 0 || signal == Signal::SIGKILL {
                // Some have exited by now.
                let end = |child| kill(child, signal).and_then(|()| kill(child, Signal::SIGCONT));
                children().into_iter().for_each(|child| end(child).unwrap_or_default());
            }
            std::thread::sleep(LEFTOVER_PAUSE);
        }
    }
}

fn children() -> Vec<Pid> {
    let path = format!("/proc/self/task/{}/children", nix::unistd::gettid());
    let list = essential(|| fs::read_to_string(&path)).unwrap_or_default();
    let listed = list.split_ascii_whitespace().filter_map(|word| word.parse().ok());
    // The list may be that of another pid namespace.
    let mut numbers: Vec<i32> = listed.filter(|&number| is_child(number)).collect();
    if numbers.is_empty() {
        // There is no descriptor, or no `/proc`. To ask for each process id takes seconds, and neither of them.
        numbers.extend((2..=GREATEST_PID).filter(|&number| is_child(number)));
    }
    numbers.into_iter().map(Pid::from_raw).collect()
}
