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

use std::os::fd::AsFd;
use uphold_core::input::Input;
use uphold_core::process::{Exit, Pid};
use uphold_core::supervisor::Supervisor;

use crate::capacity::CHILDREN_AT_ONCE;
use crate::kernel;
use crate::linux::Linux;
use crate::watch::pidfd::{exit_of, has_ended};

impl Linux {
    /// Watches a process that another one made.
    pub(crate) fn watch(&mut self, pid: Pid) -> Option<Input<'static>> {
        if let Some(exit) = self.tracer.take_end(pid) {
            return Some(Input::Exited { pid, exit });
        }
        let there = self.watches.add(pid, &self.wait.epoll);
        if let Err(errno) = there {
            self.log.warn(format_args!("Unable to watch process ({pid}): {}", errno.desc()));
        }
        // A new child stands traced until it is let go. If that is not so, its exit was told before its birth.
        let lost = || {
            self.tracer.knows(pid) && self.watches.get(pid).is_some_and(|process| !kernel::process::is_ours(process))
        };
        if there == Ok(false) || lost() {
            self.tracer.forget(pid);
            self.watches.remove(pid);
            return Some(Input::Gone { pid });
        }
        None
    }

    /// A pidfd says that its process has ended.
    pub(crate) fn watched_ended(&mut self, number: u32, supervisor: &Supervisor<'_>) -> Option<Input<'static>> {
        let pid = Pid::new(number)?;
        // What was reported may have been about one before it.
        let process = self.watches.get(pid).filter(|process| has_ended(*process))?;
        if kernel::process::is_ours(process) {
            (self.children, self.more_children) = (CHILDREN_AT_ONCE, true);
            return None;
        }
        let exit = self.old_end(pid)?;
        if let Some(logs) = &mut self.job_logs {
            logs.ended(pid, supervisor, &mut self.log);
        }
        Some(Input::Exited { pid, exit })
    }

    /// How the watched process of that number has ended that nobody has told of, now that a new one has the number, or it
    /// was told; it is watched no more.
    pub(crate) fn old_end(&mut self, pid: Pid) -> Option<Exit> {
        self.watches.remove(pid).map(|process| exit_of(process.as_fd(), pid))
    }
}
