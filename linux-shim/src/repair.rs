//! Repeated attempts at things that the kernel has refused for want of descriptors or memory.

use uphold_core::Supervisor;

use crate::kernel::error::{errno, may_pass};
use crate::linux::Linux;

impl Linux {
    /// Tries again what has failed, if its time has come.
    pub(crate) fn repair(&mut self, supervisor: &mut Supervisor<'_>) {
        if self.conf.is_due() {
            self.configuration(supervisor, |conf, target| conf.look_again(target));
        }
        if !self.repairs.begin() {
            return;
        }
        let outputs = self.await_outputs().map_err(std::io::Error::from);
        let again = self.control.listen_again(&self.wait.epoll);
        let socket = self.reopen_socket();
        match [outputs, again, socket].iter().any(|done| done.as_ref().is_err_and(|problem| may_pass(errno(problem)))) {
            true => self.repairs.plan(),
            false => self.repairs.end(),
        }
    }
}
