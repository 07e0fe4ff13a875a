//! How the exit of a watched process is noticed, and that it is reported once.
//!
//! | the process                                              | the report                                      |
//! |----------------------------------------------------------|-------------------------------------------------|
//! | a child of the supervisor                                | waitid(2), by which it is reaped                |
//! | a tracee of the supervisor                               | waitid(2), before its parent can reap it        |
//! | a child of another process, reaped or not                | its pidfd; without one, a look every second     |
//! | a child of another, whose process id has a new process   | the birth of the new one, before it is reported |
//! | none: there was no such process to be watched            | `Input::Gone`                                   |
//!
//! The first of them drops the pidfd, so that the others have nothing to report.

use nix::sys::epoll::Epoll;
use uphold_core::{Input, Instant, Pid};

use crate::capacity::TRACEES;
use crate::output::message_log::MessageLog;
use crate::watch::pidfd::Watches;
use crate::watch::trace::Tracer;

/// Watches a process that another process forked.
pub(crate) fn watch(
    pid: Pid,
    tracer: &mut Tracer<TRACEES>,
    watches: &mut Watches,
    epoll: &Epoll,
    now: Instant,
    log: &mut MessageLog,
) -> Option<Input<'static>> {
    if let Some(exit) = tracer.take_end(pid) {
        return Some(Input::Exited { pid, exit });
    }
    let there = watches.add(pid, now, epoll);
    if let Err(errno) = there {
        log.warn(format_args!("Unable to watch process ({pid}): {}", errno.desc()));
    }
    // A new child is stopped and traced until it is released. If it is not, its exit was reported before its birth.
    let lost = || tracer.knows(pid) && watches.is_ours(pid) == Some(false);
    if there == Ok(false) || lost() {
        tracer.forget(pid);
        watches.remove(pid);
        return Some(Input::Gone { pid });
    }
    None
}
