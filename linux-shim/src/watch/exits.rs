//! How the end of a watched process is learned, and that it is told once.
//!
//! | whose process ends                      | who tells                                                              |
//! |-----------------------------------------|------------------------------------------------------------------------|
//! | our child                               | waitid(2), by which it is reaped                                       |
//! | our tracee                              | waitid(2), before its parent can reap it                               |
//! | another's, reaped or not                | its pidfd                                                              |
//! | another's, whose number has a new owner | the new owner's birth, before that is told                             |
//! | nobody's: there was none to be watched  | `Input::Gone`                                                          |
//!
//! Whoever tells forgets the pidfd; the others then have nothing to tell.

use nix::sys::epoll::Epoll;
use uphold_core::{Input, Pid};

use crate::capacity::TRACEES;
use crate::kernel;
use crate::output::message_log::MessageLog;
use crate::watch::pidfd::Watches;
use crate::watch::trace::Tracer;

/// Watches a process that another one made.
pub(crate) fn watch(
    pid: Pid,
    tracer: &mut Tracer<TRACEES>,
    watches: &mut Watches,
    epoll: &Epoll,
    log: &mut MessageLog,
) -> Option<Input<'static>> {
    if let Some(exit) = tracer.take_end(pid) {
        return Some(Input::Exited { pid, exit });
    }
    let there = watches.add(pid, epoll);
    if let Err(errno) = there {
        log.warn(format_args!("Unable to watch process ({pid}): {}", errno.desc()));
    }
    // A new child stands traced until it is let go. If that is not so, its exit was told before its birth.
    let lost = || tracer.knows(pid) && watches.get(pid).is_some_and(|process| !kernel::process::is_ours(process));
    if there == Ok(false) || lost() {
        tracer.forget(pid);
        watches.remove(pid);
        return Some(Input::Gone { pid });
    }
    None
}
