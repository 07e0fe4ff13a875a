//! Repeated attempts at things that the kernel has refused for want of descriptors, memory or disk.

use uphold_core::{Instant, Supervisor};

use crate::clock::now;
use crate::descriptors;
use crate::kernel::error::{errno, may_pass};
use crate::linux::Linux;

impl Linux {
    /// Tries again what has failed, if its time has come.
    pub(crate) fn repair(&mut self, supervisor: &mut Supervisor<'_>) {
        if self.conf.is_due() {
            self.configuration(supervisor, |conf, target| conf.look_again(target));
        }
        if self.control.end_pause(now(), &self.wait.epoll).is_err() {
            self.repairs.plan();
        }
        if !self.repairs.begin() {
            return;
        }
        let outputs = self.await_outputs().map_err(std::io::Error::from);
        let again = self.control.listen_again(&self.wait.epoll);
        let socket = self.reopen_socket();
        let is_behind = self.job_logs.as_mut().is_some_and(|logs| {
            logs.write_kept(supervisor, &mut self.log);
            logs.is_behind()
        });
        let is_refused = |done: &std::io::Result<()>| done.as_ref().is_err_and(|problem| may_pass(errno(problem)));
        match is_behind || [outputs, again, socket].iter().any(is_refused) {
            true => self.repairs.plan(),
            false => self.repairs.end(),
        }
    }

    /// Fills the reserve of descriptors up, and logs once that something does without one.
    pub(crate) fn tell_lack(&mut self, now: Instant) {
        descriptors::restore();
        let news = descriptors::take_news();
        if news.lacks {
            if self.lack.begins(now) {
                let ((limit, reserved), own) = (descriptors::limits(), std::process::id());
                let more = limit.saturating_mul(8);
                self.log.warn(format_args!(
                    "Too few file descriptors: the limit is {limit}, of which {reserved} are reserved for control \
                     connections and launches. Each job with a log, \"expect notify\" or \"expect fd\" takes one, and \
                     so does each daemon that is not a child of init. Until there are more, jobs start without a log \
                     or wait, and such daemons are looked at every second. To allow more: \
                     prlimit --pid {own} --nofile={more}:{more}"
                ));
            }
        } else if news.granted {
            self.lack.is_over(now);
        }
    }
}
