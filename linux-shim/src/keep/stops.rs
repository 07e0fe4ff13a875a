//! Stops of processes that are not children of the supervisor.

use std::collections::VecDeque;

use uphold_core::{Pid, Process, Signal, Supervisor, Survivor};

use crate::pending::PendingInput;
use crate::watch::kill::{signal_exactly, signal_one};
use crate::watch::pidfd::Watches;
use crate::watch::proc_stat::stands_still;

/// The kernel reports the stop of a process to its parent only: of another's it is seen when the job is looked at.
pub(crate) fn note_stops(supervisor: &Supervisor<'_>, survivors: &[Survivor], ready: &mut VecDeque<PendingInput>) {
    for survivor in survivors.iter().filter(|survivor| !survivor.child) {
        if let Some((_, Process::Main)) = supervisor.owner(survivor.pid)
            && stands_still(survivor.pid)
        {
            ready.push_back(PendingInput::Stopped(survivor.pid));
        }
    }
}

/// Lets a process continue that is not traced any more: its tracer was killed, which does not take away the stop at its
/// birth. The stop may still be on its way.
pub(crate) fn let_go_on(watches: &Watches, pid: Pid) {
    let sent = match watches.get(pid) {
        Some(process) => signal_exactly(process, Signal::CONT),
        None => signal_one(pid, Signal::CONT),
    };
    // If it is gone, its exit is reported.
    sent.map(drop).unwrap_or_default();
}
