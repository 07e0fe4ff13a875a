//! What clients want of the shim itself, rather than of the jobs.

use uphold_core::control::Reply;
use uphold_core::{ClientId, Input, Supervisor, WorldRequest};

use crate::handover::program::own_program;
use crate::kernel::error;
use crate::linux::Linux;

impl Linux {
    /// Does what a client wants, and answers; what the supervisor is to hear of it is returned.
    pub(crate) fn perform_request(
        &mut self,
        client: ClientId,
        request: WorldRequest,
        supervisor: &mut Supervisor<'_>,
    ) -> Option<Input<'static>> {
        let mut input = None;
        match request {
            WorldRequest::ReloadConfiguration => self.reload(supervisor),
            WorldRequest::SetLogPriority(threshold) => self.log.set_threshold(threshold),
            WorldRequest::WriteKeptOutput => self.write_kept(supervisor),
            WorldRequest::EndSession => input = Some(Input::Logout),
            WorldRequest::Reexecute => {
                self.reexecute(Some(client));
                return None;
            }
        }
        self.control.reply(client, &Reply::Done, &self.wait.epoll);
        input
    }

    /// Writes the job output that was kept, as far as that is possible now.
    fn write_kept(&mut self, supervisor: &Supervisor<'_>) {
        if let Some(logs) = &mut self.job_logs {
            logs.write_kept(supervisor, &mut self.log);
        }
    }

    /// Loads all job files anew.
    pub(crate) fn reload(&mut self, supervisor: &mut Supervisor<'_>) {
        if let Err(problem) = self.reopen_socket() {
            self.log.error(format_args!("Unable to open control socket: {}", error::words(&problem)));
        }
        self.log.info(format_args!("Reloading configuration"));
        self.configuration(supervisor, |conf, target| conf.load_all(target));
    }

    /// Has a new program take over from this one, for a client or because of a signal, when all that is known is told.
    pub(crate) fn reexecute(&mut self, client: Option<ClientId>) {
        match client {
            None => self.log.warn(format_args!("Re-executing {}", own_program().display())),
            Some(_) => self.log.info(format_args!("Restarting")),
        }
        self.restart.get_or_insert_default().extend(client);
    }

    /// Tells who asked for a new program that it has taken over.
    pub(crate) fn has_restarted(&mut self) {
        for client in self.restart.take().into_iter().flatten() {
            self.control.reply(client, &Reply::Done, &self.wait.epoll);
        }
    }
}
